"""mediapipe's networks, loaded when they are first needed and kept quiet; its answers as arrays.

They lie in mediapipe's wheel. It writes to the standard error from C++, past Python's logging, until a
network has found something for the first time; until then it runs with the standard error turned away.
Places are fractions of the frame that was shown.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from videogen.errors import MissingExtra
from videogen.types import Frame

_Array = NDArray[np.float32]
_MOST = 4
"""How many faces and hands are looked for in a frame."""
_SURE, _UNSURE = 0.7, 0.2
"""How sure a face must be where nothing hints at one, and a body that is known to be there; else 0.5."""

# What is made of `mediapipe.solutions`, and how.
_SOLUTIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "faces": ("face_mesh", "FaceMesh", {"max_num_faces": _MOST, "refine_landmarks": True}),
    "pose": ("pose", "Pose", {}),
    "hands": ("hands", "Hands", {"max_num_hands": _MOST}),
    "far faces": ("face_detection", "FaceDetection", {"model_selection": 1}),
    "mask": ("selfie_segmentation", "SelfieSegmentation", {"model_selection": 0}),
}
_VIEWS: dict[str, tuple[str, dict[str, Any]]] = {
    "faces in view": ("faces", {}),
    "faces in blind view": ("faces", {"min_detection_confidence": _SURE}),
    "pose in view": ("pose", {"min_detection_confidence": _UNSURE}),
    "pose in blind view": ("pose", {}),
}
# mediapipe takes pictures for mirrored ones, as cameras show their owners to themselves.
_SIDES = {"Left": "right", "Right": "left"}


class Networks:
    """mediapipe's networks for the frames of one video, or with `static` for pictures of their own.

    `close` lets go of them. Raises MissingExtra where mediapipe is absent, or too new to have them.
    """

    def __init__(self, *, static: bool) -> None:
        self._static = static
        self._solutions = _load_solutions()
        self._made: dict[str, Any] = {}
        self._spoken: set[str] = set()

    def close(self) -> None:
        """Let go of the networks."""
        while self._made:
            self._made.popitem()[1].close()

    def faces(self, frame: Frame) -> list[_Array]:
        """The faces in the next frame `h w 3`: meshes `478 4` (x, y, depth, and 0)."""
        return self._faces("faces", frame)

    def faces_in_view(self, shown: Frame, *, blind: bool) -> list[_Array]:
        """The faces in what a view shows, as `faces`; surer ones in a blind view."""
        return self._faces("faces in blind view" if blind else "faces in view", shown)

    def _faces(self, key: str, frame: Frame) -> list[_Array]:
        found = self._run(key, frame)
        return [_array_of(face) for face in found.multi_face_landmarks or []]

    def pose(self, frame: Frame) -> _Array | None:
        """The body in the next frame `h w 3`: `33 4` (x, y, depth, visibility)."""
        return self._pose("pose", frame)

    def pose_in_view(self, shown: Frame, *, blind: bool) -> _Array | None:
        """The body in what a view shows, as `pose`; a surer one in a blind view."""
        return self._pose("pose in blind view" if blind else "pose in view", shown)

    def _pose(self, key: str, frame: Frame) -> _Array | None:
        found = self._run(key, frame)
        return None if found.pose_landmarks is None else _array_of(found.pose_landmarks)

    def forget_pose(self) -> None:
        """Seek the body anew in the next frame, in place of following it."""
        if not self._static and "pose" in self._made:
            self._made.pop("pose").close()

    def hands(self, frame: Frame) -> list[tuple[str, _Array]]:
        """The hands in the next frame `h w 3`: whose, the person's `left` or `right`, and `21 4`."""
        found = self._run("hands", frame)
        hands = found.multi_hand_landmarks or []
        sides = [_SIDES[entry.classification[0].label] for entry in found.multi_handedness or []]
        return [(side, _array_of(hand)) for side, hand in zip(sides, hands, strict=True)]

    def far_faces(self, frame: Frame) -> list[_Array]:
        """The corners `2 2` (x, y) of faces in a frame `h w 3`, small ones among them, the surest first."""
        found = self._run("far faces", frame).detections or []
        boxes = [entry.location_data.relative_bounding_box for entry in found]
        corners = [[[b.xmin, b.ymin], [b.xmin + b.width, b.ymin + b.height]] for b in boxes]
        return [np.array(pair, dtype=np.float32) for pair in corners]

    def mask(self, frame: Frame) -> _Array:
        """How surely each pixel of a frame `h w 3` is a person's, `h w`, 0…1."""
        return np.asarray(self._run("mask", frame).segmentation_mask, dtype=np.float32)

    def _run(self, key: str, frame: Frame) -> Any:
        """What a solution makes of the frame; quietly, until it has found something."""
        if key in self._spoken and key in self._made:
            return self._made[key].process(frame)
        with quiet():
            if key not in self._made:
                self._made[key] = self._make(key)
            found = self._made[key].process(frame)
        if any(getattr(found, field) is not None for field in found._fields):
            self._spoken.add(key)
        return found

    def _make(self, key: str) -> Any:
        base, other = _VIEWS.get(key, (key, {}))
        module, name, settings = _SOLUTIONS[base]
        if base in ("faces", "pose", "hands"):
            other = {**other, "static_image_mode": self._static or key != base}
        return getattr(getattr(self._solutions, module), name)(**settings, **other)


@contextmanager
def quiet() -> Iterator[None]:
    """Turn the process's standard error away, below Python."""
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # there is none
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def _load_solutions() -> Any:
    try:
        import mediapipe
    except ImportError:
        raise MissingExtra("mediapipe", extra="pose") from None
    if not hasattr(mediapipe, "solutions"):
        raise MissingExtra("mediapipe before 0.10.30", extra="pose")
    return mediapipe.solutions


def _array_of(landmarks: Any) -> _Array:
    """Landmarks as `k 4`: x, y in fractions of the picture, depth in fractions of its width, visibility."""
    rows = [(point.x, point.y, point.z, point.visibility) for point in landmarks.landmark]
    return np.array(rows, dtype=np.float32)
