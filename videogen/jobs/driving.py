"""What `animate` is given, read: the portrait with its keypoints, and the driving pose at the clip's rate.

Keypoints that are not given are found in the picture; a pose that is no skeleton is found in the video.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from fractions import Fraction
from itertools import chain, islice
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from videogen.conditions.pose_drawings import is_drawing, pose_from_drawings
from videogen.conditions.pose_repair import fill_gaps, resample
from videogen.conditions.smoothing import Filter, smooth
from videogen.errors import MediaError, MissingExtra, RequestError
from videogen.jobs import Progress, silent
from videogen.media.files import media_errors
from videogen.media.image import is_still, read_image
from videogen.media.video import read_video
from videogen.poses import is_keypoints, rate_of, read_pose
from videogen.types import Frame, Pose

log = logging.getLogger(__name__)

LONGEST = 14_400
"""Frames of the longest clip: ten minutes at 24 frames per second."""
_BEYOND = 32
"""Frames of a video that are looked at after the last one wanted, for the sake of smoothing."""
_LIT = 60  # a frame whose brightest value is below this is black, and does not tell drawings from photographs
_DARK_FRAMES = 50
"""Black frames at the start of a video that are passed over to tell."""


def read_portrait(path: Path, keypoints: Path | None) -> tuple[Frame, NDArray[np.float32]]:
    """The picture, uint8 `h w c`, and its keypoints `k 3`: from the JSON that is named, else from the one
    beside it, else found in the picture."""
    picture = read_image(path)
    beside = keypoints or path.with_suffix(".json")
    if not is_there(beside):
        if keypoints is not None:
            raise RequestError(
                f"{beside} does not exist; give the keypoints of {path.name}, or leave them out"
            )
        return picture, _found(path, picture, beside=beside)
    height, width = picture.shape[:2]
    points = read_pose(beside, size=(width, height)).points
    if not (points[0, :, 2] > 0).any():
        raise RequestError(f"{beside} shows nobody; give the keypoints of the person in {path.name}")
    return picture, points[0]


def _found(path: Path, picture: Frame, *, beside: Path) -> NDArray[np.float32]:
    """The keypoints that a detector finds in a portrait."""
    from videogen.jobs.detecting import detect_points

    try:
        return detect_points(path, picture)
    except MissingExtra:
        raise MissingExtra(
            f"{beside} does not exist; give --keypoints FILE.json (OpenPose or ControlNet JSON), or have "
            f"them found: mediapipe",
            extra="pose",
        ) from None
    except RequestError as error:
        raise RequestError(f"{error}; {beside} does not exist: give --keypoints FILE.json") from None


def is_there(keypoints: Path) -> bool:
    """Whether there is a file of keypoints; raises `MediaError` where that cannot be told."""
    with media_errors(keypoints, doing="read as keypoints"):
        return keypoints.exists()


def driving_rate(path: Path) -> Fraction | None:
    """The frame rate that a driving pose says, None where it does not."""
    if not is_keypoints(path) and is_still(path):
        return None
    return rate_of(path)


def read_driving(
    path: Path, *, rate: Fraction, smoothing: float, seconds: float | None, by: Filter = "savgol",
    person: int = 1, progress: Progress = silent,
) -> Pose:  # fmt: skip
    """The driving pose of a person (1 is the largest) at `rate`, gaps filled, cut after `seconds`.

    Raises `RequestError` above `LONGEST` frames, `MediaError` for what cannot be read.
    """
    if is_keypoints(path):
        pose = read_pose(path, person=person)
    else:
        pose = _from_video(path, rate, seconds=seconds, person=person, progress=progress)
    own = pose.fps or rate
    if pose.fps is None:
        if len(pose.points) > 1:
            log.warning("%s does not say its frame rate; played at %s frames per second", path.name, rate)
        pose = replace(pose, fps=own)
    wanted = clip_length(path, len(pose.points) / own, rate=rate, seconds=seconds)
    needed = ceil(wanted * own / rate) + 1
    pose = smooth(fill_gaps(pose), strength=smoothing, by=by)
    pose = resample(replace(pose, points=pose.points[:needed]), rate)
    return replace(pose, points=pose.points[:wanted])


def clip_length(path: Path, length: Fraction, *, rate: Fraction, seconds: float | None) -> int:
    """Frames at `rate` of a clip that follows what lasts `length` seconds, or of its first `seconds`.

    Raises `RequestError` where it does not last so long, and above `LONGEST`.
    """
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


def _from_video(
    path: Path, rate: Fraction, *, seconds: float | None, person: int, progress: Progress
) -> Pose:
    """The pose in a skeleton video, or of a person in any other, or in a picture."""
    if is_still(path):
        return _of_person(path, frames=None, person=person, progress=progress)
    with read_video(path) as video:
        info = video.info
        if info.duration is not None:
            clip_length(path, info.duration, rate=rate, seconds=seconds)
        frames = islice(video, _enough(info.fps, seconds))
        begun = []
        for frame in islice(frames, _DARK_FRAMES):
            begun.append(frame)
            if frame.max() >= _LIT:
                break
        if not begun:
            raise MediaError(f"{path} has no frames; give a video of a person, or a pose as JSON")
        if is_drawing(begun[-1]):
            return pose_from_drawings(chain(begun, frames), fps=info.fps)
    return _of_person(path, frames=_enough(info.fps, seconds), person=person, progress=progress)


def _enough(fps: Fraction, seconds: float | None) -> int | None:
    """The frames that so many seconds need, with those after them."""
    return None if seconds is None else ceil(Fraction(seconds) * fps) + _BEYOND


def _of_person(path: Path, *, frames: int | None, person: int, progress: Progress) -> Pose:
    """The pose of a person in a video or picture, found now or remembered."""
    from videogen.jobs.detecting import detect_pose
    from videogen.jobs.remembered import remembered

    def find() -> Pose:
        return detect_pose(path, frames=frames, person=person, progress=progress)

    try:
        return find() if path.is_dir() else remembered(path, how=f"mediapipe {frames} {person}", find=find)
    except MissingExtra:
        raise MissingExtra(
            f"{path.name} is not a skeleton video (OpenPose colours on black), and mediapipe, which finds "
            f"people in other videos,",
            extra="pose",
        ) from None
