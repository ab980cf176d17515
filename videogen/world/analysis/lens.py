"""How the camera moves, from what the place behind the things does.

Four explanations are compared on the pixels that belong to no thing: a camera at rest, a steady pan, a
steady zoom, and a shake (any small shift in each frame).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from videogen.world.analysis.ground import SIDE
from videogen.world.camera import CAMERAS

Floats = NDArray[np.float64]

_ACROSS, _DOWN = 14, 3
_FAR = 25.0
_PANS = np.linspace(-13, 13, 53)
_ZOOMS = np.array([sign * change for change in np.linspace(0.04, 0.36, 9) for sign in (1.0, -1.0)])


def follow_camera(light: Floats, things: NDArray[np.bool_]) -> tuple[str, Floats]:
    """The name of the camera's motion, of `CAMERAS`, and its path `t 3` as in `videogen.tracks`.

    `light` `t 64 64` is the lightness of a clip, `things` where things are. The path is zero in the middle.
    """
    count = len(light)
    path = np.zeros((count, 3))
    if count < 3:
        return CAMERAS[0], path
    smooth = ndimage.gaussian_filter(light, (0, 0.7, 0.7))
    middle = count // 2
    others = [t for t in range(count) if t != middle]
    free = ~ndimage.binary_dilation(things, np.ones((1, 5, 5), bool))
    both = free[others] & free[middle]
    apart = np.array([t - middle for t in others]) / (count - 1)
    pans_at = np.stack(
        [_shifted(smooth[others], smooth[middle], both, 0, dx) for dx in range(-_ACROSS, _ACROSS + 1)], 1
    )
    still = float(pans_at[:, _ACROSS].mean())
    columns = np.round(_PANS[:, None] * apart).astype(int) + _ACROSS
    pans = pans_at[np.arange(len(others)), columns].mean(1)
    shifts = [(dy, dx) for dy in range(-_DOWN, _DOWN + 1) for dx in range(-_DOWN, _DOWN + 1)]
    flat = np.stack([_shifted(smooth[others], smooth[middle], both, dy, dx) for dy, dx in shifts], 1)
    shake = float(flat.min(1).mean())
    ends = [0, len(others) - 1]
    zooms = [
        np.mean([_zoomed(smooth[others[k]], smooth[middle], both[k], z * apart[k]) for k in ends])
        for z in _ZOOMS
    ]
    still_ends = float(pans_at[ends, _ACROSS].mean())
    zoom = float(min(zooms)) - still_ends + still
    costs = {
        "still": still,
        "pan": float(pans.min()) * 1.03 + 0.05,
        "zoom": zoom * 1.05 + 0.08,
        "shake": shake * 1.1 + 0.08,
    }
    best = min(costs, key=lambda name: costs[name])
    steps = (np.arange(count) - middle) / (count - 1)
    if best == "pan":
        amount = float(_PANS[int(pans.argmin())])
        path[:, 0] = amount * steps / SIDE
        return (CAMERAS[0] if abs(amount) < 2 else "left" if amount > 0 else "right"), path
    if best == "zoom":
        amount = float(_ZOOMS[int(np.argmin(zooms))])
        path[:, 2] = amount * steps
        return ("in" if amount > 0 else "out"), path
    if best == "shake":
        path[others, :2] = np.array(shifts)[flat.argmin(1), ::-1] / SIDE
        return "shake", path
    return CAMERAS[0], path


def _shifted(frames: Floats, middle: Floats, free: NDArray[np.bool_], dy: int, dx: int) -> Floats:
    """Mean difference of each frame if the scene has shifted by whole pixels since the middle one, `t`."""
    here = (slice(None), slice(max(dy, 0), SIDE + min(dy, 0)), slice(max(dx, 0), SIDE + min(dx, 0)))
    there = (slice(max(-dy, 0), SIDE - max(dy, 0)), slice(max(-dx, 0), SIDE - max(dx, 0)))
    weight = free[here]
    gaps = np.minimum(np.abs(frames[here] - middle[there]), _FAR) * weight
    return np.asarray(gaps.sum((1, 2)) / np.maximum(weight.sum((1, 2)), 1))


def _zoomed(frame: Floats, middle: Floats, free: NDArray[np.bool_], zoom: float) -> float:
    axis = (np.arange(SIDE) + 0.5 - SIDE / 2) / math.exp(zoom) + SIDE / 2 - 0.5
    rows, columns = np.broadcast_arrays(axis[:, None], axis[None])
    inside = free & (rows >= 0) & (rows <= SIDE - 1) & (columns >= 0) & (columns <= SIDE - 1)
    other = ndimage.map_coordinates(middle, [rows, columns], order=1, mode="nearest")
    return float((np.minimum(np.abs(frame - other), _FAR) * inside).sum() / max(inside.sum(), 1))
