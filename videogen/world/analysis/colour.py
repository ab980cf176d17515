"""Colours as people see them: RGB to CIE Lab, and the nearest name on a palette of the world.

The world shades things towards their lower edge and lights places differently, so lightness counts half.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = _TO_XYZ.sum(1)
_LINEAR = np.where(
    np.arange(256) <= 10, np.arange(256) / 255 / 12.92, ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4
)
_EPSILON = (6 / 29) ** 3


def to_lab(pixels: NDArray[np.uint8]) -> Floats:
    """sRGB 0…255 `… 3` as CIE Lab under D65 (CIE 15:2004), L 0…100."""
    xyz = _LINEAR[pixels] @ (_TO_XYZ / _WHITE[:, None]).T
    root = np.where(xyz > _EPSILON, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def name_gaps(lab: Floats, paints: Sequence[tuple[int, int, int]]) -> Floats:
    """How far colours `… 3` in Lab lie from each of `paints` (RGB 0…255), lightness halved, `… n`."""
    palette = to_lab(np.array(paints, dtype=np.uint8))
    gaps = (lab[..., None, :] - palette) * np.array([0.5, 1.0, 1.0])
    return np.asarray(np.sqrt((gaps**2).sum(-1)))


def name_colour(lab: Floats, names: Sequence[str], paints: Sequence[tuple[int, int, int]]) -> str:
    """The name of the nearest of `paints` to one colour `3` in Lab."""
    return names[int(name_gaps(lab, paints).argmin())]
