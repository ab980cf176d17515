"""What all keypoint formats share: checked numbers, the orders of points, and what a frame says.

In: rows of x, y and perhaps confidence, in COCO's, OpenPose's or DWPose's order. Out: arrays of 136 points in
the order of `skeleton`, and back. Coordinates stay as they are. Whatever is wrong raises a MediaError that
begins with where it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from videogen.errors import MediaError
from videogen.skeleton import (
    BODY,
    BODY_SLICE,
    FACE_SLICE,
    FEET_SLICE,
    KEYPOINTS,
    LEFT_HAND_SLICE,
    RIGHT_HAND_SLICE,
    WORLD_SLICE,
)

Points: TypeAlias = NDArray[np.float64]
"""One person, `k 3`: x and y as written in the file, confidence, all zero where absent."""

COUNTS = (17, 18, 25, 130, 133, 134, 136)
"""Of COCO, OpenPose (two), videogen without feet, COCO-WholeBody, DWPose, videogen."""
FACE_68 = slice(FACE_SLICE.start, FACE_SLICE.start + 68)
PUPILS = slice(FACE_68.stop, FACE_SLICE.stop)

_FROM_BODY25 = [*range(8), *range(9, 19)]
_TO_BODY25 = [*range(8), BODY["right_hip"], *range(8, 18)]  # the middle of the hips comes later
_FROM_COCO17 = [0, 0, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3]  # the neck comes later
_TO_COCO17 = [0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10]
_MID_HIP, _NECK = 8, BODY["neck"]
_HIPS = [BODY["right_hip"], BODY["left_hip"]]
_SHOULDERS = [BODY["right_shoulder"], BODY["left_shoulder"]]


@dataclass(frozen=True)
class RawFrame:
    """What one frame of a file says: people in the file's own coordinates, the canvas, the frame rate."""

    people: list[Points] = field(default_factory=list)
    canvas: tuple[float, float] | None = None
    fps: object = None
    coordinates: object = None


def numbers(value: Any, where: str) -> NDArray[np.float64]:
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
    return finite(array, where)


def finite(array: NDArray[Any], where: str) -> NDArray[np.float64]:
    """The array in double precision; NaN, infinity, and what is no number, are refused."""
    if array.dtype.kind not in "fiu":
        raise MediaError(f"{where} holds {array.dtype} values; expected numbers")
    found = array.astype(np.float64)
    if not np.isfinite(found).all():
        raise MediaError(f"{where} holds NaN or infinity; expected finite coordinates")
    return found


def listed(value: Any, where: str) -> list[Any]:
    """The value, which must be a list."""
    if not isinstance(value, list):
        raise MediaError(f"{where} is a {type(value).__name__}; expected a list")
    return value


def clean(points: Points) -> Points:
    """Confidences to 0…1; absent points to zero."""
    points[:, 2] = points[:, 2].clip(0, 1)
    points[points[:, 2] == 0] = 0
    return points


def with_confidence(rows: NDArray[np.float64], where: str) -> NDArray[np.float64]:
    """Rows `n 2` or `n 3` as `n 3`; two columns mean that all but 0, 0 is seen."""
    if rows.ndim != 2 or rows.shape[1] not in (2, 3):
        raise MediaError(
            f"{where}: keypoints have shape {rows.shape}; expected rows of x, y or x, y, confidence"
        )
    if rows.shape[1] == 3:
        return rows
    return np.concatenate([rows, (rows != 0).any(-1, keepdims=True)], 1)


def from_rows(rows: NDArray[np.float64], where: str) -> Points:
    """One person from rows `n 2` or `n 3`, n one of `COUNTS`, as `with_confidence` reads them."""
    rows = with_confidence(rows, where)
    count = len(rows)
    points = np.zeros((KEYPOINTS, 3))
    if count in (KEYPOINTS, WORLD_SLICE.stop):
        points[:count] = rows
    elif count == 18:
        points[BODY_SLICE] = rows
    elif count == 25:
        points[BODY_SLICE], points[FEET_SLICE] = rows[_FROM_BODY25], rows[19:]
    elif count in (17, 133):
        points[BODY_SLICE] = rows[_FROM_COCO17]
        points[_NECK] = _middle(points[_SHOULDERS])
    elif count == 134:  # DWPose has put the neck and OpenPose's order in already
        points[BODY_SLICE] = rows[:18]
    else:
        *others, last = map(str, COUNTS)
        raise MediaError(f"{where} has {count} keypoints; expected {', '.join(others)} or {last}")
    if count in (133, 134):
        first = count - 116  # 6 of the feet, 68 of the face, 21 of each hand
        points[FEET_SLICE] = rows[first : first + 6]
        points[FACE_68] = rows[first + 6 : first + 74]
        points[LEFT_HAND_SLICE] = rows[first + 74 : first + 95]
        points[RIGHT_HAND_SLICE] = rows[first + 95 :]
    return clean(points)


def to_body25(points: Points) -> Points:
    """The body of one person, and the feet, in the order of BODY_25, `25 3`."""
    rows = points[[*_TO_BODY25, *range(KEYPOINTS)[FEET_SLICE]]]
    rows[_MID_HIP] = _middle(points[_HIPS])
    return rows


def to_wholebody(points: Points) -> Points:
    """One person in the order of COCO-WholeBody, `133 3`; neck and pupils have no place there."""
    return np.concatenate([points[_TO_COCO17], _beyond_the_body(points)])


def to_dwpose(points: Points) -> Points:
    """One person in the order of DWPose with its neck, `134 3`; pupils have no place there."""
    return np.concatenate([points[BODY_SLICE], _beyond_the_body(points)])


def _beyond_the_body(points: Points) -> Points:
    parts = (FEET_SLICE, FACE_68, LEFT_HAND_SLICE, RIGHT_HAND_SLICE)
    return np.concatenate([points[part] for part in parts])


def _middle(pair: Points) -> Points:
    """The point between two, seen as well as the worse of them; absent where one of them is."""
    if not (pair[:, 2] > 0).all():
        return np.zeros(3)
    return np.array([*pair[:, :2].mean(0), pair[:, 2].min()])
