"""Where a person is in a picture, and where what is behind: a soft mask, found with mediapipe, offline.

The network sees pictures at 256 pixels a side, so that a person who is small in the picture is looked at
again, closer: where the first look and the keypoints have shown it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from videogen.detection.landmarks import Points
from videogen.detection.person import PersonDetector, in_colour
from videogen.detection.solutions import Networks
from videogen.types import Frame

_Array = NDArray[np.float32]
_CLOSER = 0.6  # a person whose surroundings take up less of the picture is looked at closer
_SPECK = 0.1  # what is smaller than this share of the largest piece is not of the person
_LEAST_AREA = 16  # pixels
_MARGIN = 0.2  # of the person's extent


def person_mask(frame: Frame) -> _Array:
    """How surely each pixel of a frame uint8 `h w c` shows a person, float32 `h w`, 0…1.

    Raises MissingExtra where mediapipe is absent.
    """
    frame = in_colour(frame)
    networks = Networks(static=True)
    try:
        mask = _fitted(networks.mask(frame), frame.shape[:2])
        with PersonDetector(static=True) as detector:
            box = _box_of(mask, detector.detect(frame))
        if box is not None:
            left, top, right, bottom = box
            closer = np.ascontiguousarray(frame[top:bottom, left:right])
            mask = np.zeros_like(mask)
            mask[top:bottom, left:right] = _fitted(networks.mask(closer), closer.shape[:2])
    finally:
        networks.close()
    return mask.clip(0, 1)


def _fitted(mask: _Array, size: tuple[int, ...]) -> _Array:
    resized = Image.fromarray(mask).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.float32)


def _box_of(mask: _Array, points: Points) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of what holds a person's mask and keypoints, with a margin.

    None where there is nobody, or where that is most of the picture.
    """
    height, width = mask.shape
    labels, _ = ndimage.label(mask > 0.5)
    areas = np.bincount(labels.reshape(-1))[1:]
    pieces = 1 + np.flatnonzero((areas >= _SPECK * areas.max(initial=0)) & (areas >= _LEAST_AREA))
    rows, columns = np.nonzero(np.isin(labels, pieces))
    own = points[points[:, 2] > 0, :2] * [width, height]
    places = np.concatenate([np.stack([columns, rows], 1), own])
    if not len(places):
        return None
    low, high = places.min(0), places.max(0)
    margin = _MARGIN * (high - low).max()
    left, top = np.maximum(low - margin, 0).astype(int).tolist()
    right, bottom = np.minimum(high + margin + 1, [width, height]).astype(int).tolist()
    if (right - left) * (bottom - top) > _CLOSER * height * width:
        return None
    return left, top, right, bottom
