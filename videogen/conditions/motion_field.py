"""How a picture moves when its keypoints move: a dense field and where it can be trusted.

In: keypoints of the reference picture and of every driving frame. Out: for each output pixel the place
in the reference to look at (a backward field, for `grid_sample`), and a visibility between 0 (the
reference does not show this) and 1. Heads and shoulders bend as a thin plate; whole bodies move limb by
limb. One implementation in torch, batched over clips and frames, serves training and a user's picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from videogen.conditions.geometry import pixel_centres, smoothstep
from videogen.conditions.head_field import head_field
from videogen.conditions.limb_field import limb_field
from videogen.skeleton import BODY, FACE_SLICE, KEYPOINTS

_SEEN = 0.3
_STILL, _MOVED = 0.1, 0.6  # pixels


@dataclass(frozen=True)
class MotionField:
    """Where each output pixel comes from in the reference, and how far to trust it.

    `grid` is float32 `b t h w 2` (x, y in −1…1, `align_corners=False`); `visibility` is float32
    `b t h w`, 0…1. `person`, likewise, is where the one who moves may be: not where a body has no limb.
    """

    grid: Tensor
    visibility: Tensor
    person: Tensor


def motion_field(
    reference: Tensor, driving: Tensor, *,
    height: int, width: int, aspect: float = 1.0, masks: Tensor | None = None,
) -> MotionField:  # fmt: skip
    """Make the field that carries the reference picture to each driving pose.

    `reference` is `b k 3` and `driving` `b t k 3` (x, y as fractions, confidence 0…1), `aspect` the
    picture's width over its height in true proportions. A clip whose reference has a face and no hips is
    carried as a head, every other one limb by limb. `masks` `b 2 h w`, 0…1, says where the person is in the
    reference, and where their arms: bodies are then as wide as they are there, and their visibility is that
    of the person alone, as `Layers` wants it. Raises ValueError where shapes do not fit.
    """
    if reference.ndim != 3 or driving.ndim != 4 or reference.shape[1:] != (KEYPOINTS, 3):
        raise ValueError(f"reference must be b {KEYPOINTS} 3, driving b t {KEYPOINTS} 3; "
                         f"got {tuple(reference.shape)} and {tuple(driving.shape)}")  # fmt: skip
    if driving.shape[2:] != (KEYPOINTS, 3) or driving.shape[0] != reference.shape[0]:
        raise ValueError(f"driving must be {reference.shape[0]} t {KEYPOINTS} 3, got {tuple(driving.shape)}")
    reference, driving = reference.float(), driving.float()
    clips, length = driving.shape[:2]
    source = reference.new_empty(clips, length, height, width, 2)
    visibility, person = (reference.new_ones(clips, length, height, width) for _ in range(2))
    heads = is_head(reference)
    size: dict[str, Any] = {"height": height, "width": width, "aspect": aspect}
    if bool(heads.any()):
        source[heads], visibility[heads] = head_field(reference[heads], driving[heads], **size)
    if not bool(heads.all()):
        worn = None if masks is None else masks[~heads]
        found = limb_field(reference[~heads], driving[~heads], **size, masks=worn)
        source[~heads], visibility[~heads], person[~heads] = found
    return MotionField(grid=source.mul(2).sub(1), visibility=visibility, person=person)


def is_head(reference: Tensor) -> Tensor:
    """Say for keypoints `… k 3` whether they show a head and shoulders (a face, and no hips), bool `…`."""
    face = reference[..., FACE_SLICE, 2].ge(_SEEN).float().mean(-1) > 0.5
    hips = reference[..., [BODY["right_hip"], BODY["left_hip"]], 2].amax(-1) >= _SEEN
    return face & ~hips


def warp(picture: Tensor, field: MotionField) -> Tensor:
    """Carry pictures (or latents) `b c h w` along their fields; returns `b c t h w` of the field's size.

    Bilinear; past the picture's edge the edge repeats (and `visibility` is 0 there).
    """
    return resample(picture, field)


def resample(picture: Tensor, field: MotionField, *, mode: str = "bilinear") -> Tensor:
    """`warp` by another interpolation of `grid_sample`."""
    length, height, width = field.grid.shape[1:4]
    tall = rearrange(field.grid, "b t h w xy -> b (t h) w xy").to(picture.dtype)
    moved = F.grid_sample(picture, tall, mode=mode, padding_mode="border", align_corners=False)
    return moved.reshape(*moved.shape[:2], length, height, width)


def stillness(field: MotionField) -> Tensor:
    """1 where a field moves nothing, falling to 0 where it moves more than half a pixel, `b t h w`."""
    height, width = field.grid.shape[2:4]
    unmoved = pixel_centres(height, width, like=field.grid) * 2 - 1
    shift = (field.grid - unmoved) * field.grid.new_tensor([width, height]) / 2
    return 1 - smoothstep(shift.norm(dim=-1), _STILL, _MOVED)
