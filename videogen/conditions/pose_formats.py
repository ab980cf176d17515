"""Other people's keypoint files, understood: JSON values in, arrays of 136 points out.

Known: OpenPose (BODY_25 or COCO-18), ControlNet and openpose-editor, COCO-WholeBody (133, or 134 with a
neck, flat or nested, and mmpose's result files), DWPose's dictionary. Coordinates are left as written;
`pose` finds out what they mean. Anything else raises a MediaError that says what was found and expected.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from videogen.errors import MediaError
from videogen.skeleton import (
    BODY_SLICE,
    FACE_SLICE,
    FEET_SLICE,
    KEYPOINTS,
    LEFT_HAND_SLICE,
    RIGHT_HAND_SLICE,
)

Points: TypeAlias = NDArray[np.float64]
"""One person, `k 3`: x and y as written in the file, confidence, all zero where absent."""

_FROM_BODY25 = [*range(8), *range(9, 19)]
_FROM_COCO17 = [0, 0, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3]  # the neck comes later
_OPENPOSE_PARTS = (
    ("face_keypoints_2d", FACE_SLICE, (70, 68)),
    ("hand_left_keypoints_2d", LEFT_HAND_SLICE, (21,)),
    ("hand_right_keypoints_2d", RIGHT_HAND_SLICE, (21,)),
    ("foot_keypoints_2d", FEET_SLICE, (6,)),
)
_COUNTS = "17, 18, 25, 133, 134 or 136"


@dataclass(frozen=True)
class RawFrame:
    """What one frame of a file says: people in the file's own coordinates, the canvas, the frame rate."""

    people: list[Points] = field(default_factory=list)
    canvas: tuple[float, float] | None = None
    fps: object = None
    coordinates: object = None


def parse(value: Any) -> list[RawFrame]:
    """Read a whole JSON value as frames; a single object is one frame. Raises MediaError."""
    if isinstance(value, Mapping) and isinstance(value.get("instance_info"), list):
        return [_frame(entry, number) for number, entry in enumerate(value["instance_info"])]
    if isinstance(value, Mapping) and isinstance(value.get("annotations"), list):
        return _by_picture(value["annotations"])
    if isinstance(value, Mapping):
        return [_frame(value, 0)]
    if not isinstance(value, list):
        raise MediaError(f"a {type(value).__name__} is no pose; expected a list of frames or an object")
    if not value:
        raise MediaError("the list of frames is empty; expected at least one frame")
    if isinstance(value[0], list):
        return _arrays(value)
    if isinstance(value[0], Mapping) and "image_id" in value[0]:
        return _by_picture(value)
    return [_frame(entry, number) for number, entry in enumerate(value)]


def _frame(entry: Any, number: int) -> RawFrame:
    """One frame in any of the forms that are objects."""
    if not isinstance(entry, Mapping):
        raise MediaError(f"frame {number} is a {type(entry).__name__}; expected an object with 'people'")
    where = f"frame {number}"
    canvas = _canvas(entry, where)
    if "people" in entry:
        found = entry["people"] or []
        parsed = [_openpose(person, where) for person in _listed(found, f"{where}: people")]
        return RawFrame(parsed, canvas, entry.get("fps"), entry.get("coordinates"))
    if "instances" in entry:
        found = _listed(entry["instances"], f"{where}: instances")
        return RawFrame([_coco(person, where) for person in found], canvas)
    if "bodies" in entry:
        return RawFrame(_dwpose(entry, where), canvas, entry.get("fps"), "fractions")
    if "keypoints" in entry:
        found = _listed(entry["keypoints"], f"{where}: keypoints")
        nested = (
            bool(found) and isinstance(found[0], list) and bool(found[0]) and isinstance(found[0][0], list)
        )
        people = (
            [_from_rows(_numbers(one, where), where) for one in found] if nested else [_coco(entry, where)]
        )
        return RawFrame(people, canvas, entry.get("fps"))
    keys = ", ".join(sorted(map(str, entry))[:5]) or "nothing"
    raise MediaError(f"{where} holds {keys}; expected 'people', 'keypoints', 'bodies' or 'instances'")


def _canvas(entry: Mapping[Any, Any], where: str) -> tuple[float, float] | None:
    for wide, tall in (("canvas_width", "canvas_height"), ("width", "height")):
        if entry.get(wide) is not None and entry.get(tall) is not None:
            size = _numbers([entry[wide], entry[tall]], f"{where}: {wide}, {tall}")
            if size.shape != (2,) or not bool((size > 0).all()):
                raise MediaError(
                    f"{where}: {wide} and {tall} are {entry[wide]!r} and {entry[tall]!r}; expected sizes"
                )
            return float(size[0]), float(size[1])
    return None


def _openpose(person: Any, where: str) -> Points:
    """A person of OpenPose or ControlNet: flat lists of x, y, confidence."""
    if not isinstance(person, Mapping):
        raise MediaError(f"{where}: a person is a {type(person).__name__}; expected an object of keypoints")
    points = np.zeros((KEYPOINTS, 3))
    body = _flat(person.get("pose_keypoints_2d"), (18, 25), f"{where}: pose_keypoints_2d")
    if body is not None:
        points[BODY_SLICE] = body[_FROM_BODY25] if len(body) == 25 else body
    for name, part, counts in _OPENPOSE_PARTS:
        found = _flat(person.get(name), counts, f"{where}: {name}")
        if found is not None:
            points[part][: len(found)] = found
    return _clean(points)


def _coco(person: Any, where: str) -> Points:
    """A person of COCO or mmpose: `keypoints`, flat or nested, with scores inside or beside."""
    if not isinstance(person, Mapping):
        raise MediaError(f"{where}: a person is a {type(person).__name__}; expected an object of keypoints")
    rows = _numbers(person.get("keypoints"), f"{where}: keypoints")
    if rows.ndim == 1:
        rows = rows.reshape(-1, 3) if rows.size % 3 == 0 else rows.reshape(-1, 1)
    for name, count in (("foot_kpts", 6), ("face_kpts", 68), ("lefthand_kpts", 21), ("righthand_kpts", 21)):
        if name in person:
            part = _flat(person[name], (count,), f"{where}: {name}")
            rows = np.concatenate([rows, np.zeros((count, 3)) if part is None else part])
    if person.get("keypoint_scores") is not None:
        scores = _numbers(person["keypoint_scores"], f"{where}: keypoint_scores")
        if scores.shape != rows.shape[:1]:
            raise MediaError(f"{where}: {scores.size} keypoint_scores for {len(rows)} keypoints")
        rows = np.concatenate([rows[:, :2], scores[:, None]], 1)
    return _from_rows(rows, where)


def _dwpose(entry: Mapping[Any, Any], where: str) -> list[Points]:
    """DWPose's dictionary: candidates and which of them each person has; −1 is absent."""
    bodies = entry["bodies"]
    if not isinstance(bodies, Mapping) or "candidate" not in bodies or "subset" not in bodies:
        raise MediaError(f"{where}: bodies lack 'candidate' or 'subset'; expected DWPose's dictionary")
    candidate = _numbers(bodies["candidate"], f"{where}: candidate").reshape(-1, 2)
    subset = _numbers(bodies["subset"], f"{where}: subset")
    subset = subset[None] if subset.ndim == 1 else subset
    if subset.ndim != 2 or subset.shape[1] < 18 or bool((subset[:, :18] >= len(candidate)).any()):
        raise MediaError(f"{where}: subset of shape {subset.shape} does not fit {len(candidate)} candidates")
    people = np.zeros((len(subset), KEYPOINTS, 3))
    for person, row in zip(people, subset[:, :18], strict=True):
        here = np.flatnonzero(row >= 0)
        person[here, :2] = candidate[row[here].astype(int)]
        person[here, 2] = 1.0
    hands = _listed(entry.get("hands") or [], f"{where}: hands")
    parts = (
        (_listed(entry.get("faces") or [], f"{where}: faces"), FACE_SLICE, 68),
        (hands[: len(people)], LEFT_HAND_SLICE, 21),
        (hands[len(people) :], RIGHT_HAND_SLICE, 21),
    )
    for found, part, count in parts:
        for person, rows in zip(people, found, strict=False):  # faces and hands may be fewer than people
            places = _numbers(rows, where)
            if places.ndim != 2 or places.shape[0] != count or places.shape[1] < 2:
                raise MediaError(f"{where}: a part has shape {places.shape}; expected {count} points x, y")
            person[part][:count, :2] = places[:, :2]
            person[part][:count, 2] = (places[:, :2] >= 0).all(-1)
    return [_clean(person) for person in people]


def _by_picture(annotations: Sequence[Any]) -> list[RawFrame]:
    """COCO annotations, gathered by the picture that they belong to, in order."""
    frames: dict[str, list[Points]] = {}
    for number, entry in enumerate(annotations):
        if not isinstance(entry, Mapping) or "image_id" not in entry:
            raise MediaError(f"annotation {number} has no 'image_id'; expected COCO keypoint annotations")
        frames.setdefault(str(entry["image_id"]), []).append(_coco(entry, f"annotation {number}"))
    return [RawFrame(people) for people in frames.values()]


def _arrays(value: list[Any]) -> list[RawFrame]:
    """Bare numbers: points, frames of points, or frames of people of points."""
    deep = value[0][0] if value[0] else None
    if isinstance(deep, list) and deep and isinstance(deep[0], list):
        return [
            RawFrame(
                [
                    _from_rows(_numbers(one, f"frame {n}"), f"frame {n}")
                    for one in _listed(people, f"frame {n}")
                ]
            )
            for n, people in enumerate(value)
        ]
    if isinstance(deep, list):
        return [
            RawFrame([_from_rows(_numbers(one, f"frame {n}"), f"frame {n}")]) for n, one in enumerate(value)
        ]
    return [RawFrame([_from_rows(_numbers(value, "frame 0"), "frame 0")])]


def _from_rows(rows: NDArray[np.float64], where: str) -> Points:
    """One person's `k 2` or `k 3` in any of the known counts."""
    if rows.ndim != 2 or rows.shape[1] not in (2, 3):
        raise MediaError(
            f"{where}: keypoints have shape {rows.shape}; expected rows of x, y or x, y, confidence"
        )
    if rows.shape[1] == 2:
        rows = np.concatenate([rows, (rows != 0).any(-1, keepdims=True)], 1)
    count = len(rows)
    points = np.zeros((KEYPOINTS, 3))
    if count == KEYPOINTS:
        return _clean(rows.copy())
    if count in (18, 25):
        points[BODY_SLICE] = rows[_FROM_BODY25] if count == 25 else rows
    elif count in (17, 133):
        points[BODY_SLICE] = rows[_FROM_COCO17]
        shoulders = rows[[5, 6]]
        points[1, :2] = shoulders[:, :2].mean(0)
        points[1, 2] = shoulders[:, 2].min()
    elif count == 134:  # DWPose has put the neck and OpenPose's order in already
        points[BODY_SLICE] = rows[:18]
    else:
        raise MediaError(f"{where} has {count} keypoints; expected {_COUNTS}")
    if count > 25:
        start = count - 110  # 68 of the face, 21 of each hand
        points[FACE_SLICE][:68] = rows[start : start + 68]
        points[LEFT_HAND_SLICE] = rows[start + 68 : start + 89]
        points[RIGHT_HAND_SLICE] = rows[start + 89 :]
    return _clean(points)


def _clean(points: Points) -> Points:
    """Confidences to 0…1; absent points to zero."""
    points[:, 2] = points[:, 2].clip(0, 1)
    points[points[:, 2] == 0] = 0
    return points


def _flat(value: Any, counts: tuple[int, ...], where: str) -> NDArray[np.float64] | None:
    """A flat list of x, y, confidence as rows; None where it is absent or empty."""
    if value is None or (isinstance(value, list) and not value):
        return None
    numbers = _numbers(value, where)
    if numbers.ndim != 1 or numbers.size not in [3 * count for count in counts]:
        expected = " or ".join(str(3 * count) for count in counts)
        raise MediaError(f"{where} has {numbers.size} numbers; expected {expected}")
    return numbers.reshape(-1, 3)


def _listed(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise MediaError(f"{where} is a {type(value).__name__}; expected a list")
    return value


def _numbers(value: Any, where: str) -> NDArray[np.float64]:
    """Nested lists of finite numbers (null counts as 0)."""

    def number(item: Any) -> Any:
        if isinstance(item, list):
            return [number(inner) for inner in item]
        if item is None:
            return 0.0
        if isinstance(item, bool) or not isinstance(item, (int, float)):
            raise MediaError(f"{where} holds {str(item)[:30]!r}; expected numbers")
        return float(item)

    try:
        array = np.array(number(value), dtype=np.float64)
    except (ValueError, OverflowError, RecursionError):
        raise MediaError(
            f"{where}: the numbers are uneven or too large; expected rows of equal length"
        ) from None
    if not math.isfinite(float(np.abs(array).sum())):
        raise MediaError(f"{where} holds NaN or infinity; expected finite coordinates")
    return array
