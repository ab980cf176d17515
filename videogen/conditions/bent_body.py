"""A body's motion made smaller or larger: its change since a start frame, times a factor.

Bones turn by the factor times the angle that they turned, so that joints bend more and nothing gets longer
than it ever was; places of the body change by the factor times their steps. Where a point is not seen at
the start, the nearest frame that shows it counts. Arrays hold x, y in equal units and a confidence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_SEEN = 0.3
_LEAST = 1e-6


class Bent:
    """The motion `t k 3` of a body, its change since frame `start` times `factor`."""

    def __init__(self, moving: Array, start: int, factor: float) -> None:
        """Take the motion; nothing is computed yet."""
        self._moving, self._start, self._factor = moving, start, factor
        self._turns: dict[int, Array] = {}

    def placed(self) -> Array:
        """Every point for itself, `t k 3`: its steps since the start times the factor."""
        placed = self._moving.copy()
        if self._factor == 1:
            return placed
        seen = placed[..., 2] >= _SEEN
        for k in np.flatnonzero(seen.any(0)):
            begun = placed[self._nearest(seen[:, k]), k, :2]
            placed[:, k, :2] = begun + self._factor * (placed[:, k, :2] - begun)
        return placed

    def bone(self, parent: int, child: int) -> Array:
        """Steps `t 2` from parent to child, turned, and foreshortened, by the factor times their change."""
        step = self._moving[:, child, :2] - self._moving[:, parent, :2]
        both = np.all(self._moving[:, [parent, child], 2] >= _SEEN, axis=-1)
        if self._factor == 1 or not both.any():
            return np.asarray(step)
        length = np.maximum(np.linalg.norm(step, axis=-1), _LEAST)
        angle = np.arctan2(step[:, 1], step[:, 0])
        angle[both] = np.unwrap(angle[both])
        begun = self._nearest(both)
        turned = angle[begun] + self._factor * (angle - angle[begun])
        # As a bone turns towards the camera its length changes by a share; it cannot pass its true length.
        far = np.minimum(length[begun] * (length / length[begun]) ** self._factor, length[both].max())
        # The bone nearest to a point says how what it carries is turned.
        further = self._turns.get(child, np.full(len(angle), np.nan))
        self._turns[child] = np.where(np.isnan(further) & both, turned - angle, further)
        return np.asarray(far[:, None] * np.stack([np.cos(turned), np.sin(turned)], -1))

    def carried(self, part: slice, carrier: int) -> Array:
        """Steps `t n 2` from a point to those that it carries, turned on as the bone to it is."""
        offset = self._moving[:, part, :2] - self._moving[:, carrier, None, :2]
        if carrier not in self._turns:
            return np.asarray(offset)
        turns = np.nan_to_num(self._turns[carrier])[:, None]
        cos, sin = np.cos(turns), np.sin(turns)
        x, y = offset[..., 0], offset[..., 1]
        return np.stack([cos * x - sin * y, sin * x + cos * y], -1)

    def _nearest(self, seen: NDArray[np.bool_]) -> int:
        """The frame nearest to the start of those that show it."""
        frames = np.flatnonzero(seen)
        return int(frames[np.abs(frames - self._start).argmin()])
