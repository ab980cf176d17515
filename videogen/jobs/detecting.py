"""People found in what a camera saw: a video, a folder of pictures or a picture becomes a pose.

Frames are looked at one by one as they are decoded, so that memory holds keypoints alone. Frames in which
nobody is seen are gaps in the pose.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from videogen.detection.overlay import overlay
from videogen.errors import RequestError
from videogen.jobs import Progress, silent
from videogen.media.files import name_of
from videogen.media.image import is_still, read_image, write_image
from videogen.media.video import VideoReader, probe, read_video, write_video
from videogen.types import Frame, Pose

log = logging.getLogger(__name__)

Kind: TypeAlias = Literal["mediapipe", "openpose", "dwpose"]
"""Whose networks find people."""


class Detector(Protocol):
    """Finds one person in frame after frame, as `PersonDetector` does."""

    def detect(self, frame: Frame) -> NDArray[np.float32]:
        """The keypoints `k 3` in a frame uint8 `h w 3`, zeros where nobody is seen."""

    def close(self) -> None:
        """Let go of the networks."""


def detect_pose(
    path: str | Path, *, person: int = 1, detector: Kind = "mediapipe", weights: Path | None = None,
    device: str = "auto", preview: Path | None = None, frames: int | None = None, progress: Progress = silent,
) -> Pose:  # fmt: skip
    """Find a person in every frame of a video, folder of pictures, or picture.

    `person` counts people by size, the largest is 1. `weights` is a folder with the files of openpose or
    dwpose, `device` where those compute; mediapipe needs neither. `preview` is a file to show the keypoints
    in, drawn over the picture. `frames` looks at the first so many only. Raises MissingExtra where the
    detector is not installed, CheckpointError where its weights are not here, MediaError for files that
    cannot be read or written, and RequestError where nobody is seen in any frame.
    """
    still = is_still(path)
    with closing(open_detector(detector, static=still, person=person, weights=weights, device=device)) as eye:
        if still:
            return _in_picture(path, eye, preview=preview)
        with read_video(path) as video:
            return _in_video(path, video, eye, preview=preview, frames=frames, progress=progress)


def detect_points(path: str | Path, picture: Frame) -> NDArray[np.float32]:
    """The keypoints `k 3` of the largest person in a picture `h w 3` that was read from `path`.

    Raises MissingExtra where mediapipe is absent, RequestError where nobody is seen.
    """
    with closing(open_detector("mediapipe", static=True)) as eye:
        points = eye.detect(picture)
    if not points.any():
        raise RequestError(f"nobody is seen in {name_of(path)}; expected a picture of a person")
    return points


def size_of(path: str | Path) -> tuple[int, int]:
    """Width and height in pixels of a video's frames, or of a picture; raises MediaError."""
    if is_still(path):
        height, width = read_image(path).shape[:2]
        return width, height
    info = probe(path)
    return info.width, info.height


def open_detector(
    kind: Kind, *, static: bool, person: int = 1, weights: Path | None = None, device: str = "auto"
) -> Detector:
    """A detector for the frames of a video, or with `static` for pictures of their own.

    Raises as `detect_pose` does.
    """
    if person < 1:
        raise RequestError(f"person {person} was asked for; the largest is 1, the next 2")
    if kind != "mediapipe":
        from videogen.jobs.annotating import load_pose_annotator

        return load_pose_annotator(kind, person=person, weights=weights, device=device)
    if weights is not None:
        raise RequestError("mediapipe brings its own weights; leave --weights out, or choose a --detector")
    from videogen.detection.person import PersonDetector

    return PersonDetector(static, person=person)


def _in_picture(path: str | Path, eye: Detector, *, preview: Path | None) -> Pose:
    picture = read_image(path)
    points = eye.detect(picture)
    _check_somebody(path, [points])
    if preview is not None:
        write_image(preview, overlay(picture, points))
    return Pose(points[None], aspect=picture.shape[1] / picture.shape[0])


def _in_video(
    path: str | Path, video: VideoReader, eye: Detector, *,
    preview: Path | None, frames: int | None, progress: Progress,
) -> Pose:  # fmt: skip
    info = video.info
    counts = [count for count in (info.num_frames, frames) if count is not None]
    found: list[NDArray[np.float32]] = []

    def look() -> Iterator[tuple[Frame, NDArray[np.float32]]]:
        for frame in islice(video, frames):
            points = eye.detect(frame)
            found.append(points)
            progress("pose", len(found), min(counts, default=None))
            yield frame, points
        _check_somebody(path, found)

    if preview is None:
        for _ in look():
            pass
    else:
        write_video(preview, (overlay(frame, points) for frame, points in look()), fps=info.fps)
    gaps = sum(not points.any() for points in found)
    if gaps:
        log.warning("nobody is seen in %d of the %d frames of %s", gaps, len(found), name_of(path))
    return Pose(np.stack(found), fps=info.fps, aspect=info.width / info.height)


def _check_somebody(path: str | Path, found: list[NDArray[np.float32]]) -> None:
    if not any(points.any() for points in found):
        where = "" if len(found) == 1 else f"any of the {len(found)} frames of "
        raise RequestError(
            f"nobody is seen in {where}{name_of(path)}; give one that shows a person, or keypoints as JSON"
        )
