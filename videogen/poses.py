"""Poses from and to any file: keypoints as data, or drawn skeletons as a video.

In: a path; what it is follows from its name and content. Out: a `Pose` of one person, or everyone's.
Keypoints are `conditions.pose`'s business, skeleton videos are read by their colours and written by drawing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Literal, TypeAlias

from videogen.conditions import pose as keypoints
from videogen.conditions.pose import Coordinates, KeypointLayout
from videogen.conditions.pose_drawings import is_drawing, pose_from_drawings
from videogen.conditions.pose_files import SUFFIXES
from videogen.errors import MediaError, RequestError
from videogen.media.files import media_errors
from videogen.media.video import probe, read_video, write_video
from videogen.skeleton_style import SkeletonStyle, draw_frames
from videogen.types import Frame, Pose

Layout: TypeAlias = KeypointLayout | Literal["skeleton"]
_VIDEOS = (".mp4", ".webm", ".gif", ".webp")


def read_pose(
    path: str | os.PathLike[str], *, person: int = 1, size: tuple[int, int] | None = None,
    coordinates: Coordinates = "auto", fps: Fraction | None = None,
) -> Pose:  # fmt: skip
    """Read the pose of one person from a file or folder of keypoints, or from a skeleton video.

    `person` counts from 1, the one who is largest over the whole clip; a skeleton video shows one. `size`,
    `coordinates` and `fps` are for files that do not say, as in `conditions.pose.read_pose`. Raises
    MediaError where the file cannot be read, RequestError where there is no such person or no skeleton.
    """
    people = all_people(path, size=size, coordinates=coordinates, fps=fps)
    if not 1 <= person <= len(people):
        raise RequestError(keypoints.no_such_person(path, person, count=len(people)))
    return people[person - 1]


def all_people(
    path: str | os.PathLike[str], *, size: tuple[int, int] | None = None, coordinates: Coordinates = "auto",
    fps: Fraction | None = None,
) -> list[Pose]:  # fmt: skip
    """Read everyone's pose, each followed through the clip, the largest first; as `read_pose`."""
    where = Path(path)
    if is_keypoints(where):
        return keypoints.all_people(where, size=size, coordinates=coordinates, fps=fps)
    with read_video(where) as video:
        return [pose_from_drawings(_drawings(iter(video), where), fps=fps or video.info.fps)]


def rate_of(path: str | os.PathLike[str]) -> Fraction | None:
    """The frame rate that a pose says, None where it does not; raises as `read_pose`."""
    where = Path(path)
    return keypoints.read_pose(where).fps if is_keypoints(where) else probe(where).fps


def write_pose(
    path: str | os.PathLike[str], pose: Pose, *, width: int, height: int, layout: Layout | None = None,
    style: SkeletonStyle = "dwpose",
) -> None:  # fmt: skip
    """Write a pose as keypoints on a `width` x `height` canvas, or draw it as a skeleton video of that size.

    Without a `layout` the name decides: .mp4, .webm, .gif and .webp are drawn in a `style`, all else is as in
    `conditions.pose.write_pose`, which names the layouts; "skeleton" draws into a folder of pictures too.
    Raises RequestError for what cannot be written so, MediaError where the file cannot be written; nothing is
    ever left half written.
    """
    target = Path(path)
    if layout != "skeleton" and (layout is not None or target.suffix.lower() not in _VIDEOS):
        keypoints.write_pose(target, pose, width=width, height=height, layout=layout)
        return
    keypoints.check_pose(pose, width=width, height=height)
    if pose.fps is None:
        raise RequestError(
            f"the pose does not say its frame rate, and {target.name} needs one; give fps when reading it"
        )
    write_video(target, draw_frames(pose.points, height=height, width=width, style=style), fps=pose.fps)


def is_keypoints(path: Path) -> bool:
    """Whether a path is a file of keypoints by its name, or a folder that holds some."""
    with media_errors(path, doing="read as a pose"):
        if path.suffix.lower() in SUFFIXES:
            return True
        return path.is_dir() and any(entry.suffix.lower() in SUFFIXES for entry in path.iterdir())


def _drawings(frames: Iterator[Frame], path: Path) -> Iterator[Frame]:
    """The frames of a skeleton video; raises for another one before much of it is read."""
    first = next(frames, None)
    if first is None:
        raise MediaError(f"{path} has no frames; give a pose as JSON or a skeleton video")
    if not is_drawing(first):
        raise RequestError(
            f"{path.name} is not a skeleton video (OpenPose colours on black); find the person in it with "
            f"`videogen pose {path.name}`, and give the JSON"
        )
    return chain([first], frames)
