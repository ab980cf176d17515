"""Where a person is in a picture, and where what is behind: a soft mask, found with mediapipe, offline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from videogen.detection.person import in_colour
from videogen.detection.solutions import Networks
from videogen.types import Frame


def person_mask(frame: Frame) -> NDArray[np.float32]:
    """How surely each pixel of a frame uint8 `h w c` shows a person, float32 `h w`, 0…1.

    Raises MissingExtra where mediapipe is absent.
    """
    networks = Networks(static=True)
    try:
        found = networks.mask(in_colour(frame))
    finally:
        networks.close()
    size = frame.shape[1], frame.shape[0]
    fitted = Image.fromarray(found).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(fitted, dtype=np.float32).clip(0, 1)
