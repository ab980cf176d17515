"""What `animate` is given, read: the portrait with its keypoints, and the driving pose at the clip's rate."""

from __future__ import annotations

import logging
from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from videogen.conditions.pose_repair import fill_gaps, resample, smooth
from videogen.errors import RequestError
from videogen.media.files import media_errors
from videogen.media.image import read_image
from videogen.poses import rate_of, read_pose
from videogen.types import Frame, Pose

log = logging.getLogger(__name__)

LONGEST = 14_400
"""Frames of the longest clip: ten minutes at 24 frames per second."""


def read_portrait(path: Path, keypoints: Path | None) -> tuple[Frame, NDArray[np.float32]]:
    """The picture, uint8 `h w c`, and its keypoints `k 3`, from the JSON beside it unless one is named."""
    picture = read_image(path)
    beside = keypoints or path.with_suffix(".json")
    if not is_there(beside):
        raise RequestError(
            f"the keypoints of {path.name} are missing: {beside} does not exist; give --keypoints FILE.json "
            f"(OpenPose or ControlNet JSON)"
        )
    height, width = picture.shape[:2]
    points = read_pose(beside, size=(width, height)).points
    if not (points[0, :, 2] > 0).any():
        raise RequestError(f"{beside} shows nobody; give the keypoints of the person in {path.name}")
    return picture, points[0]


def is_there(keypoints: Path) -> bool:
    """Whether there is a file of keypoints; raises `MediaError` where that cannot be told."""
    with media_errors(keypoints, doing="read as keypoints"):
        return keypoints.exists()


def driving_rate(path: Path) -> Fraction | None:
    """The frame rate that a driving pose says, None where it does not."""
    return rate_of(path)


def read_driving(
    path: Path, *, rate: Fraction, smoothing: float, seconds: float | None, person: int = 0
) -> Pose:
    """The driving pose of a person at `rate`, gaps filled, cut after `seconds`; at most `LONGEST` frames.

    Raises `RequestError` beyond that, `MediaError` for what cannot be read.
    """
    pose = read_pose(path, person=person)
    own = pose.fps or rate
    if pose.fps is None:
        log.warning("%s does not say its frame rate; played at %s frames per second", path.name, rate)
        pose = replace(pose, fps=own)
    length = len(pose.points) / own
    wanted = max(1, round((length if seconds is None else Fraction(seconds)) * rate))
    if seconds is not None and wanted > max(1, round(length * rate)):
        raise RequestError(
            f"--seconds {seconds:g} is longer than the pose, which lasts {float(length):.2f} s; "
            f"give less or none"
        )
    if wanted > LONGEST:
        raise RequestError(
            f"{path.name} makes {wanted} frames at {rate} frames per second, a clip has at most {LONGEST}; "
            f"give --seconds {float(LONGEST / rate):g} or less"
        )
    needed = ceil(wanted * own / rate) + 1
    pose = smooth(fill_gaps(pose), strength=smoothing)
    pose = resample(replace(pose, points=pose.points[:needed]), rate)
    return replace(pose, points=pose.points[:wanted])
