"""The paint of a skeleton picture: which hue is where, and how well it speaks for a limb.

Video keeps colour at half the resolution: beside black it pales, but its hue stays. So hues alone say what is
painted; brightness only tells joints from limbs, which are painted at 60 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from videogen.skeleton import COLOURS
from videogen.types import Frame

Array: TypeAlias = NDArray[np.float64]

_SIDE, _MOST_TIMES = 300, 8  # pixels that the short side has at least; how much it is enlarged at most
_LIT, _COLOURED = 40, 30  # the least brightness of paint, and strength of what has a hue
_LIMB_BRIGHTEST, _WHITE_DARKEST = 190, 120
_TO_HUE = np.array([[1, -0.5, -0.5], [0, 3**0.5 / 2, -(3**0.5) / 2]], dtype=np.float32)
_HUES = np.arctan2(*(_TO_HUE @ np.array(COLOURS, dtype=np.float32).T)[::-1])
_BINS = 72
_ANGLES = np.linspace(-np.pi, np.pi, _BINS, endpoint=False) + np.pi / _BINS
_GAPS = np.abs((_ANGLES[:, None] - _HUES + np.pi) % (2 * np.pi) - np.pi)
_SHARP = np.radians(11)
_LIKE = np.append(np.exp(-((_GAPS / _SHARP) ** 2)), np.zeros((1, len(COLOURS))), 0).T  # the last bin: no hue
_NEAREST = np.append(_GAPS.argmin(1), -1)
_MOST_PIXELS = 160
_STEPS = np.linspace(0.06, 0.94, 17)
_END = 0.4  # reaches from a joint within which its disc hides the limb
_COVERED, _COVERED_COUNTS, _BLACK = 0.2, 0.6, -1.2  # what other paint on the way says, how much it counts
_FEW, _LEAST = 4.0, 4.0  # so few pixels, in reaches, and steps, say half of what many do, and less
_NOTHING = 0.5  # what must be outweighed for a limb to be there


@dataclass(frozen=True)
class Paint:
    """One picture's paint: hue as a bin, the last of which is none, brightest channel, and what is lit.

    `reach` is about the radius of a joint in pixels.
    """

    hue: NDArray[np.intp]
    value: NDArray[np.uint8]
    lit: NDArray[np.bool_]
    reach: float

    @classmethod
    def of(cls, frame: Frame) -> Paint:
        """The paint of a picture uint8 `h w c`."""
        value = np.maximum(np.maximum(frame[..., 0], frame[..., 1]), frame[..., 2])
        lit = value >= _LIT
        hue = np.full(value.shape, _BINS)
        across, down = _TO_HUE @ frame[lit].astype(np.float32).T
        bins = ((np.arctan2(down, across) / (2 * np.pi) + 0.5) * _BINS).astype(int) % _BINS
        hue[lit] = np.where(np.hypot(across, down) > _COLOURED, bins, _BINS)
        return cls(hue, value, lit, max(1.5, 0.011 * min(value.shape)))

    @property
    def is_skeleton(self) -> bool:
        """Whether this looks like lines in the palette's colours on black."""
        if not 0.002 < self.lit.mean() < 0.35 or (self.value[~self.lit] > 30).mean() > 0.02:
            return False
        return bool((_LIKE.max(0)[self.hue[self.lit]] > 0.5).mean() > 0.4)

    def by_colour(self) -> list[tuple[Array, Array]]:
        """For each colour the pixels nearest to it in hue: centres x, y `n 2`, and brightness 0…1, `n`."""
        rows, columns = np.nonzero(self.hue < _BINS)
        nearest = _NEAREST[self.hue[rows, columns]]
        places, bright = np.stack([columns, rows], -1) + 0.5, self.value[rows, columns] / 255
        return [(places[nearest == colour], bright[nearest == colour]) for colour in range(len(COLOURS))]

    def white(self) -> NDArray[np.bool_]:
        """Where the dots of a face are, which have no hue, `h w`."""
        dots: NDArray[np.bool_] = (self.hue == _BINS) & (self.value > _WHITE_DARKEST)
        return dots


def at_a_good_size(frame: Frame) -> Frame:
    """The picture, enlarged or reduced by a whole number to a short side of about 300 to 600 pixels."""
    side = min(frame.shape[:2])
    picture, times = Image.fromarray(frame), min(-(-_SIDE // side), _MOST_TIMES)
    if times > 1:
        size = picture.width * times, picture.height * times
        return np.asarray(picture.resize(size, Image.Resampling.BICUBIC))
    return frame if side < 2 * _SIDE else np.asarray(picture.reduce(side // _SIDE))


def dark_ones(pixels: tuple[Array, Array]) -> Array:
    """The pixels of a colour, as `by_colour` gives them, that may be a limb's."""
    places, bright = pixels
    return places[bright < _LIMB_BRIGHTEST / 255]


def support(paint: Paint, limb: int, pixels: Array, starts: Array, stops: Array) -> Array:
    """What speaks for a limb between each start `n 2` and stop `m 2`, x and y in pixels, `n m`.

    How much of the limb's `pixels` `p 2` lies on the way, and how much of the way is painted in its hue;
    other paint may cover the way, but black may not. Above 0 the limb is rather there than not.
    """
    if len(starts) == 0 or len(stops) == 0:
        return np.zeros((len(starts), len(stops)))
    span = stops[None] - starts[:, None]  # n m 2
    length = np.maximum(np.hypot(span[..., 0], span[..., 1]), 1e-6)
    axis = span / length[..., None]
    across = np.stack([-axis[..., 1], axis[..., 0]], -1)
    found = _share_on_the_way(pixels, starts, axis, across, length, reach=paint.reach)
    return found + _share_painted(paint, limb, starts, span, across, length) - _NOTHING


def _share_on_the_way(
    pixels: Array, starts: Array, axis: Array, across: Array, length: Array, *, reach: float
) -> Array:
    if len(pixels) > _MOST_PIXELS:
        pixels = pixels[np.linspace(0, len(pixels) - 1, _MOST_PIXELS).astype(int)]
    offsets = pixels[None] - starts[:, None]  # n p 2
    along = np.einsum("npc,nmc->nmp", offsets, axis)
    straight = np.abs(np.einsum("npc,nmc->nmp", offsets, across)) < reach + 1
    from_end = np.minimum(along, length[..., None] - along)
    on_the_way = (straight & (from_end > _END * reach)).sum(-1)
    at_the_ends = (straight & (np.abs(from_end) <= _END * reach)).sum(-1)
    share: Array = on_the_way / (len(pixels) - at_the_ends + _FEW * reach)
    return share


def _share_painted(
    paint: Paint, limb: int, starts: Array, span: Array, across: Array, length: Array
) -> Array:
    at = starts[:, None, None] + _STEPS[:, None] * span[:, :, None]  # n m s 2
    height, width = paint.lit.shape
    like, lit = np.zeros(at.shape[:-1]), np.zeros(at.shape[:-1], dtype=bool)
    for side in (-1.0, 0.0, 1.0):  # thin lines are hit beside their middle
        x, y = np.moveaxis(np.floor(at + side * across[:, :, None]).astype(int), -1, 0)
        inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        x, y = np.where(inside, x, 0), np.where(inside, y, 0)
        like = np.maximum(like, np.where(inside, _LIKE[limb][paint.hue[y, x]], 0))
        lit |= inside & paint.lit[y, x]
    says = np.where(lit, like + _COVERED * (1 - like), _BLACK)
    counts = np.where(lit, like + _COVERED_COUNTS * (1 - like), 1.0)
    free = np.minimum(_STEPS, 1 - _STEPS) * length[..., None] > _END * paint.reach
    share: Array = (says * free).sum(-1) / np.maximum((counts * free).sum(-1), _LEAST)
    return share
