"""The face of a carried picture, drawn again from near.

A network that draws small pictures has no pixels for a mouth where the head is small in the frame. So a
square around the head, which follows it through the clip, is carried and drawn as a picture of its own; its
frames are laid over those of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from videogen.carried import CarriedPicture
from videogen.conditions.face_model import HeadPose, fit_head
from videogen.conditions.geometry import smoothstep
from videogen.conditions.motion_field import is_head
from videogen.enhance.detail import enlarged
from videogen.skeleton import FACE_SLICE
from videogen.types import Frame
from videogen.weights.spec import ModelSpec

_SIDE = 2.7
"""The square's side, in half widths of the face: from above the brows to below the chin."""
_BELOW = 0.42
"""How far the square's middle lies below the eyes, likewise."""
_NEAR_ENOUGH = 0.75
"""A square that takes up more of the picture's shorter side gains too little."""
_RIM = 0.12
"""How much of the square, on each side, goes over into the whole."""
_SEEN = 0.3
Picture = TypeVar("Picture", Frame, NDArray[np.float32])


@dataclass(frozen=True)
class CloseUp:
    """Squares around a moving head: what they show, and their corners x, y and sides in pixels, `t 3`."""

    carried: CarriedPicture
    squares: NDArray[np.int64]

    @classmethod
    def of(cls, whole: CarriedPicture, *, spec: ModelSpec) -> CloseUp | None:
        """Go near the face of a carried picture; None where there is none, or it is near already."""
        height, width = whole.picture.shape[:2]
        stretch = torch.tensor([width, height], dtype=torch.float32)
        if not bool(is_head(whole.still)):
            return None
        still, moving = (_head(points, stretch) for points in (whole.still[None], whole.moving))
        if not bool(still.seen.all()) or not bool(moving.seen.any()):
            return None
        start, squares = _squares(still)[0], _followed(_squares(moving), moving.seen)
        side = int(start[2])
        if not 16 <= side <= _NEAR_ENOUGH * min(height, width):
            return None
        points, moved = (
            _within(keypoints, square, stretch)
            for keypoints, square in ((whole.still, start), (whole.moving, squares[:, None]))
        )
        mask = None if whole.mask is None else _cut(whole.mask, start)
        ground = None if whole.ground is None else _cut(whole.ground, start)
        crop = _cut(whole.picture, start)
        return cls(
            CarriedPicture.along(crop, points, moved, size=(side, side), spec=spec, mask=mask, ground=ground),
            squares,
        )

    def lay_over(self, drawn: Tensor, number: int, near: Tensor) -> Tensor:
        """Lay the square of frame `number` as the network drew it, `c h w`, over the whole, `c H W`."""
        left, top, side = self.squares[number].tolist()
        large = enlarged(self.carried.canvas.crop(near.cpu()), (side, side))
        height, width = drawn.shape[-2:]
        rows, columns = (
            slice(max(top, 0), min(top + side, height)),
            slice(max(left, 0), min(left + side, width)),
        )
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return drawn
        own = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
        share = _feather(side)[own]
        laid = drawn.clone()
        laid[:, rows, columns] = torch.lerp(drawn[:, rows, columns], large[(slice(None), *own)], share)
        return laid


def _head(points: Tensor, stretch: Tensor) -> HeadPose:
    face = points[:, FACE_SLICE]
    return fit_head(face[..., :2] * stretch, face[..., 2] >= _SEEN)


def _squares(head: HeadPose) -> NDArray[np.int64]:
    """The upper left corners x, y, and the sides, in pixels, of squares around heads, `n 3`."""
    side = (_SIDE * head.size).ceil()
    middle = head.centre - _BELOW * head.size[:, None] * head.up
    corner = (middle - side[:, None] / 2).round()
    return np.asarray(torch.cat([corner, side[:, None]], 1).long().numpy())


def _followed(squares: NDArray[np.int64], seen: Tensor) -> NDArray[np.int64]:
    """Squares `t 3` with those of frames without a face taken from the frame before, or the next."""
    known = np.flatnonzero(seen.numpy())
    nearest = known[np.clip(np.searchsorted(known, np.arange(len(squares)), side="right") - 1, 0, None)]
    followed: NDArray[np.int64] = squares[nearest]
    return followed


def _cut(picture: Picture, square: NDArray[np.int64]) -> Picture:
    """A square of a picture `h w …`, its edges repeated beyond it."""
    left, top, side = square.tolist()
    rows, columns = (
        np.clip(np.arange(start, start + side), 0, length - 1)
        for start, length in ((top, picture.shape[0]), (left, picture.shape[1]))
    )
    cut: Picture = picture[rows[:, None], columns]
    return cut


def _within(points: Tensor, square: NDArray[np.int64], stretch: Tensor) -> NDArray[np.float32]:
    """Keypoints `… k 3` as fractions of squares `… 3`."""
    inside = points.clone()
    inside[..., :2] = (points[..., :2] * stretch - torch.from_numpy(square[..., :2])) / torch.from_numpy(
        square[..., 2:]
    )
    return np.asarray(inside.numpy(), dtype=np.float32)


def _feather(side: int) -> Tensor:
    """1 in the middle of a square, falling to 0 at its edges, `side side`."""
    place = (torch.arange(side) + 0.5) / side
    ramp = smoothstep(torch.minimum(place, 1 - place), 0.0, _RIM)
    return F.relu(ramp[:, None] * ramp)
