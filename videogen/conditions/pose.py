"""Keypoints as data: one pose out of any file of keypoints, and back to a file.

Read: JSON of OpenPose, ControlNet, openpose-editor, COCO and DWPose, arrays of COCO-WholeBody and DWPose in
.npz and .npy, in one file or a folder with a file for each frame. Written: the same, by the name of a layout.
Whatever coordinates a file uses, a `Pose` holds fractions of the picture. The formats themselves stand in
`conditions.formats`.
"""

from __future__ import annotations

import json
import logging
import math
import os
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from videogen.conditions.formats.archive import ARRAY_LAYOUTS, ArrayLayout, read_arrays, to_arrays
from videogen.conditions.formats.json_values import parse
from videogen.conditions.formats.openpose import JSON_LAYOUTS, JsonLayout, frame_to_json
from videogen.conditions.formats.points import Points, RawFrame
from videogen.conditions.pose_files import (
    files_of,
    load_arrays,
    load_json,
    write_arrays,
    write_folder,
    write_text,
)
from videogen.conditions.pose_people import follow_people
from videogen.errors import MediaError, RequestError
from videogen.skeleton import KEYPOINTS
from videogen.types import Pose

logger = logging.getLogger(__name__)

Coordinates: TypeAlias = Literal["auto", "pixels", "fractions", "signed"]
KeypointLayout: TypeAlias = JsonLayout | ArrayLayout
_FARTHEST = 20.0  # picture sizes


def read_pose(
    path: str | os.PathLike[str], *, person: int = 1, size: tuple[int, int] | None = None,
    coordinates: Coordinates = "auto", fps: Fraction | None = None,
) -> Pose:  # fmt: skip
    """Read the keypoints of one person from a file of keypoints, or a folder of them.

    `person` counts from 1, the one who is largest over the whole clip, as `all_people` lists them. A folder
    holds a file per frame, in the order of the numbers in their names. `size` is width and height in pixels
    of the picture that the keypoints were found in, `coordinates` what they are (signed: −1…1) and `fps` the
    frame rate, each for files that do not say. Raises MediaError with one line that names the file and the
    frame, RequestError where there is no such person.
    """
    people = all_people(path, size=size, coordinates=coordinates, fps=fps)
    if not 1 <= person <= len(people):
        raise RequestError(no_such_person(path, person, count=len(people)))
    return people[person - 1]


def all_people(
    path: str | os.PathLike[str], *, size: tuple[int, int] | None = None, coordinates: Coordinates = "auto",
    fps: Fraction | None = None,
) -> list[Pose]:  # fmt: skip
    """Read everyone in a file of keypoints, each followed through the clip, the largest first.

    Arguments and errors are those of `read_pose`; where a person is not seen their points are zero.
    """
    where = Path(path)
    frames: list[RawFrame] = []
    files = files_of(where)
    for file in files:
        try:
            if file.suffix.lower() in (".npz", ".npy"):
                frames += read_arrays(load_arrays(file), alone=len(files) == 1)
            else:
                frames += parse(load_json(file))
        except MediaError as error:
            raise MediaError(f"{file}: {error}") from None
    try:
        return _assemble(frames, size=size, coordinates=coordinates, fps=fps)
    except MediaError as error:
        raise MediaError(f"{where}: {error}") from None


def no_such_person(path: str | os.PathLike[str], person: int, *, count: int) -> str:
    """The line that says how many people there are, for a number beyond them."""
    people, choice = ("1 person", "1") if count == 1 else (f"{count} people", f"1 to {count}")
    return f"{path} shows {people}, and person {person} is not among them; give {choice} (1 is the largest)"


def write_pose(
    path: str | os.PathLike[str], pose: Pose, *, width: int, height: int,
    layout: KeypointLayout | None = None,
) -> None:  # fmt: skip
    """Write a pose as keypoints in pixels of a `width` x `height` canvas (`dwpose`: in fractions).

    Layouts of a .json file, or of a folder with a file per frame (a name without an ending): "controlnet",
    "sd-webui", "openpose" (BODY_25), "openpose-18" and "openpose-editor". Of an .npz file: "wholebody" (133
    points), "dwpose-134" and "dwpose" (the dictionary). Without one, .json is ControlNet's list of frames, a
    folder OpenPose's, .npz "wholebody"; nothing is lost in these three. Raises RequestError for what cannot
    be written so and MediaError where the file cannot be written; it is never left half written.
    """
    target = Path(path)
    check_pose(pose, width=width, height=height)
    chosen = layout or {".json": "controlnet", ".npz": "wholebody", "": "openpose"}.get(target.suffix.lower())
    points = np.where(pose.points[..., 2:] > 0, pose.points, 0).astype(np.float64)
    if chosen in ARRAY_LAYOUTS and target.suffix.lower() == ".npz":
        return write_arrays(target, to_arrays(points, chosen, width=width, height=height, fps=pose.fps))
    if chosen not in JSON_LAYOUTS or target.suffix.lower() not in (".json", ""):
        raise RequestError(
            f"{target} cannot be written as {chosen or 'keypoints'}; give a name ending in .json, or in "
            f"nothing for a folder, for {', '.join(JSON_LAYOUTS)}, or in .npz for {', '.join(ARRAY_LAYOUTS)}"
        )
    rate = None if pose.fps is None else _rate_to_json(pose.fps)
    pixels = points * [width, height, 1]
    frames = [frame_to_json(each, chosen, width=width, height=height, rate=rate) for each in pixels]
    if not target.suffix:
        return write_folder(target, [json.dumps(frame, separators=(",", ":")) for frame in frames])
    whole = frames[0] if len(frames) == 1 and chosen != "controlnet" else frames
    return write_text(target, json.dumps(whole, separators=(",", ":")))


def check_pose(pose: Pose, *, width: int, height: int) -> None:
    """Raise RequestError unless a pose can be written on such a canvas."""
    if pose.points.ndim != 3 or pose.points.shape[1:] != (KEYPOINTS, 3) or len(pose.points) == 0:
        raise RequestError(f"a pose of shape {pose.points.shape} cannot be written; expected t {KEYPOINTS} 3")
    if width < 1 or height < 1:
        raise RequestError(f"a canvas of {width} x {height} pixels is impossible; expected 1 or more")
    if not np.isfinite(pose.points).all():
        raise RequestError("the pose holds NaN or infinity; expected finite coordinates")


def _assemble(
    frames: list[RawFrame], *, size: tuple[int, int] | None, coordinates: Coordinates, fps: Fraction | None
) -> list[Pose]:
    """Frames in the file's coordinates to everyone's pose in fractions."""
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
    aspect = canvas[0] / canvas[1] if canvas else None
    tracks = follow_people(normal, aspect=aspect or 1.0)
    return [Pose(track, fps=rate, aspect=aspect) for track in tracks]


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
