"""The detectors of controlnet-aux: OpenPose and DWPose find people, others draw what a ControlNet reads.

In: paths of their weights, and frames. Out: the keypoints of one person, or maps: edges, depth, lines.
controlnet-aux and the packages under it warn of themselves while they are imported and run; that is kept
quiet. DWPose needs packages of OpenMMLab besides.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from videogen import skeleton
from videogen.detection.landmarks import Points
from videogen.errors import CheckpointError, MissingExtra, RequestError
from videogen.skeleton import BODY_SLICE, FACE_SLICE, KEYPOINTS, LEFT_HAND_SLICE, RIGHT_HAND_SLICE
from videogen.types import Frame

Look: TypeAlias = Callable[[Frame], list[Points]]
"""Everybody in a frame uint8 `h w 3`, each `k 3`."""

MAPS = {
    "canny": "CannyDetector",
    "depth": "MidasDetector",
    "normal": "NormalBaeDetector",
    "softedge": "HEDdetector",
    "scribble": "HEDdetector",
    "lineart": "LineartDetector",
    "lineart-anime": "LineartAnimeDetector",
}
"""The kinds of maps, and controlnet-aux's classes that draw them."""

_SIDE = 512
"""Pixels of the shorter side that people are looked for at."""
_SURE = 0.3
_FARTHEST_STEP = 0.5  # of a person's extent, from frame to frame


class PoseAnnotator:
    """Finds one person in frame after frame with what sees everybody; `person` counts by size, 1 first."""

    def __init__(self, look: Look, *, person: int) -> None:
        self._look, self._person = look, person
        self._last: Points | None = None

    def close(self) -> None:
        """Let go of the networks."""
        self._look = lambda _: []

    def detect(self, frame: Frame) -> Points:
        """The keypoints `k 3` in a frame uint8 `h w 3`, in fractions of it; zeros where nobody is seen."""
        with _quiet():
            people = [person for person in self._look(_at_working_size(frame)) if person.any()]
        chosen = self._choose(people)
        if chosen is None:
            return np.zeros((KEYPOINTS, 3), dtype=np.float32)
        self._last = chosen
        return chosen

    def _choose(self, people: Sequence[Points]) -> Points | None:
        if self._last is not None and people:
            last = self._last
            nearest = min(people, key=lambda person: _apart(person, last))
            if _apart(nearest, last) < _FARTHEST_STEP * _extent(last):
                return nearest
        ordered = sorted(people, key=_extent, reverse=True)
        return ordered[self._person - 1] if len(ordered) >= self._person else None


def openpose(files: Sequence[Path], *, device: str) -> Look:
    """OpenPose from its files for body, hands and face; raises MissingExtra, CheckpointError."""
    options = ("filename", "hand_filename", "face_filename")
    detector = _load("OpenposeDetector", files, options, device=device)

    def look(frame: Frame) -> list[Points]:
        found = detector.detect_poses(frame, include_hand=True, include_face=True)
        return [_from_openpose(person) for person in found]

    return look


def check_dwpose() -> None:
    """Raise RequestError where OpenMMLab's packages, which DWPose needs, are absent."""
    absent = [name for name in ("mmengine", "mmcv", "mmdet", "mmpose") if find_spec(name) is None]
    if absent:
        raise RequestError(
            f"--detector dwpose needs {', '.join(absent)}, which videogen[pose] does not install; run: pip "
            f"install openmim, then: mim install mmengine 'mmcv>=2.0.1' 'mmdet>=3.1.0' 'mmpose>=1.1.0'; or "
            f"use --detector mediapipe"
        )


def dwpose(pose: Path, *, finder: Path | None, device: str) -> Look:
    """DWPose from its file, and that of what finds people for it (None: as its package fetches it).

    Raises MissingExtra, CheckpointError.
    """
    kind = _class("DWposeDetector")
    with _quiet(), _damage(pose, *([finder] if finder else [])):
        detector = kind(det_ckpt=None if finder is None else str(finder), pose_ckpt=str(pose), device=device)

    def look(frame: Frame) -> list[Points]:
        height, width = frame.shape[:2]
        places, scores = detector.pose_estimation(np.ascontiguousarray(frame[..., ::-1]))
        rows = np.concatenate([places / [width, height], scores[..., None]], -1)
        return [_from_dwpose(person.astype(np.float32)) for person in rows]

    return look


def map_drawer(kind: str, files: Sequence[Path], *, device: str) -> Callable[[Frame], Frame]:
    """What draws a kind of `MAPS` from a frame uint8 `h w 3`, as large as the frame.

    Raises MissingExtra, CheckpointError.
    """
    name = MAPS[kind]
    detector = _load(name, files, ("filename", "coarse_filename"), device=device) if files else _class(name)()
    options = {"scribble": True} if kind == "scribble" else {}

    def draw(frame: Frame) -> Frame:
        height, width = frame.shape[:2]
        side = max(64, min(height, width))
        with _quiet():
            found = detector(
                frame, detect_resolution=side, image_resolution=side, output_type="np", **options
            )
        shown = Image.fromarray(np.asarray(found, dtype=np.uint8))
        return np.asarray(shown.resize((width, height), Image.Resampling.BILINEAR))

    return draw


def _class(name: str) -> Any:
    """One of controlnet-aux's detectors; raises MissingExtra."""
    with _quiet():
        try:
            import controlnet_aux
        except ImportError:
            raise MissingExtra("controlnet-aux", extra="pose") from None
    return getattr(controlnet_aux, name)


def _load(name: str, files: Sequence[Path], options: Sequence[str], *, device: str) -> Any:
    """One of controlnet-aux's detectors with its weights, on the device; raises as `map_drawer` does."""
    kind = _class(name)
    named = dict(zip(options, (str(file.absolute()) for file in files), strict=False))
    with _quiet(), _damage(*files):
        # Given a folder that is there, it takes the files by the paths that they are named by.
        return kind.from_pretrained(str(Path.cwd()), **named).to(device)


@contextmanager
def _damage(*files: Path) -> Iterator[None]:
    """Say of whatever goes wrong in the block that these files cannot be loaded."""
    try:
        yield
    # A damaged file ends in whatever its bytes happen to spell.
    except Exception as error:
        named = ", ".join(str(file) for file in files)
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{named} cannot be loaded ({reason}); get it again") from error


def _from_openpose(person: Any) -> Points:
    """One of OpenPose's people, whose points are fractions already, below zero or None where absent."""
    points = np.zeros((KEYPOINTS, 3), dtype=np.float32)
    parts = (
        (person.body.keypoints, BODY_SLICE),
        # It leaves out what it does not see, so that a short face cannot be told point by point.
        (person.face if person.face and len(person.face) >= 70 else None, FACE_SLICE),
        (person.left_hand, LEFT_HAND_SLICE),
        (person.right_hand, RIGHT_HAND_SLICE),
    )
    for found, part in parts:
        for row, point in zip(points[part], found or [], strict=False):
            if point is not None and min(point.x, point.y) >= 0:
                row[:] = point.x, point.y, min(1.0, max(_SURE, point.score))
    return points


def _from_dwpose(rows: NDArray[np.float32]) -> Points:
    """One of DWPose's people, `134 3`: body, feet, face, left hand, right hand."""
    rows = np.where(rows[:, 2:] >= _SURE, rows, 0)
    rows[:, 2] = rows[:, 2].clip(0, 1)
    points = np.zeros((KEYPOINTS, 3), dtype=np.float32)
    points[BODY_SLICE] = rows[:18]
    if feet := getattr(skeleton, "FEET_SLICE", None):
        points[feet] = rows[18:24]
    points[FACE_SLICE][:68] = rows[24:92]
    points[LEFT_HAND_SLICE], points[RIGHT_HAND_SLICE] = rows[92:113], rows[113:134]
    return points


def _at_working_size(frame: Frame) -> Frame:
    height, width = frame.shape[:2]
    scale = _SIDE / min(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC))


def _extent(person: Points) -> float:
    return float(np.hypot(*np.ptp(person[person[:, 2] > 0, :2], axis=0)))


def _apart(person: Points, other: Points) -> float:
    places = [one[one[:, 2] > 0, :2].mean(0) for one in (person, other)]
    return float(np.hypot(*(places[0] - places[1])))


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
