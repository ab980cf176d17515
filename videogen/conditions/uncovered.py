"""The ground behind what moves: seen at some moment, or else filled from around it.

Pictures are numpy, `h w c`; masks say where, `h w`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def ground_of(pictures: Array, free: Mask) -> tuple[Array, Array]:
    """The median of pictures `t h w c` where they are free, and where that was ever, `h w`."""
    return median_where(pictures, free), free.any(0).astype(np.float64)


def median_where(pictures: NDArray[np.generic], free: Mask) -> Array:
    """The median over `t` of pictures `t h w c` where they are free, `t h w`; 0 where they never are."""
    chosen = np.where(free[..., None], pictures, np.nan)
    chosen[:, ~free.any(0)] = 0
    return np.asarray(np.nanmedian(chosen, axis=0), dtype=np.float64)


def smoothed_over(ground: Array, hidden: Mask) -> Array:
    """The ground with its holes filled smoothly from their rims (biharmonic; Damelin & Hoang 2018)."""
    from skimage.restoration import inpaint_biharmonic

    return np.asarray(inpaint_biharmonic(ground, hidden, channel_axis=-1).clip(0, 1))


def filled_around(picture: Array, covered: Mask) -> Array:
    """A picture whose covered part takes the nearest colours around it."""
    if covered.all() or not covered.any():
        return picture
    nearest = ndimage.distance_transform_edt(covered, return_distances=False, return_indices=True)
    filled: Array = picture[tuple(nearest)]
    return filled
