"""Square views of a picture, cut out and enlarged, and the way back from their fractions to the picture's.

mediapipe's face detector sees faces that take up between a tenth and two thirds of what it is shown. A
view around a head, or a tile, shows it a small face larger; a view wider than the picture, padded with
black, shows it a large face smaller.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from videogen.types import Frame

_LEAST_SIDE = 256
_MOST_SIDE = 1024
_LEAST_TILE = 16.0


@dataclass(frozen=True)
class View:
    """A square of a picture of `width` x `height`: its centre and side in pixels; may reach beyond it.

    `blind` says that nothing hints at somebody there.
    """

    x: float
    y: float
    side: float
    width: int
    height: int
    blind: bool = False

    @classmethod
    def around(cls, places: NDArray[np.float32], frame: Frame, *, times: float) -> View:
        """The square `times` as large as the extent of places `n 2`, in fractions of the frame."""
        height, width = frame.shape[:2]
        pixels = places * np.array([width, height], dtype=np.float32)
        low, high = pixels.min(0), pixels.max(0)
        x, y = (low + high) / 2
        return cls(float(x), float(y), max(_LEAST_TILE, times * float((high - low).max())), width, height)

    @classmethod
    def below(cls, face: NDArray[np.float32], frame: Frame) -> View:
        """The square that holds the body of one whose face has places `n 2`, in fractions of the frame."""
        high = cls.around(face, frame, times=1).side
        shown = cls.around(face, frame, times=9)
        side = min(shown.side, float(max(frame.shape[:2])))
        return cls(shown.x, shown.y + max(0.0, side / 2 - 1.5 * high), side, shown.width, shown.height)

    def cut(self, frame: Frame) -> Frame:
        """What the view shows, `h w 3`, enlarged if it is small and made smaller if it is huge."""
        left, top, side = round(self.x - self.side / 2), round(self.y - self.side / 2), round(self.side)
        shown = Image.fromarray(frame).crop((left, top, left + side, top + side))
        wanted = min(max(side, _LEAST_SIDE), _MOST_SIDE)
        if wanted != side:
            shown = shown.resize((wanted, wanted), Image.Resampling.BICUBIC)
        return np.asarray(shown)

    def to_picture(self, places: NDArray[np.float32]) -> NDArray[np.float32]:
        """Places in fractions of the view, x and y first, as fractions of the picture."""
        moved = places.copy()
        side = round(self.side)
        moved[:, 0] = (places[:, 0] * side + round(self.x - self.side / 2)) / self.width
        moved[:, 1] = (places[:, 1] * side + round(self.y - self.side / 2)) / self.height
        return moved


def tiles(frame: Frame) -> Iterator[View]:
    """Squares that cover a frame, half over each other: as large as the frame allows, then half as large."""
    height, width = frame.shape[:2]
    for side in (min(height, width), min(height, width) / 2):
        across = _centres(width, side)
        for y, x in product(_centres(height, side), across):
            yield View(x, y, max(_LEAST_TILE, side), width, height, blind=True)


def _centres(length: int, side: float) -> list[float]:
    """Where tiles of a side stand along a length, no more than half a side apart."""
    count = 1 + int(np.ceil((length - side) / (side / 2)))
    return [float(place) for place in np.linspace(side / 2, length - side / 2, count)]
