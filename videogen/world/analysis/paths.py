"""The kind of motion that a track shows, by fitting each kind of path that the world knows.

A track is `t 4`: x, y, half extent (fractions of the picture) and angle (radians); rows of NaN are moments
at which the thing was not seen. Lines, bounces and orbits are fitted by least squares with the speeds of
the world; what neither travels nor changes its size may spin, and else it stands still.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_TRAVEL = 0.045
"""The least range of x or y that counts as travelling; the world's slowest in half a second is 0.15."""
_GROWTH = 0.1
"""The least change of log size over a clip that counts; the world's least in half a second is 0.33."""
_TURN = 0.5
"""The least angle turned that counts as spinning; the world's least in half a second is 1.3."""
_DRIFT = 0.09
"""How far the middle of what grows or shrinks may be carried."""
_WOBBLE = 0.12
"""How far the middle of what spins may wander, as it does where a shape is not read quite right."""
_RATES = np.concatenate([np.linspace(0.85, 1.15, 5) * speed for speed in (0.5, 1.0, 1.7)])


def classify_motion(track: Floats, *, fps: float, camera: Floats | None = None) -> str:
    """The motion of a track `t 4`, one of `OBJECT_MOTIONS`; fewer than three seen moments are "still".

    `camera` `t 3` is the path of the camera as in `videogen.tracks`, which is taken out first.
    """
    track = np.asarray(track, dtype=np.float64)
    if camera is not None:
        track = _without_camera(track, np.asarray(camera, dtype=np.float64))
    seen = np.isfinite(track[:, :3]).all(1)
    if seen.sum() < 3:
        return "still"
    time, (x, y, size) = np.flatnonzero(seen) / fps, track[seen, :3].T
    travel = max(_range(x), _range(y)) / _TRAVEL
    change = _steady_change(time, np.log(np.maximum(size, 1e-3)))
    if abs(change) > _GROWTH and travel * _TRAVEL < _DRIFT:
        return "grow" if change > 0 else "shrink"
    angle = track[seen, 3]
    turned = abs(_turned(angle[np.isfinite(angle)]))
    if turned > _TURN and travel * _TRAVEL < _WOBBLE:
        return "spin"
    return _path(time, x, y) if travel > 1.0 else "still"


def _without_camera(track: Floats, camera: Floats) -> Floats:
    """The track as a camera at rest would see it."""
    zoom = np.exp(camera[:, 2])
    out = track.copy()
    out[:, :2] = (track[:, :2] - 0.5 - camera[:, :2]) / zoom[:, None] + 0.5
    out[:, 2] = track[:, 2] / zoom
    return out


def _range(values: Floats) -> float:
    return float(values.max() - values.min())


def _steady_change(time: Floats, values: Floats) -> float:
    """The change of a value that goes one way, of the straight line through it; 0 if it comes back."""
    ramp = time - time[0]
    slope, start = np.polyfit(ramp, values, 1)
    fitted = slope * ramp + start
    wander = float(np.sqrt(np.mean((values - fitted) ** 2)))
    change = float(slope * (ramp[-1] - ramp[0]))
    return change if abs(change) > 4 * wander else 0.0


def _turned(angle: Floats) -> float:
    """The angle turned from first to last moment, steps between moments taken the short way.

    It is that of the median step: what spins turns at every moment, and a jump or two is no spinning.
    """
    if len(angle) < 3:
        return 0.0
    steps = (np.diff(angle) + math.pi) % (2 * math.pi) - math.pi
    return float(np.median(steps)) * len(steps)


def _path(time: Floats, x: Floats, y: Floats) -> str:
    """The path of what travels: the model with the least residual, simpler ones preferred."""
    ramp = time - time[0]
    basis = np.stack([np.ones_like(ramp), ramp], 1)
    line = math.hypot(_residual(basis, x), _residual(basis, y))
    best = min((line, "line"), (_bounce(time, x, y) + 0.005, "bounce"), (_orbit(time, x, y) + 0.006, "orbit"))
    if best[1] != "line":
        return best[1]
    dx, dy = (np.linalg.lstsq(basis, value, rcond=None)[0][1] for value in (x, y))
    if abs(dx) > abs(dy):
        return "right" if dx > 0 else "left"
    return "down" if dy > 0 else "up"


def _residual(basis: Floats, values: Floats) -> float:
    """Root mean square of what a linear model leaves of values."""
    fitted = basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
    return float(np.sqrt(np.mean((values - fitted) ** 2)))


def _bounce(time: Floats, x: Floats, y: Floats) -> float:
    """Residual of the best hop at one place: y = floor − height |sin(0.9 π rate time + phase)|."""
    if _range(x) > 0.6 * _range(y):
        return math.inf
    phases = np.linspace(0, math.pi, 24, endpoint=False)
    hops = np.abs(np.sin(0.9 * math.pi * _RATES[:, None, None] * time + phases[None, :, None]))
    hops, heights = hops - hops.mean(-1, keepdims=True), y - y.mean()
    height = (hops * heights).sum(-1) / np.maximum((hops**2).sum(-1), 1e-9)
    left = np.sqrt(((heights - height[..., None] * hops) ** 2).mean(-1))
    return math.hypot(float(np.where(height < -0.08, left, math.inf).min()), float(np.std(x)))


def _orbit(time: Floats, x: Floats, y: Floats) -> float:
    """Residual of the best ellipse that is nearly a circle and run through at the world's speed."""
    least = math.inf
    for rate in _RATES:
        swing = math.pi * rate * time
        basis = np.stack([np.ones_like(swing), np.cos(swing), np.sin(swing)], 1)
        fit = np.linalg.lstsq(basis, np.stack([x, y], 1), rcond=None)[0]
        wide, narrow = np.linalg.svd(fit[1:], compute_uv=False)
        if narrow > 0.5 * wide and 0.1 < wide < 0.4:
            gap = basis @ fit - np.stack([x, y], 1)
            least = min(least, float(np.sqrt((gap**2).sum(1).mean())))
    return least
