"""COCO's family: annotations and mmpose's results, whose people are rows of 17 to 134 points.

In: JSON values with `keypoints`, flat or nested, scores inside or beside; COCO-WholeBody's parts may stand in
lists of their own. Out: people by frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from videogen.conditions.formats.openpose import read_flat
from videogen.conditions.formats.points import Points, RawFrame, from_rows, numbers, with_confidence
from videogen.errors import MediaError

_PARTS = (("foot_kpts", 6), ("face_kpts", 68), ("lefthand_kpts", 21), ("righthand_kpts", 21))


def read_instance(person: Any, where: str) -> Points:
    """A person of COCO or mmpose: `keypoints`, flat or nested, with scores inside or beside."""
    if not isinstance(person, Mapping):
        raise MediaError(f"{where}: a person is a {type(person).__name__}; expected an object of keypoints")
    rows = numbers(person.get("keypoints"), f"{where}: keypoints")
    if rows.ndim == 1:
        rows = rows.reshape(-1, 3) if rows.size % 3 == 0 else rows.reshape(-1, 1)
    rows = with_confidence(rows, where)
    for name, count in _PARTS:
        if name in person:
            part = read_flat(person[name], (count,), f"{where}: {name}")
            rows = np.concatenate([rows, np.zeros((count, 3)) if part is None else part])
    if person.get("keypoint_scores") is not None:
        scores = numbers(person["keypoint_scores"], f"{where}: keypoint_scores")
        if scores.shape != rows.shape[:1]:
            raise MediaError(f"{where}: {scores.size} keypoint_scores for {len(rows)} keypoints")
        rows = np.concatenate([rows[:, :2], scores[:, None]], 1)
    return from_rows(rows, where)


def by_picture(annotations: Sequence[Any]) -> list[RawFrame]:
    """COCO annotations, gathered by the picture that they belong to, in order."""
    frames: dict[str, list[Points]] = {}
    for number, entry in enumerate(annotations):
        if not isinstance(entry, Mapping) or "image_id" not in entry:
            raise MediaError(f"annotation {number} has no 'image_id'; expected COCO keypoint annotations")
        frames.setdefault(str(entry["image_id"]), []).append(read_instance(entry, f"annotation {number}"))
    return [RawFrame(people) for people in frames.values()]
