"""DWPose's dictionary: candidates, which of them each person has, and hands and faces apart.

In: its parts as arrays, of one frame. `candidate` is `p 2`, fractions of the picture; `subset` `n 18` says
which candidate each of n people has for each joint, −1 for none; `hands` `2n 21 2`, all left ones first;
`faces` `n 68 2`; negative places are absent. Scores, of the shape of what they score, are MimicMotion's
addition; without them all that is there is certain. `feet` `n 6 3` and `pupils` `n 2 3` are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from videogen.conditions.formats.points import FACE_68, PUPILS, Points, clean, numbers
from videogen.errors import MediaError
from videogen.skeleton import BODY_SLICE, FEET_SLICE, KEYPOINTS, LEFT_HAND_SLICE, RIGHT_HAND_SLICE

Parts = Mapping[str, NDArray[np.float64]]


def read_dictionary(entry: Mapping[Any, Any], where: str) -> list[Points]:
    """The people of a JSON dictionary with `bodies`, and if wanted `hands` and `faces`."""
    bodies = entry["bodies"]
    if not isinstance(bodies, Mapping) or "candidate" not in bodies or "subset" not in bodies:
        raise MediaError(f"{where}: bodies lack 'candidate' or 'subset'; expected DWPose's dictionary")
    given = {**bodies, **entry}
    names = ("candidate", "subset", "score", "hands", "hands_score", "faces", "faces_score", "feet", "pupils")
    return read_people(
        {name: numbers(given[name], f"{where}: {name}") for name in names if given.get(name)}, where
    )


def read_people(parts: Parts, where: str) -> list[Points]:
    """The people of one frame from the dictionary's parts."""
    candidate = parts.get("candidate", np.zeros((0, 2)))
    candidate = candidate.reshape(-1, 2) if candidate.size % 2 == 0 else candidate.reshape(-1, 1)
    subset = np.atleast_2d(parts.get("subset", np.zeros((0, 18))))
    fits = candidate.shape[1] == 2 and subset.ndim == 2 and subset.shape[1] >= 18
    if not fits or bool((subset[:, :18] >= len(candidate)).any()):
        raise MediaError(f"{where}: subset of shape {subset.shape} does not fit {len(candidate)} candidates")
    people = np.zeros((len(subset), KEYPOINTS, 3))
    _set_bodies(people, candidate, subset[:, :18], parts.get("score"), where)
    hands, hand_scores = parts.get("hands"), parts.get("hands_score")
    count = len(people)
    for name, part, found, scores in (
        ("faces", FACE_68, parts.get("faces"), parts.get("faces_score")),
        ("hands", LEFT_HAND_SLICE, _some(hands, 0, count), _some(hand_scores, 0, count)),
        ("hands", RIGHT_HAND_SLICE, _some(hands, count, 2 * count), _some(hand_scores, count, 2 * count)),
        ("feet", FEET_SLICE, parts.get("feet"), None),
        ("pupils", PUPILS, parts.get("pupils"), None),
    ):
        if found is not None:
            _set_part(people[:, part], found, scores, f"{where}: {name}")
    return [clean(person) for person in people]


def to_dictionary(points: Points) -> dict[str, NDArray[np.float64]]:
    """One person as the parts of the dictionary, from points in fractions, zero where absent."""
    seen = points[:, 2] > 0
    places = np.where(seen[:, None], points[:, :2], -1)
    hands = (LEFT_HAND_SLICE, RIGHT_HAND_SLICE)
    return {
        "candidate": places[BODY_SLICE],
        "subset": np.where(seen[BODY_SLICE], np.arange(18), -1)[None].astype(np.float64),
        "score": points[None, BODY_SLICE, 2],
        "hands": np.stack([places[hand] for hand in hands]),
        "hands_score": np.stack([points[hand, 2] for hand in hands]),
        "faces": places[None, FACE_68],
        "faces_score": points[None, FACE_68, 2],
        "feet": points[None, FEET_SLICE],
        "pupils": points[None, PUPILS],
    }


def _set_bodies(
    people: Points,
    candidate: Points,
    subset: NDArray[np.float64],
    scores: NDArray[np.float64] | None,
    where: str,
) -> None:
    if scores is not None and (scores.ndim != 2 or scores.shape[0] != len(subset) or scores.shape[1] < 18):
        raise MediaError(f"{where}: a score of shape {scores.shape} for a subset of {subset.shape}")
    for number, (person, row) in enumerate(zip(people, subset, strict=True)):
        here = np.flatnonzero(row >= 0)
        person[here, :2] = candidate[row[here].astype(int)]
        person[here, 2] = 1.0 if scores is None else scores[number, here]


def _set_part(
    people: Points, found: NDArray[np.float64], scores: NDArray[np.float64] | None, where: str
) -> None:
    """Put a part of each person, `n k 2` or `n k 3`, in place; there may be fewer than people."""
    count = people.shape[1]
    if found.ndim != 3 or found.shape[1] != count or found.shape[2] < 2:
        raise MediaError(f"{where} have shape {found.shape}; expected {count} points x, y of each person")
    if scores is not None and scores.shape != found.shape[:2]:
        raise MediaError(f"{where} have shape {found.shape} and scores {scores.shape}; expected one for each")
    n = min(len(people), len(found))
    people[:n, :, :2] = found[:n, :, :2]
    if scores is None and found.shape[2] > 2:
        scores = found[..., 2]
    if scores is None:
        people[:n, :, 2] = (found[:n, :, :2] >= 0).all(-1)
    else:  # a point that is scored may lie beyond the edge
        people[:n, :, 2] = np.where((found[:n, :, :2] == -1).all(-1), 0, scores[:n])


def _some(values: NDArray[np.float64] | None, start: int, stop: int) -> NDArray[np.float64] | None:
    return values if values is None or values.ndim == 0 else values[start:stop]
