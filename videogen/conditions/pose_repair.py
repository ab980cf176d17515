"""Tracks of keypoints made whole: gaps filled, another frame rate."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np

from videogen.errors import RequestError
from videogen.types import Pose


def fill_gaps(pose: Pose, *, longest: int = 6) -> Pose:
    """Bridge gaps of up to `longest` frames in each keypoint by straight lines; longer ones stay absent.

    A bridged point has the lesser confidence of the two ends. What is missing before the first or after
    the last sighting stays absent.
    """
    points = pose.points.copy()
    for k in range(points.shape[1]):
        seen = np.flatnonzero(points[:, k, 2] > 0)
        for before, after in pairwise(seen):
            if not 1 < after - before <= longest + 1:
                continue
            share = (np.arange(before + 1, after) - before) / (after - before)
            ends = points[before, k], points[after, k]
            points[before + 1 : after, k] = ends[0] + share[:, None] * (ends[1] - ends[0])
            points[before + 1 : after, k, 2] = min(ends[0][2], ends[1][2])
    return replace(pose, points=points)


def resample(pose: Pose, fps: Fraction) -> Pose:
    """Show the same motion at another frame rate; it lasts as long, to within one frame.

    Raises RequestError where the pose does not say its own rate, or `fps` is not positive.
    """
    if pose.fps is None:
        raise RequestError("the pose does not say its frame rate; give fps when reading it")
    if fps <= 0:
        raise RequestError(f"a frame rate of {fps} is impossible; expected more than 0")
    if fps == pose.fps:
        return pose
    length = len(pose.points)
    count = max(1, round(length * fps / pose.fps))
    at = np.array([float(min(n * pose.fps / fps, Fraction(length - 1))) for n in range(count)])
    before = np.floor(at).astype(int)
    after = np.minimum(before + 1, length - 1)
    share = (at - before).astype(np.float32)[:, None, None]
    first, second = pose.points[before], pose.points[after]
    points = first + share * (second - first)
    # With one of the two absent, the other speaks for its own half of the way.
    lone = (first[..., 2] == 0) | (second[..., 2] == 0)
    nearest = np.where(share < 0.5, first, second)
    return replace(pose, points=np.where(lone[..., None], nearest, points).astype(np.float32), fps=fps)
