"""Jitter taken out of tracks of keypoints, by one of three filters with one measure of strength.

A strength of 1 takes out what is faster than about twelve frames a cycle, one of 0.5 what is faster than
six. Polynomials of Savitzky and Golay (1964) keep what changes evenly exactly; the One-Euro filter (Casiez,
Roussel and Vogel 2012) calms what is slow and lets pass what is fast; a smoothing spline holds the first
and the last place. None reaches across a gap.
"""

from __future__ import annotations

from dataclasses import replace
from math import pi
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_smoothing_spline
from scipy.signal import savgol_filter

from videogen.errors import RequestError
from videogen.types import Pose

Filter: TypeAlias = Literal["savgol", "one-euro", "spline"]
Array = NDArray[np.float64]

_SHORTEST = 5  # frames of a run that polynomials of the third degree can smooth
_REACH = 7.8  # frames to either side of polynomials that halve a wave of half a radian a frame
_EAGERNESS = 14.0  # cycles per picture: a point that crosses a thirtieth of the picture a frame is followed
_SLOPE_CUTOFF = 0.04  # cycles a frame, the paper's 1 Hz at 25 frames a second


def smooth(pose: Pose, *, strength: float, by: Filter = "savgol") -> Pose:
    """Take jitter out of every keypoint; `strength` runs from 0 (nothing changes) to 1.

    Runs of fewer than five frames stay as they are. Raises RequestError outside 0…1.
    """
    if not 0 <= strength <= 1:
        raise RequestError(
            f"a smoothing strength of {strength} is outside 0 to 1; give 0.3 for slight jitter"
        )
    if strength == 0:
        return pose
    points = pose.points.astype(np.float64)
    seen = points[..., 2] > 0
    if by == "one-euro":
        both = [_one_way(points[::step, :, :2], seen[::step], strength)[::step] for step in (1, -1)]
        calm = np.where(seen[..., None], sum(both) / 2, points[..., :2])  # what lags one way leads the other
    else:
        calm = points[..., :2].copy()
    for k in range(points.shape[1]):
        for run in _runs(seen[:, k]):
            track = points[run, k]
            if len(track) < _SHORTEST:
                calm[run, k] = track[:, :2]
            elif by == "savgol":
                fitted = savitzky_golay(track[:, :2], half=max(2, round(strength * _REACH)))
                # Below the shortest window a part of the way is gone.
                calm[run, k] += min(1.0, strength * _REACH / 2) * (fitted - track[:, :2])
            elif by == "spline":
                # A smoothing spline halves a wave of w radians a frame where penalty * w^4 = 1.
                calm[run, k] = _spline(track, penalty=(2.0 * strength) ** 4)
    return replace(pose, points=np.concatenate([calm, points[..., 2:]], -1).astype(np.float32))


def savitzky_golay(track: Array, *, half: int) -> Array:
    """A track `t n` through the cubic that fits best within `half` frames to either side; exact for cubics.

    Near the ends, and where the track is short, the cubic of the first or last frames stands for them.
    """
    window = min(2 * half + 1, len(track) - 1 + len(track) % 2)
    return np.asarray(savgol_filter(track, window, 3, axis=0, mode="interp"))


def one_euro(
    places: Array,
    seen: NDArray[np.bool_],
    *,
    min_cutoff: float,
    beta: float,
    slope_cutoff: float = _SLOPE_CUTOFF,
) -> Array:
    """Places `t k 2` through a low pass whose cut-off rises with a point's speed, begun anew after gaps.

    `seen` `t k` says which count. Cut-offs are in cycles a frame: `min_cutoff` for a point at rest, `beta`
    more for each unit that it goes in a frame, `slope_cutoff` for the speed itself (Casiez, Roussel and Vogel
    2012, algorithm 1; one speed for x and y, so that a turned picture gives the turned track).
    """
    calm = places.copy()
    slope = np.zeros(places.shape[1:])
    for frame in range(1, len(places)):
        going = (seen[frame] & seen[frame - 1])[:, None]
        step = places[frame] - calm[frame - 1]
        slope = np.where(going, slope + _share(slope_cutoff) * (step - slope), 0.0)
        speed = np.linalg.norm(slope, axis=-1, keepdims=True)
        share = _share(min_cutoff + beta * speed)
        calm[frame] = np.where(going, calm[frame - 1] + share * step, places[frame])
    return calm


def cutoff(strength: float) -> float:
    """The cut-off of a strength, in cycles a frame."""
    return 1 / (4 * pi * strength)


def _one_way(places: Array, seen: NDArray[np.bool_], strength: float) -> Array:
    return one_euro(places, seen, min_cutoff=cutoff(strength), beta=_EAGERNESS)


def _share(cutoff: Array | float) -> Array | float:
    """What a first-order low pass takes of each new value."""
    return 1 / (1 + 1 / (2 * pi * cutoff))


def _runs(seen: NDArray[np.bool_]) -> list[slice]:
    """Stretches of frames without a gap."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], seen.astype(np.int8), [0]])))
    return [slice(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _spline(track: Array, *, penalty: float) -> Array:
    """A smooth track `t 2` through points `t 3`, weighted by confidence, held at both ends."""
    frames = np.arange(len(track), dtype=np.float64)
    weights = np.maximum(track[:, 2], 0.05)
    weights[[0, -1]] = 1e4
    return np.asarray(make_smoothing_spline(frames, track[:, :2], w=weights, lam=penalty)(frames))
