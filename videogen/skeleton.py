"""The keypoints of a person: which there are, which are joined, and how they are drawn.

A pose has `KEYPOINTS` = 136 points: 18 of the body (the COCO-18 order of OpenPose and ControlNet),
70 of the face (iBUG-68 and two pupils, the order of OpenPose), 21 of each hand, and 6 of the feet (the
order of BODY_25 and COCO-WholeBody). The world and what learns from it know no feet: their points are
those of `WORLD_SLICE`. `draw_skeleton` is written in torch over whole batches, so that the training world
and a user's pose go through the same lines of code on any device.
"""

from __future__ import annotations

import torch
from torch import Tensor

BODY_NAMES = (
    "nose", "neck",
    "right_shoulder", "right_elbow", "right_wrist",
    "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle",
    "left_hip", "left_knee", "left_ankle",
    "right_eye", "left_eye", "right_ear", "left_ear",
)  # fmt: skip
BODY = {name: index for index, name in enumerate(BODY_NAMES)}
FOOT_NAMES = (
    "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip

BODY_SLICE = slice(0, 18)
FACE_SLICE = slice(18, 88)
LEFT_HAND_SLICE = slice(88, 109)
RIGHT_HAND_SLICE = slice(109, 130)
FEET_SLICE = slice(130, 136)
WORLD_SLICE = slice(0, 130)
KEYPOINTS = 136

# Limbs and colours in the order and with the hues of OpenPose's COCO drawing.
LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10),
    (1, 11), (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
COLOURS = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0),
    (0, 255, 0), (0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255),
    (0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255), (255, 0, 170), (255, 0, 85),
)  # fmt: skip

# The contours of the face, as (indices within the 70, closed, colour).
FACE_CONTOURS = (
    (tuple(range(0, 17, 2)), False, (255, 255, 255)),  # jaw, every second point
    ((17, 19, 21), False, (255, 160, 60)),  # right brow
    ((22, 24, 26), False, (255, 160, 60)),  # left brow
    ((27, 30), False, (90, 200, 90)),  # ridge of the nose
    ((31, 33, 35), False, (90, 200, 90)),  # base of the nose
    ((36, 37, 38, 39, 40, 41), True, (80, 160, 255)),  # right eye
    ((42, 43, 44, 45, 46, 47), True, (80, 160, 255)),  # left eye
    ((48, 50, 52, 54, 56, 58), True, (255, 60, 90)),  # outer lips
    ((60, 62, 64, 66), True, (160, 20, 200)),  # inner lips
)


def _face_segments() -> tuple[list[tuple[int, int]], list[tuple[int, int, int]]]:
    pairs, colours = [], []
    for indices, closed, colour in FACE_CONTOURS:
        ends = indices[1:] + indices[:1] if closed else indices[1:]
        for first, second in zip(indices, ends, strict=False):
            pairs.append((FACE_SLICE.start + first, FACE_SLICE.start + second))
            colours.append(colour)
    return pairs, colours


FACE_PAIRS, FACE_COLOURS = _face_segments()


_FRAMES_AT_ONCE = 64


def draw_poses(points: Tensor, *, height: int, width: int) -> Tensor:
    """Draw the poses of a clip, `t k 3`, as maps 0…1 `1 3 t height width`, some frames at a time."""
    pieces = [draw_skeleton(some, height=height, width=width) for some in points.split(_FRAMES_AT_ONCE)]
    return torch.cat(pieces).transpose(0, 1)[None]


def draw_skeleton(
    points: Tensor, *, height: int, width: int, threshold: float = 0.3, thickness: float = 0.022
) -> Tensor:
    """Draw poses as anti-aliased OpenPose pictures on black.

    `points` is `n k 3` (x, y as fractions of width and height, confidence); points below `threshold` are
    left out, and so are limbs that end in one. `thickness` is the limb's width as a fraction of the
    shorter side. Hands have no lines. Returns float 0…1, `n 3 h w`; raises ValueError for another shape.
    """
    if points.ndim != 3 or points.shape[1:] != (KEYPOINTS, 3):
        raise ValueError(f"points must be n {KEYPOINTS} 3, got {tuple(points.shape)}")
    size = points.new_tensor([width, height])
    side = min(height, width)
    positions = points[..., :2] * size
    seen = points[..., 2] >= threshold
    canvas = points.new_zeros(points.shape[0], 3, height, width)
    limb = max(thickness * side, 1.2) / 2
    pieces: list[tuple[int, int, float, tuple[int, int, int], float]] = []
    pieces += [(a, b, limb, COLOURS[i], 0.6) for i, (a, b) in enumerate(LIMBS)]
    pieces += [(i, i, limb * 1.25, COLOURS[i], 1.0) for i in range(18)]
    if bool(seen[:, FACE_SLICE].any()):
        fine = max(thickness * side / 2.5, 0.9) / 2
        pieces += [(a, b, fine, c, 1.0) for (a, b), c in zip(FACE_PAIRS, FACE_COLOURS, strict=True)]
    rows = torch.arange(height, device=points.device, dtype=points.dtype) + 0.5
    columns = torch.arange(width, device=points.device, dtype=points.dtype) + 0.5
    for first, second, radius, colour, strength in pieces:
        both = seen[:, first] & seen[:, second]
        if not bool(both.any()):
            continue
        start, end = positions[:, first], positions[:, second]
        alpha = (radius + 0.5 - _distance_to_segment(start, end, rows, columns)).clamp_(0, 1)
        alpha = alpha.masked_fill(~both[:, None, None], 0)  # a point that is not there may hold NaN
        paint = points.new_tensor(colour).div(255).mul(strength)[None, :, None, None]
        canvas = torch.lerp(canvas, paint.expand_as(canvas), alpha[:, None])
    return canvas


def _distance_to_segment(start: Tensor, end: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Distance of every pixel centre to segments `n 2`, in pixels, `n h w`."""
    span = end - start
    length = span.square().sum(-1).clamp_min(1e-6)
    dx = columns[None, None, :] - start[:, 0, None, None]
    dy = rows[None, :, None] - start[:, 1, None, None]
    along = dx * (span[:, 0] / length)[:, None, None] + dy * (span[:, 1] / length)[:, None, None]
    along = along.clamp_(0, 1)
    dx = dx - along * span[:, 0, None, None]
    dy = dy - along * span[:, 1, None, None]
    return torch.hypot(dx.expand_as(along), dy.expand_as(along))
