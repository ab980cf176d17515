"""Skeleton pictures turned back into keypoints: OpenPose's colours say which joint is where.

Reads our own drawings and those of DWPose, ControlNet and MimicMotion (with red and blue exchanged), also
small ones and after lossy compression. Each joint has candidates (`pose_candidates`), the paint between two
speaks for a limb or against it (`pose_paint`), and the body that all paint speaks for most is chosen as a
whole (`pose_tree`). Only the 18 points of the body come back: the dots of a face carry no numbers, and those
of a hand hide the lines between them. One person per picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from videogen.conditions.pose_candidates import Candidates, candidates_of
from videogen.conditions.pose_paint import Array, Paint, at_a_good_size, dark_ones, support
from videogen.conditions.pose_tree import choose, without_strays
from videogen.errors import MediaError
from videogen.skeleton import BODY_SLICE, COLOURS, KEYPOINTS, LIMBS
from videogen.types import Frame, Pose

_PRESENT = 0.6  # what must be outweighed for a joint to be there
_GUESSED = 0.8  # the confidence of a joint that is out of sight
_AS_LIKELY = 0.05


def pose_from_drawings(frames: Iterable[Frame], *, fps: Fraction | None = None) -> Pose:
    """Read the body in each skeleton picture `h w c`; face, hands and feet stay absent.

    `fps` is passed on. Raises MediaError where there are no frames or none shows a skeleton.
    """
    found: list[NDArray[np.float32]] = []
    aspect, exchanged = 1.0, None
    for frame in frames:
        aspect = frame.shape[1] / frame.shape[0]
        body, score = _read(frame[..., ::-1] if exchanged else frame)
        if exchanged is None and score > 0:
            other, better = _read(frame[..., ::-1])
            exchanged = better > score
            body = other if exchanged else body
        points = np.zeros((KEYPOINTS, 3), dtype=np.float32)
        points[BODY_SLICE] = body
        found.append(points)
    if not found:
        raise MediaError("the skeleton video has no frames; expected at least one")
    stacked = np.stack(found)
    if not (stacked[..., 2] > 0).any():
        raise MediaError("no skeleton is in any frame; expected OpenPose colours on black")
    return Pose(stacked, fps=fps, aspect=aspect)


def is_drawing(frame: Frame) -> bool:
    """Say whether a picture `h w c` looks like a skeleton on black rather than like a photograph."""
    return Paint.of(frame).is_skeleton


def _read(frame: Frame) -> tuple[NDArray[np.float32], float]:
    """The 18 points of one picture, `18 3`, and how much speaks for them."""
    paint = Paint.of(at_a_good_size(np.ascontiguousarray(frame)))
    height, width = paint.lit.shape
    pixels = paint.by_colour()
    candidates = candidates_of(paint, pixels)
    together = {
        limb: support(paint, limb, dark_ones(pixels[limb]), candidates[a].places, candidates[b].places)
        for limb, (a, b) in enumerate(LIMBS)
    }
    chosen, score = choose([each.scores - _PRESENT for each in candidates], together)
    chosen = without_strays(chosen, together)
    points = np.zeros((len(COLOURS), 3), dtype=np.float32)
    for joint, number in enumerate(chosen):
        if number >= 0:
            place = _settled(joint, chosen, candidates[joint], together)
            seen = bool(candidates[joint].spots[number])
            points[joint] = *(place / [width, height]), 1.0 if seen else _GUESSED
    return points, score


def _settled(joint: int, chosen: list[int], candidates: Candidates, together: dict[int, Array]) -> Array:
    """The chosen place of a joint; of one that is out of sight, the middle of all that are as likely."""
    number = chosen[joint]
    if candidates.spots[number]:
        place: Array = candidates.places[number]
        return place
    likely = np.zeros(len(candidates.places))
    for limb, (one, other) in enumerate(LIMBS):
        if one == joint and chosen[other] >= 0:
            likely += together[limb][:, chosen[other]]
        if other == joint and chosen[one] >= 0:
            likely += together[limb][chosen[one]]
    same = ~candidates.spots & (likely > likely[number] - _AS_LIKELY)
    middle: Array = candidates.places[same].mean(0)
    return middle
