"""OpenPose's family of JSON: OpenPose itself, ControlNet, sd-webui and openpose-editor, read and written.

A person is flat lists of x, y, confidence by part (the editor: rows of x, y). What a part is called and how
many points it has tells the variants apart. Written coordinates are pixels of the canvas, which is named,
and absent points are 0, 0, 0. BODY_25 holds the feet, elsewhere `foot_keypoints_2d` does, as in ComfyUI;
faces have 70 points. "sd-webui" reads nothing that is less than certain: there a point is certain or absent.
The editor has 18 points of x and y, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from videogen.conditions.formats.points import Points, clean, from_rows, listed, numbers, to_body25
from videogen.errors import MediaError
from videogen.skeleton import BODY_SLICE, FACE_SLICE, FEET_SLICE, KEYPOINTS, LEFT_HAND_SLICE, RIGHT_HAND_SLICE

JsonLayout: TypeAlias = Literal["controlnet", "sd-webui", "openpose", "openpose-18", "openpose-editor"]
JSON_LAYOUTS: tuple[JsonLayout, ...] = get_args(JsonLayout)
CERTAIN = 0.3
"""The confidence from which a point counts as seen where a format knows only that (DWPose's)."""

_BODY, _FEET = "pose_keypoints_2d", "foot_keypoints_2d"
_PARTS = {
    "face_keypoints_2d": (FACE_SLICE, (70, 68)),
    "hand_left_keypoints_2d": (LEFT_HAND_SLICE, (21,)),
    "hand_right_keypoints_2d": (RIGHT_HAND_SLICE, (21,)),
    _FEET: (FEET_SLICE, (6,)),
}
_SOLID = ("pose_keypoints_3d", "face_keypoints_3d", "hand_left_keypoints_3d", "hand_right_keypoints_3d")


def read_person(person: Any, where: str) -> Points:
    """A person of OpenPose or ControlNet: flat lists of x, y, confidence."""
    if not isinstance(person, Mapping):
        raise MediaError(f"{where}: a person is a {type(person).__name__}; expected an object of keypoints")
    points = np.zeros((KEYPOINTS, 3))
    body = read_flat(person.get(_BODY), (18, 25), f"{where}: {_BODY}")
    if body is not None:
        points = from_rows(body, where)
    for name, (part, counts) in _PARTS.items():
        found = read_flat(person.get(name), counts, f"{where}: {name}")
        if found is not None:
            points[part][: len(found)] = found
    return clean(points)


def read_flat(value: Any, counts: tuple[int, ...], where: str) -> NDArray[np.float64] | None:
    """A flat list of x, y, confidence as rows; None where it is absent or empty."""
    if value is None or (isinstance(value, list) and not value):
        return None
    found = numbers(value, where)
    if found.ndim != 1 or found.size not in [3 * count for count in counts]:
        expected = " or ".join(str(3 * count) for count in counts)
        raise MediaError(f"{where} has {found.size} numbers; expected {expected}")
    return found.reshape(-1, 3)


def read_editor(people: list[Any], where: str) -> list[Points]:
    """The people of openpose-editor: rows of x, y each, null or 0, 0 where a point is absent."""
    return [
        from_rows(numbers([[0, 0] if row is None else row for row in listed(one, where)], where), where)
        for one in people
    ]


def frame_to_json(
    points: Points, layout: JsonLayout, *, width: int, height: int, rate: Any
) -> dict[str, Any]:
    """One frame as JSON, from points in pixels, all zero where absent; `rate` is left out where None."""
    if layout == "sd-webui":
        seen = points[:, 2:] >= CERTAIN
        points = np.concatenate([points[:, :2], np.ones((KEYPOINTS, 1))], 1) * seen
    somebody = bool((points[:, 2] > 0).any())
    if layout == "openpose-editor":
        rows = np.round(points[BODY_SLICE, :2], 4).tolist()
        frame = {"width": width, "height": height, "keypoints": [rows] if somebody else []}
    else:
        person = (_openpose_person if layout.startswith("openpose") else _controlnet_person)(points, layout)
        frame = {"people": [person] if somebody else [], "canvas_width": width, "canvas_height": height}
        if layout.startswith("openpose"):
            frame = {"version": 1.3, **frame}
    # Without the mark a tiny figure in the corner would read as fractions.
    return {**frame, "coordinates": "pixels", **({} if rate is None else {"fps": rate})}


def _controlnet_person(points: Points, layout: JsonLayout) -> dict[str, Any]:
    """Null for parts without points; feet only where there are any."""
    parts = {_BODY: BODY_SLICE, **{name: part for name, (part, _) in _PARTS.items()}}
    person = {name: _write_flat(points[part]) or None for name, part in parts.items()}
    if person[_FEET] is None:
        del person[_FEET]
    return person


def _openpose_person(points: Points, layout: JsonLayout) -> dict[str, Any]:
    """Empty lists for parts without points, and for everything in space."""
    flat = {name: _write_flat(points[part]) for name, (part, _) in _PARTS.items()}
    feet = flat.pop(_FEET)
    if layout == "openpose":
        flat[_BODY] = _write_flat(to_body25(points))
    else:
        flat[_BODY] = _write_flat(points[BODY_SLICE])
        flat |= {_FEET: feet} if feet else {}
    return {"person_id": [-1], **flat, **{name: [] for name in _SOLID}}


def _write_flat(rows: Points) -> list[float]:
    """Rows of x, y, confidence as one list, empty where no point is seen."""
    if not (rows[:, 2] > 0).any():
        return []
    values: list[float] = np.round(rows, 4).reshape(-1).tolist()
    return values
