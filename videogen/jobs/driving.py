"""What `animate` is given, read: the portrait with its keypoints, and the driving pose at the clip's rate."""

from __future__ import annotations

import logging
from dataclasses import replace
from fractions import Fraction
from itertools import chain, islice
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from videogen.conditions.pose import read_pose
from videogen.conditions.pose_drawings import is_drawing, pose_from_drawings
from videogen.conditions.pose_repair import fill_gaps, resample
from videogen.conditions.smoothing import Filter, smooth
from videogen.errors import MediaError, RequestError
from videogen.media.files import media_errors
from videogen.media.image import read_image
from videogen.media.video import probe, read_video
from videogen.types import Frame, Pose

log = logging.getLogger(__name__)

LONGEST = 14_400
"""Frames of the longest clip: ten minutes at 24 frames per second."""
_BEYOND = 32
"""Frames of a video that are looked at after the last one wanted, for the sake of smoothing."""


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
    return read_pose(path).fps if _is_json(path) else probe(path).fps


def read_driving(
    path: Path, *, rate: Fraction, smoothing: float, seconds: float | None, by: Filter = "savgol"
) -> Pose:
    """The driving pose at `rate`, gaps filled, cut after `seconds`; raises `RequestError` above `LONGEST`."""
    pose = read_pose(path) if _is_json(path) else _from_video(path, rate=rate, seconds=seconds)
    own = pose.fps or rate
    if pose.fps is None:
        log.warning("%s does not say its frame rate; played at %s frames per second", path.name, rate)
        pose = replace(pose, fps=own)
    wanted = _wanted(path, len(pose.points) / own, rate=rate, seconds=seconds)
    needed = ceil(wanted * own / rate) + 1
    pose = smooth(fill_gaps(pose), strength=smoothing, by=by)
    pose = resample(replace(pose, points=pose.points[:needed]), rate)
    return replace(pose, points=pose.points[:wanted])


def _wanted(path: Path, length: Fraction, *, rate: Fraction, seconds: float | None) -> int:
    """Frames of a clip along a pose of `length` seconds; raises `RequestError` for too long ones."""
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
    return wanted


def _is_json(path: Path) -> bool:
    with media_errors(path, doing="read as a pose"):
        return path.suffix.lower() == ".json" or (path.is_dir() and any(path.glob("*.json")))


def _from_video(path: Path, *, rate: Fraction, seconds: float | None) -> Pose:
    with read_video(path) as video:
        if video.info.duration is not None:
            _wanted(path, video.info.duration, rate=rate, seconds=seconds)
        most = None if seconds is None else ceil(Fraction(seconds) * video.info.fps) + _BEYOND
        frames = islice(video, most)
        first = next(frames, None)
        if first is None:
            raise MediaError(f"{path} has no frames; give a pose as JSON or a skeleton video")
        if not is_drawing(first):
            raise RequestError(
                f"{path.name} is not a skeleton video (OpenPose colours on black); finding people in plain "
                f"videos is not built in yet: detect them with OpenPose or DWPose and give the JSON"
            )
        return pose_from_drawings(chain([first], frames), fps=video.info.fps)
