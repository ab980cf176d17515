"""A picture moved by a pose: what the network is told about it, and what its frames are sharpened with.

In: a picture of any size with its keypoints, a mask of the person where there is one, and a driving pose.
Out: the picture on the network's grid, carried to every frame with its visibility, the drawn poses, and,
frame by frame, the network's drawing with the picture's own detail where it can be seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from videogen.conditions.body_mask import arms_mask
from videogen.conditions.layers import Layers
from videogen.conditions.motion_field import MotionField, is_head, motion_field, resample, stillness, warp
from videogen.conditions.mouth_paint import paint_mouth
from videogen.conditions.reference import Canvas, to_frame, to_picture, twice_as_large
from videogen.conditions.retarget import Motion, retarget
from videogen.enhance.detail import enlarged, restore_detail, surely_seen
from videogen.skeleton_style import SkeletonStyle, draw_maps
from videogen.types import Frame, Pose
from videogen.weights.spec import ModelSpec

Mask = NDArray[np.float32]
_FRAMES_AT_ONCE = 64
_LARGEST_DOUBLED = 1600 * 1600  # pixels of a picture that is enlarged before it is looked up


def parted(picture: Tensor, still: Tensor, mask: Tensor, ground: Tensor | None = None) -> Layers:
    """A picture −1…1 `1 c h w` parted by a mask `h w` of who has keypoints `still` `k 3`; see `Layers`."""
    arms = None if bool(is_head(still)) else arms_mask(picture, still, mask)
    return Layers.split(picture, mask, ground=ground, arms=arms)


def carry(
    picture: Tensor, still: Tensor, moving: Tensor, *, factor: int, layers: Layers | None = None
) -> tuple[Tensor, Tensor]:
    """Carry a picture −1…1 `1 c h w` with keypoints `k 3` to where they are in `moving`, `t k 3`.

    Returns frames `t c h w`, grey where nothing is known, and the visibility `1 1 t h/f w/f`, 0…1.
    """
    height, width = picture.shape[-2:]
    frames, seen = [], []
    for some in moving.split(_FRAMES_AT_ONCE):
        field = _field_of(still, some, size=(height, width), layers=layers)
        moved, visible = warp(picture, field), field.visibility
        if bool(is_head(still)):
            moved, painted = paint_mouth(picture, still, moved, some)
            visible = torch.maximum(visible, painted)
        if layers is not None:
            moved, visible = layers.carry(field, moved, visible)
        frames.append(rearrange(moved * visible[:, None], "1 c t h w -> t c h w"))
        seen.append(F.avg_pool3d(visible[:, None], (1, factor, factor)))
    return torch.cat(frames), torch.cat(seen, 2)


def _field_of(still: Tensor, moving: Tensor, *, size: tuple[int, ...], layers: Layers | None) -> MotionField:
    height, width = size
    masks = None if layers is None or layers.arms is None else torch.cat([layers.person, layers.arms], 1)
    return motion_field(
        still[None], moving[None], height=height, width=width, aspect=width / height, masks=masks
    )


@dataclass(frozen=True)
class CarriedPicture:
    """A picture moved by a pose.

    On the network's grid: `reference` `1 c h w`, `frames` `t c h w` (what cannot be seen is grey),
    `visibility` `1 1 t h/f w/f` at the size of the latents, `pose_maps` `1 3 t h w`. At full size the picture
    is carried when a frame is asked for, so that memory does not grow with the clip.
    """

    canvas: Canvas
    reference: Tensor
    frames: Tensor
    visibility: Tensor
    pose_maps: Tensor
    picture: Frame
    mask: Mask | None
    ground: Frame | None
    still: Tensor
    moving: Tensor

    @classmethod
    def make(
        cls, frame: Frame, points: NDArray[np.float32], driving: Pose, *,
        size: tuple[int, int], spec: ModelSpec, motion: Motion = "relative", scale: float = 1.0,
        mask: Mask | None = None, ground: Frame | None = None, style: SkeletonStyle | None = None,
    ) -> CarriedPicture:  # fmt: skip
        """Carry `frame` with keypoints `k 3`, for an output of `size` (height, width), by a driving pose.

        The pose is fitted to the figure in the picture, see `retarget`, and drawn in a style, the model's own
        if not given. `mask` `h w`, 0…1, says where the person is, and `ground`, of the frame's size, what is
        behind.
        """
        aspect = frame.shape[1] / frame.shape[0]
        moved = retarget(driving, points, aspect=aspect, motion=motion, scale=scale)
        return cls.along(
            frame, points, moved.points, size=size, spec=spec, mask=mask, ground=ground, style=style
        )

    @classmethod
    def along(
        cls, frame: Frame, points: NDArray[np.float32], moved: NDArray[np.float32], *,
        size: tuple[int, int], spec: ModelSpec,
        mask: Mask | None = None, ground: Frame | None = None, style: SkeletonStyle | None = None,
    ) -> CarriedPicture:  # fmt: skip
        """Carry `frame` with keypoints `k 3` to where they have `moved`, `t k 3`; see `make`."""
        frame = _fitted(frame, size)
        ground = None if ground is None else _fitted(ground, size)
        if mask is not None and mask.shape != size:
            mask = np.array(Image.fromarray(mask).resize((size[1], size[0]), Image.Resampling.BILINEAR))
        canvas = Canvas.fit(*size, side=min(spec.height, spec.width), multiple=spec.size_multiple)
        reference = canvas.place(to_picture(frame))
        layers = None
        if mask is not None:
            worn = canvas.place_mask(torch.from_numpy(mask))
            behind = None if ground is None else canvas.place(to_picture(ground))
            layers = parted(reference, canvas.points(points), worn, behind)
        still, moving = canvas.points(points), canvas.points(moved)
        frames, visibility = carry(reference, still, moving, factor=spec.vae_scale_factor, layers=layers)
        return cls(
            canvas=canvas,
            reference=reference,
            frames=frames,
            visibility=visibility,
            pose_maps=draw_maps(
                moving, height=canvas.height, width=canvas.width, style=style or spec.skeleton_style
            ),
            picture=frame,
            mask=mask,
            ground=ground,
            still=torch.from_numpy(points),
            moving=torch.from_numpy(moved),
        )

    @property
    def num_frames(self) -> int:
        """How many frames the pose has."""
        return len(self.moving)

    def as_drawn(self, drawn: Tensor) -> Frame:
        """A frame as the network drew it, `c h w`, at the picture's size."""
        return to_frame(self.enlarge(drawn))

    def sharpen(self, number: int, drawn: Tensor) -> Frame:
        """Frame `number` as the network drew it, `c h w`, with the picture's own detail where it is seen."""
        return self.detailed(number, self.enlarge(drawn))

    def enlarge(self, drawn: Tensor) -> Tensor:
        """A frame as the network drew it, `c h w`, with the picture's rows and columns."""
        return enlarged(self.canvas.crop(drawn.cpu()), self.picture.shape[:2])

    def detailed(self, number: int, drawn: Tensor) -> Frame:
        """`sharpen` for a frame drawn with the picture's rows and columns."""
        field = self._field(number)
        carried, seen = resample(self._source, field, mode="bicubic").clamp(-1, 1), field.visibility
        if bool(is_head(self.still)):
            moving = self.moving[number : number + 1]
            carried, painted = paint_mouth(to_picture(self.picture), self.still, carried, moving)
            seen = torch.maximum(seen, painted)
        if self._layers is None:
            carried = torch.lerp(carried, to_picture(self.picture)[:, :, None], stillness(field)[:, None])
        else:
            carried, seen = self._layers.carry(field, carried, seen)
        head = bool(is_head(self.still)) or self._layers is not None
        return to_frame(
            restore_detail(drawn, carried[0, :, 0], seen[0, 0] if head else surely_seen(seen[0, 0]))
        )

    def _field(self, number: int) -> MotionField:
        moving = self.moving[number : number + 1]
        return _field_of(self.still, moving, size=self.picture.shape[:2], layers=self._layers)

    @cached_property
    def _source(self) -> Tensor:
        """What frames are looked up in."""
        height, width = self.picture.shape[:2]
        small = height * width <= _LARGEST_DOUBLED
        return twice_as_large(self.picture) if small else to_picture(self.picture)

    @cached_property
    def _layers(self) -> Layers | None:
        if self.mask is None:
            return None
        ground = None if self.ground is None else to_picture(self.ground)
        return parted(to_picture(self.picture), self.still, torch.from_numpy(self.mask), ground)


def _fitted(frame: Frame, size: tuple[int, int]) -> Frame:
    if frame.shape[:2] == size:
        return frame
    picture = F.interpolate(to_picture(frame), size, mode="bicubic", antialias=True)
    return to_frame(picture[0].clamp(-1, 1))
