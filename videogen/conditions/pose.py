"""Keypoints as data: one pose out of any keypoint file, and back to a file.

Read: JSON of OpenPose, ControlNet, openpose-editor, COCO-WholeBody and DWPose (`pose_formats`), in one
file, or a folder with a file for each frame. Written: ControlNet's list of frames, pixels, with the frame
rate. Whatever coordinates a file uses, a `Pose` holds fractions of the picture.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from videogen.conditions.pose_formats import Points, RawFrame, parse
from videogen.errors import MediaError, RequestError
from videogen.skeleton import (
    BODY_SLICE,
    FACE_SLICE,
    FEET_SLICE,
    KEYPOINTS,
    LEFT_HAND_SLICE,
    RIGHT_HAND_SLICE,
)
from videogen.types import Pose

logger = logging.getLogger(__name__)

Coordinates = Literal["auto", "pixels", "fractions", "signed"]
_LARGEST_FILE = 256 * 2**20
_FARTHEST = 20.0  # picture sizes
_PARTS = {
    "pose_keypoints_2d": BODY_SLICE,
    "face_keypoints_2d": FACE_SLICE,
    "hand_left_keypoints_2d": LEFT_HAND_SLICE,
    "hand_right_keypoints_2d": RIGHT_HAND_SLICE,
    "foot_keypoints_2d": FEET_SLICE,
}


def read_pose(
    path: str | os.PathLike[str], *, size: tuple[int, int] | None = None, coordinates: Coordinates = "auto",
    fps: Fraction | None = None,
) -> Pose:  # fmt: skip
    """Read the keypoints of one person (the largest, followed from frame to frame) from JSON.

    `path` is a file, or a folder of files, one per frame, in the order of the numbers in their names.
    `size` is width and height in pixels of the picture that the keypoints were found in, `coordinates` what
    they are (signed: −1…1) and `fps` the frame rate, each for files that do not say. Raises MediaError
    with one line that names the file and the frame.
    """
    where = Path(path)
    frames: list[RawFrame] = []
    for file in _files(where):
        try:
            frames += parse(_load(file))
        except MediaError as error:
            raise MediaError(f"{file}: {error}") from None
    try:
        return _assemble(frames, size=size, coordinates=coordinates, fps=fps)
    except MediaError as error:
        raise MediaError(f"{where}: {error}") from None


def write_pose(path: str | os.PathLike[str], pose: Pose, *, width: int, height: int) -> None:
    """Write a pose as ControlNet's JSON: a list of frames in pixels of a `width` x `height` canvas.

    Raises MediaError where the file cannot be written; it is never left half written.
    """
    if pose.points.ndim != 3 or pose.points.shape[1:] != (KEYPOINTS, 3):
        raise RequestError(f"a pose of shape {pose.points.shape} cannot be written; expected t {KEYPOINTS} 3")
    if width < 1 or height < 1:
        raise RequestError(f"a canvas of {width} x {height} pixels is impossible; expected 1 or more")
    if not np.isfinite(pose.points).all():
        raise RequestError("the pose holds NaN or infinity; expected finite coordinates")
    rate = {} if pose.fps is None else {"fps": _rate_to_json(pose.fps)}
    # Without the mark a tiny figure in the corner would read as fractions.
    head = {"canvas_width": width, "canvas_height": height, "coordinates": "pixels", **rate}
    scaled = pose.points.astype(np.float64) * [width, height, 1]
    frames = [{**head, "people": _people(points)} for points in scaled]
    _write_whole(Path(path), json.dumps(frames, separators=(",", ":")))


def select_person(frames: Sequence[Sequence[Points]]) -> NDArray[np.float32]:
    """Follow one person through frames of several: the largest where someone first appears, then the nearest.

    Each person is `k 3`. Returns `t k 3`, zero in frames without people.
    """
    chosen = np.zeros((len(frames), KEYPOINTS, 3), dtype=np.float32)
    last: Points | None = None
    for number, people in enumerate(frames):
        present = [person for person in people if (person[:, 2] > 0).any()]
        if not present:
            continue
        before = last
        last = max(present, key=_extent) if before is None else min(present, key=lambda p: _apart(p, before))
        chosen[number] = last
    return chosen


def _files(where: Path) -> list[Path]:
    """The file itself, or the .json files of a folder in order; raises MediaError."""
    try:
        if not where.is_dir():
            return [where]
        files = sorted((file for file in where.iterdir() if file.suffix.lower() == ".json"), key=_natural)
    except OSError as error:
        raise MediaError(f"{str(where)[:300]}: cannot be read: {error.strerror or error}") from None
    if not files:
        raise MediaError(f"{where} holds no .json files; expected a folder of OpenPose files, one per frame")
    return files


def _load(file: Path) -> Any:
    """One JSON value; every way that a file can fail becomes a MediaError without the file's name."""
    try:
        # Asked before opening: opening a named pipe would wait for ever.
        if file.exists() and not file.is_file():
            raise MediaError("not a regular file; expected a JSON file of keypoints")
        if file.stat().st_size > _LARGEST_FILE:
            raise MediaError(
                f"{file.stat().st_size >> 20} MiB is too large; expected keypoints under 256 MiB"
            )
        text = file.read_text(encoding="utf-8-sig")
        return json.loads(text)
    except MediaError:
        raise
    except OSError as error:
        raise MediaError(f"cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else "not JSON text"
        raise MediaError(f"{reason}; expected a JSON file of keypoints") from None


def _assemble(
    frames: list[RawFrame], *, size: tuple[int, int] | None, coordinates: Coordinates, fps: Fraction | None
) -> Pose:
    """Frames in the file's coordinates to one pose in fractions."""
    people = [person for frame in frames for person in frame.people if (person[:, 2] > 0).any()]
    if not people:
        raise MediaError(f"nobody is in any of the {len(frames)} frames; expected at least one person")
    canvas = next((frame.canvas for frame in frames if frame.canvas), None)
    stated = next((frame.coordinates for frame in frames if frame.coordinates), None)
    kind: str = coordinates
    if kind == "auto":
        kind = stated if stated in ("pixels", "fractions", "signed") else _guess(people)
    if size is not None:
        canvas = float(size[0]), float(size[1])
    elif canvas is None and kind == "pixels":
        canvas = _guess_canvas(people)
    # Files of one folder may differ in size, unless the user gave one for all.
    sizes = [canvas if size is not None or frame.canvas is None else frame.canvas for frame in frames]
    normal = [
        [_fractions(person, kind=kind, canvas=own) for person in frame.people]
        for frame, own in zip(frames, sizes, strict=True)
    ]
    _check_places(normal)
    rate = fps if fps is not None else _rate(next((frame.fps for frame in frames if frame.fps), None))
    return Pose(select_person(normal), fps=rate, aspect=canvas[0] / canvas[1] if canvas else None)


def _check_places(frames: list[list[Points]]) -> None:
    """Raise MediaError where a keypoint, in fractions, lies so far away that it is a mistake."""
    for number, people in enumerate(frames):
        for person in people:
            farthest = float(np.abs(person[person[:, 2] > 0, :2]).max(initial=0))
            if farthest > _FARTHEST:
                raise MediaError(
                    f"frame {number} has a keypoint {farthest:.3g} picture sizes away; expected it nearby"
                )


def _guess(people: list[Points]) -> str:
    """What coordinates mean when no field says: by their signs and sizes."""
    places = np.concatenate([person[person[:, 2] > 0, :2] for person in people])
    if np.abs(places).max() <= 1 and places.min() < 0:
        return "signed"
    return "fractions" if places.max() <= 1.5 and places.min() >= -0.5 else "pixels"


def _guess_canvas(people: list[Points]) -> tuple[float, float]:
    """The smallest likely picture that holds all points, with a warning."""
    places = np.concatenate([person[person[:, 2] > 0, :2] for person in people])
    width, height = (max(64.0, math.ceil(edge / 64) * 64.0) for edge in places.max(0).tolist())
    logger.warning("keypoints are in pixels of a picture of unknown size; taking %g x %g", width, height)
    return width, height


def _fractions(points: Points, *, kind: str, canvas: tuple[float, float] | None) -> Points:
    moved = points.copy()
    if kind == "signed":
        moved[:, :2] = (moved[:, :2] + 1) / 2
    elif kind == "pixels" and canvas is not None:
        moved[:, :2] /= canvas
    moved[moved[:, 2] == 0] = 0
    return moved


def _extent(person: Points) -> float:
    seen = person[person[:, 2] > 0, :2]
    spread = seen.max(0) - seen.min(0)
    return float(np.hypot(*spread))


def _apart(person: Points, other: Points) -> float:
    shared = (person[:, 2] > 0) & (other[:, 2] > 0)
    if not shared.any():
        return math.inf
    return float(np.linalg.norm(person[shared, :2] - other[shared, :2], axis=-1).mean())


def _people(points: NDArray[np.float64]) -> list[dict[str, list[float] | None]]:
    if not (points[:, 2] > 0).any():
        return []
    parts: dict[str, list[float] | None] = {}
    for name, part in _PARTS.items():
        rows = points[part] * (points[part, 2:] > 0)
        parts[name] = [round(v, 4) for v in rows.reshape(-1).tolist()] if rows.any() else None
    return [parts]


def _rate(value: object) -> Fraction | None:
    """A frame rate as a number or as text like 30000/1001."""
    if value is None:
        return None
    try:
        rate = Fraction(str(value)).limit_denominator(1001)
    except (ValueError, ZeroDivisionError):
        raise MediaError(
            f"fps is {str(value)[:30]!r}; expected a number or a fraction like 30000/1001"
        ) from None
    if not 0 < rate <= 1000:
        raise MediaError(f"fps is {str(value)[:30]}; expected more than 0 and at most 1000")
    return rate


def _rate_to_json(rate: Fraction) -> int | str:
    return rate.numerator if rate.denominator == 1 else f"{rate.numerator}/{rate.denominator}"


def _natural(file: Path) -> list[tuple[int, str]]:
    """Names with numbers in their order: 2 before 10."""
    return [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in re.split(r"(\d+)", file.name)]


def _write_whole(path: Path, text: str) -> None:
    """Write to a temporary name beside `path`, then rename."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        try:
            partial.write_text(text, encoding="utf-8")
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise MediaError(f"{path} cannot be written: {error.strerror or error}") from None
