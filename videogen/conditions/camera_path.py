"""Where a camera looked, picture by picture: the shift and zoom that most of the picture follows.

Flow between neighbours is found by scikit-image (TV-L1: Zach, Pock & Bischof 2007); pictures are numpy, 0…1,
`h w c`, a hundred or so pixels a side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def camera_path(pictures: Array) -> Array:
    """Where the camera looks, `t 3`, against the last picture, by flow that most of the picture follows."""
    from skimage.registration import optical_flow_tvl1

    path = np.zeros((len(pictures), 3))
    height, width = pictures.shape[1:3]
    rows, columns = np.mgrid[0:height, 0:width]
    x, y = (columns + 0.5) / width - 0.5, (rows + 0.5) / height - 0.5
    grey = pictures.mean(-1)
    for number in range(len(pictures) - 1, 0, -1):
        here, before = grey[number], grey[number - 1]
        step = np.zeros(3)
        if np.median(np.abs(here - before)) > 0.004:
            down, right = optical_flow_tvl1(before, here, attachment=15, num_warp=4)
            step = _steady_part(right / width, down / height, x, y)
        path[number - 1] = path[number] + step
    moved = np.abs(path) @ [1, 1, 0.5]  # a zoom moves the edges by half of it
    return path if moved.max() > 0.5 / max(height, width) else np.zeros_like(path)


def _steady_part(right: Array, down: Array, x: Array, y: Array) -> Array:
    """Shift and zoom that most of a flow follows, by reweighted least squares."""
    design = np.concatenate(
        [np.stack([np.ones(x.size), np.zeros(x.size), x.ravel()], 1),
         np.stack([np.zeros(x.size), np.ones(x.size), y.ravel()], 1)]
    )  # fmt: skip
    wanted = np.concatenate([right.ravel(), down.ravel()])
    weights = np.ones(x.size)
    found = np.zeros(3)
    for _ in range(8):
        both = np.tile(weights, 2)[:, None]
        found = np.linalg.solve((design * both).T @ design + 1e-9 * np.eye(3), (design * both).T @ wanted)
        off = np.hypot(*(wanted - design @ found).reshape(2, -1))
        weights = 1 / (1 + (off / max(float(np.median(off)), 1e-4)) ** 2)
    return found


def seen_from_last(picture: Array, x: float, y: float, zoom: float) -> tuple[Array, Mask]:
    """A picture as the last camera sees it, and where it shows anything."""
    if not (x or y or zoom):
        return picture, np.ones(picture.shape[:2], dtype=bool)
    height, width = picture.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(float)
    across = ((columns + 0.5) / width - 0.5) * (1 - zoom) - x + 0.5
    along = ((rows + 0.5) / height - 0.5) * (1 - zoom) - y + 0.5
    places = np.stack([along * height - 0.5, across * width - 0.5])
    layers = [ndimage.map_coordinates(picture[..., c], places, order=1, mode="nearest") for c in range(3)]
    valid = (across >= 0) & (across <= 1) & (along >= 0) & (along <= 1)
    return np.stack(layers, -1), valid
