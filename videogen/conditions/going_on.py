"""How tracks of numbers go on: the simplest motion that explains what was seen, carried further.

Given a few moments of places, sizes or angles, out come those of later moments: at rest, steady, speeding up,
or going round and back. Which of them is chosen by how well each explains the last third from what was before
it, and by how little it needs (Schwarz's criterion). All values of one thing share one motion in time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_SHORTEST = 6
"""The shortest period that is looked for, in moments."""
_FEWEST, _DOUBT = 4, 6.0
_PERIODS = 144
"""Periods that are tried, so near each other that two rounds tell them apart."""
_NOISE = 2e-3
"""Deviation of values that nobody can see, in the units of places: a fraction of the picture."""


def go_on(seen: Array, later: Array, *, degree: int = 2, longest: float = 3.0) -> Array:
    """Values `s d` at moments `later`, `s`, after those `seen`, `t d`; a steady motion where few were seen.

    Moments count from the last one seen, and the time between two that were seen is 1. `degree` is that of
    the fastest polynomial that is tried, and `longest` the longest period, in lengths of what was seen.
    """
    length = len(seen)
    ahead = length - 1 + later
    if length < 2:
        return np.repeat(seen[-1:], len(later), 0)
    time = np.arange(length, dtype=np.float64)
    if length < _FEWEST:
        slope = (seen[-1] - seen[0]) / (length - 1)
        return np.asarray(seen[-1] + slope * (ahead[:, None] - time[-1]))
    best = min(_motions(length, degree, longest), key=lambda basis: _cost(basis, time, seen))
    weights = _fit(best, time, seen)
    found = _columns(best, ahead) @ weights
    # It begins where the last moment was, whatever the fit says of it.
    gap = seen[-1] - _columns(best, time[-1:]) @ weights
    return np.asarray(found + gap * np.exp(-later / 4)[:, None])


def _motions(length: int, fastest: int, longest: float) -> Iterator[tuple[int, float, int]]:
    """Degree of the polynomial, period (0 is none) and harmonics of every motion that is tried."""
    yield from ((degree, 0.0, 0) for degree in range(fastest + 1))
    if length >= 8:
        for period in np.geomspace(_SHORTEST, max(longest * length, _SHORTEST + 1), _PERIODS):
            yield 0, float(period), 1
            if period < 1.5 * length:
                yield 0, float(period), 2
                yield 1, float(period), 2


def _columns(motion: tuple[int, float, int], time: Array) -> Array:
    degree, period, harmonics = motion
    columns = [time**power for power in range(degree + 1)]
    for harmonic in range(1, harmonics + 1):
        angle = 2 * np.pi * harmonic * time / period
        columns += [np.cos(angle), np.sin(angle)]
    return np.stack(columns, 1)


def _fit(motion: tuple[int, float, int], time: Array, seen: Array) -> Array:
    """Weights by least squares, with a trace of ridge; later moments count more."""
    columns = _columns(motion, time)
    counts = np.exp((time - time[-1]) / (2 * len(time)))[:, None]
    ridge = 1e-6 * len(time) * np.eye(columns.shape[1])
    return np.asarray(np.linalg.solve((columns * counts).T @ columns + ridge, (columns * counts).T @ seen))


def _cost(motion: tuple[int, float, int], time: Array, seen: Array) -> float:
    """How badly a motion explains what was seen, and what follows two thirds of it; less is better."""
    count = _columns(motion, time[:1]).shape[1]
    if count >= len(time) - 1:
        return float("inf")
    error = _columns(motion, time) @ _fit(motion, time, seen) - seen
    spread = float((error**2).mean()) + _NOISE**2
    cost = len(time) * np.log(spread) + count * np.log(len(time))
    cost += _DOUBT * (motion[0] == 2)  # what speeds up leaves the picture soon
    early = 2 * len(time) // 3
    if count < early - 1:
        later = _columns(motion, time[early:]) @ _fit(motion, time[:early], seen[:early]) - seen[early:]
        cost += 0.25 * len(time) * np.log(float((later**2).mean()) + (3 * _NOISE) ** 2)
    return float(cost)
