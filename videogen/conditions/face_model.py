"""A plain face in three dimensions: the 70 face keypoints with depth, and how to fit it to a picture.

One unit is half the width of the face; x runs right on the picture, y down, z towards the viewer, and
the origin lies between the ears at the height of the eyes. Fitted by an affine camera, the model tells a
turn of the head from a shift, which points on the face alone do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# The person's right half (on the picture's left); the left half mirrors it.
_JAW = (
    (-1.0, 0.05, 0.1), (-0.98, 0.38, 0.12), (-0.94, 0.7, 0.18), (-0.87, 1.0, 0.27),
    (-0.73, 1.27, 0.42), (-0.55, 1.46, 0.6), (-0.36, 1.59, 0.76), (-0.18, 1.66, 0.86),
)  # fmt: skip
_BROW = (
    (-0.82, -0.33, 0.62),
    (-0.68, -0.46, 0.76),
    (-0.5, -0.5, 0.86),
    (-0.33, -0.46, 0.92),
    (-0.17, -0.38, 0.95),
)
_RIDGE = ((0.0, -0.1, 0.96), (0.0, 0.12, 1.06), (0.0, 0.32, 1.17), (0.0, 0.5, 1.26))
_NOSTRIL = ((-0.21, 0.62, 0.97), (-0.11, 0.66, 1.04))
_EYE = (
    (-0.63, -0.02, 0.68), (-0.52, -0.1, 0.76), (-0.38, -0.1, 0.79),
    (-0.27, 0.01, 0.76), (-0.38, 0.06, 0.79), (-0.52, 0.06, 0.76),
)  # fmt: skip
_UPPER_LIP = ((-0.36, 1.02, 0.86), (-0.22, 0.94, 0.97), (-0.08, 0.9, 1.03))
_LOWER_LIP = ((-0.22, 1.13, 0.97), (-0.09, 1.18, 1.01))
_INNER_UPPER = ((-0.3, 1.02, 0.88), (-0.1, 1.0, 0.99))
_INNER_LOWER = ((-0.1, 1.04, 0.99),)
_PUPIL = (-0.45, -0.03, 0.8)

_Points = tuple[tuple[float, float, float], ...]


def _mirror(points: _Points) -> _Points:
    return tuple((-x, y, z) for x, y, z in reversed(points))


def _face() -> _Points:
    left_eye = tuple((-x, y, z) for x, y, z in (_EYE[3], _EYE[2], _EYE[1], _EYE[0], _EYE[5], _EYE[4]))
    points = (*_JAW, (0.0, 1.68, 0.9), *_mirror(_JAW), *_BROW, *_mirror(_BROW), *_RIDGE)
    points += (*_NOSTRIL, (0.0, 0.69, 1.08), *_mirror(_NOSTRIL), *_EYE, *left_eye)
    points += (*_UPPER_LIP, (0.0, 0.92, 1.04), *_mirror(_UPPER_LIP))
    points += (*_mirror(_LOWER_LIP), (0.0, 1.19, 1.02), *_LOWER_LIP)
    points += (*_INNER_UPPER, (0.0, 1.0, 1.0), *_mirror(_INNER_UPPER))
    points += (*_mirror(_INNER_LOWER), (0.0, 1.04, 1.0), *_INNER_LOWER)
    return (*points, _PUPIL, (-_PUPIL[0], _PUPIL[1], _PUPIL[2]))


FACE_MODEL: _Points = _face()
"""The 70 points (x, y, z) of a face at rest."""


@dataclass(frozen=True)
class HeadPose:
    """Where heads are on the picture and how they are turned, over any leading dimensions `…`."""

    camera: Tensor  # … 2 3: how a step along x, y, z of the model shows on the picture
    centre: Tensor  # … 2: between the ears
    size: Tensor  # …: half the width of the face, seen from the front
    up: Tensor  # … 2: unit, towards the crown
    seen: Tensor  # …: bool, false where too little of the face is seen to tell


def fit_head(points: Tensor, seen: Tensor) -> HeadPose:
    """Fit the model to face points `… 70 2` of which `seen` (`… 70`, bool) count, by least squares.

    Coordinates must have equal units along x and y. With fewer than 12 points `seen` is false.
    """
    model = torch.tensor(FACE_MODEL, device=points.device, dtype=points.dtype)
    design = torch.cat([model, torch.ones_like(model[:, :1])], -1)  # k 4
    weighed = design * seen[..., None]
    # A trace of ridge keeps the system solvable when all points are hidden.
    system = weighed.mT @ design + 1e-4 * torch.eye(4, device=points.device, dtype=points.dtype)
    answer = torch.linalg.solve(system, weighed.mT @ points)  # … 4 2
    camera = answer[..., :3, :].mT
    size = (camera.square().sum((-2, -1)) / 2).sqrt().clamp_min(1e-4)
    down = camera[..., :, 1]
    up = -down / down.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    return HeadPose(camera, answer[..., 3, :], size, up, seen.sum(-1) >= 12)
