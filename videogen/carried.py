"""A picture moved by a pose: what the network is told about it, and what its frames are sharpened with.

In: a picture of any size with its keypoints, and a driving pose. Out: the picture on the network's grid,
carried to every frame with its visibility, the drawn poses, and, frame by frame, the network's drawing with
the picture's own detail where it can be seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor

from videogen.conditions.motion_field import is_head, motion_field, warp
from videogen.conditions.reference import Canvas, to_frame, to_picture
from videogen.conditions.retarget import Motion, retarget
from videogen.enhance.detail import restore_detail, surely_seen
from videogen.skeleton import draw_poses
from videogen.types import Frame, Pose
from videogen.weights.spec import ModelSpec

_FRAMES_AT_ONCE = 64


def carry(picture: Tensor, still: Tensor, moving: Tensor, *, factor: int) -> tuple[Tensor, Tensor]:
    """Carry a picture −1…1 `1 c h w` with keypoints `k 3` to where they are in `moving`, `t k 3`.

    Returns frames `t c h w`, grey where nothing is known, and the visibility `1 1 t h/f w/f`, 0…1.
    """
    height, width = picture.shape[-2:]
    frames, seen = [], []
    for some in moving.split(_FRAMES_AT_ONCE):
        field = motion_field(still[None], some[None], height=height, width=width, aspect=width / height)
        visible = field.visibility[:, None]
        frames.append(rearrange(warp(picture, field) * visible, "1 c t h w -> t c h w"))
        seen.append(F.avg_pool3d(visible, (1, factor, factor)))
    return torch.cat(frames), torch.cat(seen, 2)


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
    picture: Tensor
    still: Tensor
    moving: Tensor

    @classmethod
    def make(
        cls,
        frame: Frame,
        points: NDArray[np.float32],
        driving: Pose,
        *,
        motion: Motion = "relative",
        scale: float = 1.0,
        size: tuple[int, int],
        spec: ModelSpec,
    ) -> CarriedPicture:
        """Carry `frame` with keypoints `k 3`, for an output of `size` (height, width), by a driving pose.

        The pose is fitted to the figure in the picture, see `retarget`.
        """
        aspect = frame.shape[1] / frame.shape[0]
        moved = retarget(driving, points, aspect=aspect, motion=motion, scale=scale)
        return cls.along(frame, points, moved.points, size=size, spec=spec)

    @classmethod
    def along(
        cls,
        frame: Frame,
        points: NDArray[np.float32],
        moved: NDArray[np.float32],
        *,
        size: tuple[int, int],
        spec: ModelSpec,
    ) -> CarriedPicture:
        """Carry `frame` with keypoints `k 3` to where they have `moved`, `t k 3`, as it is."""
        picture = to_picture(frame)
        if picture.shape[-2:] != size:
            picture = F.interpolate(picture, size, mode="bicubic", antialias=True, align_corners=False).clamp(
                -1, 1
            )
        canvas = Canvas.fit(*size, side=min(spec.height, spec.width), multiple=spec.size_multiple)
        reference = canvas.place(picture)
        still, moving = canvas.points(points), canvas.points(moved)
        frames, visibility = carry(reference, still, moving, factor=spec.vae_scale_factor)
        return cls(
            canvas=canvas,
            reference=reference,
            frames=frames,
            visibility=visibility,
            pose_maps=draw_poses(moving, height=canvas.height, width=canvas.width),
            picture=picture,
            still=torch.from_numpy(points),
            moving=torch.from_numpy(moved),
        )

    @property
    def num_frames(self) -> int:
        """How many frames the pose has."""
        return len(self.moving)

    def as_drawn(self, drawn: Tensor) -> Frame:
        """A frame as the network drew it, `c h w`, at the picture's size."""
        size = self.picture.shape[-2:]
        shown = self.canvas.crop(drawn.cpu())[None]
        if shown.shape[-2:] != size:
            shown = F.interpolate(shown, size, mode="bicubic", antialias=True, align_corners=False)
        return to_frame(shown[0].clamp(-1, 1))

    def sharpen(self, number: int, drawn: Tensor) -> Frame:
        """Frame `number` as the network drew it, `c h w`, with the picture's own detail where it is seen."""
        height, width = self.picture.shape[-2:]
        field = motion_field(
            self.still[None],
            self.moving[None, number : number + 1],
            height=height,
            width=width,
            aspect=width / height,
        )
        carried = warp(self.picture, field)[0, :, 0]
        seen = field.visibility[0, 0] if bool(is_head(self.still)) else surely_seen(field.visibility[0, 0])
        return to_frame(restore_detail(self.canvas.crop(drawn.cpu()), carried, seen))
