"""Whose hand is whose: hands found in a picture go to the wrists of the one pose that is wanted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float32]
_WRISTS = {"left": 15, "right": 16}  # of mediapipe's pose
_REACH = 0.8
"""How far a hand's wrist may lie from the pose's, as a share of the hand's size."""


def own_hands(
    found: Sequence[tuple[str, _Array]], pose: _Array | None, *, size: tuple[int, ...]
) -> dict[str, _Array]:
    """The person's hands by side, from hands `21 2` or more, each with the side that it looks like.

    With a pose `33 4` a hand goes to the nearer wrist; those near neither are somebody else's. Without one
    the largest hand of each side is taken. Places are fractions; `size` is the picture's height and width.
    """
    scale = np.array([size[1], size[0]], dtype=np.float32)
    if pose is None:
        ordered = sorted(found, key=lambda entry: _extent(entry[1], scale))
        return dict(ordered)
    misses = [
        (float(np.hypot(*((hand[0, :2] - pose[wrist, :2]) * scale))) / _extent(hand, scale), number, side)
        for number, (_, hand) in enumerate(found)
        for side, wrist in _WRISTS.items()
    ]
    own: dict[str, _Array] = {}
    taken: set[int] = set()
    for miss, number, side in sorted(misses):
        if miss <= _REACH and side not in own and number not in taken:
            own[side] = found[number][1]
            taken.add(number)
    return own


def _extent(hand: _Array, scale: _Array) -> float:
    return max(1.0, float(np.hypot(*(np.ptp(hand[:, :2], axis=0) * scale))))
