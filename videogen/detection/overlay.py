"""A picture with the keypoints drawn over it, for people to check what was found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from videogen.skeleton import (
    BODY_SLICE,
    COLOURS,
    FACE_COLOURS,
    FACE_PAIRS,
    LEFT_HAND_SLICE,
    LIMBS,
    RIGHT_HAND_SLICE,
)
from videogen.types import Frame

# Each finger's first joint hangs on the wrist, 0, the others on the one before.
_FINGERS = [(0 if joint % 4 == 1 else joint - 1, joint) for joint in range(1, 21)]
_FINGER_COLOURS = {LEFT_HAND_SLICE.start: (120, 255, 120), RIGHT_HAND_SLICE.start: (255, 120, 255)}


def overlay(frame: Frame, points: NDArray[np.float32]) -> Frame:
    """A frame uint8 `h w 3` with the keypoints `k 3`, in fractions of it, drawn over; absent ones are not."""
    height, width = frame.shape[:2]
    picture = Image.fromarray(frame)
    draw = ImageDraw.Draw(picture)
    thick = max(1, round(min(height, width) / 160))
    fine = max(1, thick // 2)
    lines = [(*pair, colour, thick) for pair, colour in zip(LIMBS, COLOURS, strict=False)]
    lines += [(*pair, colour, fine) for pair, colour in zip(FACE_PAIRS, FACE_COLOURS, strict=True)]
    for start, colour in _FINGER_COLOURS.items():
        lines += [(start + one, start + other, colour, fine) for one, other in _FINGERS]
    places = points[:, :2] * [width, height]
    for one, other, colour, wide in lines:
        if points[one, 2] > 0 and points[other, 2] > 0:
            draw.line([tuple(places[one]), tuple(places[other])], fill=colour, width=wide)
    for (x, y), seen, colour in zip(places, points[BODY_SLICE, 2], COLOURS, strict=False):
        if seen > 0:
            draw.ellipse([x - thick, y - thick, x + thick, y + thick], fill=colour)
    return np.asarray(picture)
