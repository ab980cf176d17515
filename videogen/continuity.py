"""How well a clip holds together, in a few numbers, measured while its frames pass.

Frames go in one at a time, and memory holds three of them. `seam` and `boundary` are ratios: the change from
one frame to the next where parts of a clip meet, over the mean change elsewhere, or over that beside it where
more moves there; 1 is a place that nobody finds. `drift` is how fast colours wander, in percent of their
range per second. `flicker` is how far pixels at rest jump and come back, in percent of their range (after
VBench's temporal flickering, Huang et al. 2024, which compares neighbours; a second difference lets light
that fades slowly pass). What cannot be said of a clip is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from videogen.types import Frame

Numbers: TypeAlias = dict[str, float]

LIMITS: Mapping[str, float] = {"seam": 1.5, "boundary": 1.5, "drift": 1.0, "flicker": 1.0}
"""What a number may be unless somebody says otherwise."""
UNITS: Mapping[str, str] = {"drift": " %/s", "flicker": " %"}
SIDE = 256
"""Pixels a side that are looked at; of larger frames every second, third, ... row and column."""
_LEAST = 0.5
"""The change, of 255, below which a clip counts as still: rounding alone makes that much."""
_BESIDE = 4
"""Changes on each side of a place that are those beside it."""
_RESTING = 4
"""By how much, of 255, a pixel at rest may differ between the frames before and after."""


class Meter:
    """Takes the frames of a clip at `fps` one by one, uint8 `h w c`, and then tells its numbers."""

    def __init__(self, *, fps: Fraction) -> None:
        self._fps = fps
        self._first: NDArray[np.int16] | None = None
        self._last: list[NDArray[np.int16]] = []
        self._changes: list[float] = []
        self._moments: list[NDArray[np.float64]] = []
        self._flicker, self._resting = 0.0, 0

    def add(self, frame: Frame) -> None:
        """Look at the next frame."""
        rows, columns = (-(-side // SIDE) for side in frame.shape[:2])
        seen = frame[::rows, ::columns].astype(np.int16)
        self._moments.append(np.stack([seen.mean((0, 1)), seen.std((0, 1))]))
        if self._first is None:
            self._first = seen
        if self._last:
            self._changes.append(_change(self._last[-1], seen))
        if len(self._last) == 2:
            self._watch(self._last[0], self._last[1], seen)
        self._last = [*self._last[-1:], seen]

    def _watch(self, before: NDArray[np.int16], here: NDArray[np.int16], after: NDArray[np.int16]) -> None:
        resting = np.abs(after - before) <= _RESTING
        self._flicker += float(np.abs(2 * here - before - after)[resting].sum()) / 2
        self._resting += int(resting.sum())

    def numbers(self, *, joins: Iterable[int] = (), seams: Iterable[int] = (), ring: bool = False) -> Numbers:
        """The numbers of the frames so far, rounded to four digits after the point.

        Pieces begin at the frames `joins`, and frames that were made meet given ones at `seams`; on a `ring`
        frame 0 follows the last. `seam` and `boundary` are the largest of theirs, `boundary_mean` the mean.
        """
        joins, seams = (sorted({each for each in some if self._has(each)}) for some in (joins, seams))
        usual = [change for at, change in enumerate(self._changes, 1) if at not in {*joins, *seams}]
        scale = max(float(np.mean(usual)) if usual else 0.0, _LEAST)
        away = {*joins, *seams}
        at_seams = [self._jump(each, scale, away) for each in seams]
        if ring and self._first is not None and self._changes:
            at_seams.append(_change(self._last[-1], self._first) / scale)
        at_joins = [self._jump(each, scale, away) for each in joins]
        found: dict[str, float | None] = {
            "seam": max(at_seams, default=None),
            "boundary": max(at_joins, default=None),
            "boundary_mean": float(np.mean(at_joins)) if at_joins else None,
            "drift": self._drift(),
            "flicker": self._flicker / self._resting / 2.55 if self._resting else None,
        }
        return {name: round(value, 4) for name, value in found.items() if value is not None}

    def _jump(self, number: int, usual: float, away: set[int]) -> float:
        """The change before a frame over the `usual` one, or over that beside it where more moves there."""
        beside = range(max(number - _BESIDE, 1), min(number + _BESIDE, len(self._changes)) + 1)
        near = [self._changes[each - 1] for each in beside if each not in away]
        return self._changes[number - 1] / max(usual, float(np.mean(near)) if near else 0.0)

    def _has(self, number: int) -> bool:
        return 0 < number <= len(self._changes)

    def _drift(self) -> float | None:
        """The change from the first second to the last one of the mean or deviation that changes most.

        It is None for clips of less than two seconds: there is no last second then.
        """
        second = max(round(self._fps), 1)
        count = len(self._moments)
        if count < 2 * self._fps or count < 2 * second:
            return None
        moved = np.mean(self._moments[-second:], axis=0) - np.mean(self._moments[:second], axis=0)
        return float(np.abs(moved).max() / 2.55 * float(self._fps / (count - second)))


def _change(before: NDArray[np.int16], after: NDArray[np.int16]) -> float:
    """The mean absolute difference of two frames, of 255."""
    return float(np.abs(after - before).mean())


def in_words(numbers: Mapping[str, float]) -> str:
    """The numbers on one line, with their units."""
    return ", ".join(
        f"{name.replace('_', ' ')} {_shown(value)}{UNITS.get(name, '')}" for name, value in numbers.items()
    )


def above(numbers: Mapping[str, float], limits: Mapping[str, float]) -> Iterable[str]:
    """Say, in a line each, which numbers are above their limits."""
    for name, limit in limits.items():
        value = numbers.get(name, 0.0)
        if value > limit:
            unit = UNITS.get(name, "")
            yield f"{name} is {value:.2f}{unit}, above its limit of {limit:g}{unit}"


def _shown(value: float) -> str:
    """A number as people read it: a whole one, as a seed, in full."""
    return f"{value}" if isinstance(value, int) else f"{value:.2f}"
