"""Regions that have the colour of a thing, and which of them are one thing over time.

A thing of the world is one colour of the palette, shaded, outlined in a darker tone of it and perhaps
textured with a paler one; no two things of a clip share a colour. So every colour looks for its own regions
apart from the place, and follows the best of them from frame to frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from videogen.world.analysis.colour import Floats, to_lab
from videogen.world.analysis.ground import Sight
from videogen.world.figure import COLOUR_PAINTS

Mask = NDArray[np.bool_]

_TONES = ((1.0, 17.0), (0.85, 15.0), (0.7, 12.0), (0.55, 11.0))
"""Tones of a colour down to its outline, and how far a pixel may lie from each in Lab."""
_PALE = ((1.0, 14.0), (0.87, 14.0))
"""The same for the second colour of textures."""
_LEAST = 22
"""Pixels of the smallest region that may be a thing."""
_MOVED = 8.0
"""How far a pixel lies from what it usually is, in weighted Lab, where something moves."""
_WEIGHTS = np.array([0.7, 1.0, 1.0])
_GROW = 5
"""Pixels from the bright part of a white thing to its outline, or the tips of its wings and fins."""
_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=bool)


@dataclass(frozen=True)
class Blob:
    """One colour's region over time.

    `masks` `t 64 64` are all False where it is not seen. `rim` is the share of its border that is darker
    than its middle, as the outlines of things are; `core` the share that is the plain colour, `unlike` 0…1
    how far pixels lie from the tones of the colour.
    """

    colour: int
    masks: Mask
    rim: float
    core: float
    unlike: float

    @property
    def area(self) -> float:
        """Pixels, mean over the frames in which it is seen."""
        return float(self.masks.sum() / max(self.masks.any((1, 2)).sum(), 1))


@cache
def _tones() -> tuple[Floats, Floats]:
    """Centres in weighted Lab, `colour tone 3` (four tones, then those of the second colour), and reaches."""
    rows = []
    for paint in COLOUR_PAINTS:
        colour = np.array(paint, dtype=np.float64)
        pale = colour * 0.55 if colour.min() > 127.5 else colour + (255 - colour) * 0.62
        rows.append([*(colour * tone for tone, _ in _TONES), *(pale * tone for tone, _ in _PALE)])
    reach = np.array([far for _, far in (*_TONES, *_PALE)])
    return to_lab(np.array(rows).round().astype(np.uint8)) * _WEIGHTS, reach


def find_blobs(sight: Sight, *, apart: float = 9.0) -> list[Blob]:
    """The best region of each colour that has one, the likeliest thing first."""
    centres, reach = _tones()
    seen = sight.gap > apart
    pixels = (sight.lab[seen] * _WEIGHTS).astype(np.float32)
    blobs = []
    for number, tones in enumerate(centres.astype(np.float32)):
        square = (pixels**2).sum(1)[:, None] + (tones**2).sum(1) - 2 * pixels @ tones.T
        ratio = np.sqrt(np.maximum(square, 0)) / reach.astype(np.float32)
        tone = np.zeros(seen.shape, dtype=np.int8)
        tone[seen] = np.where(ratio.min(1) < 1, ratio.argmin(1) + 1, 0)
        likeness = np.ones(seen.shape, dtype=np.float32)
        likeness[seen] = np.minimum(ratio.min(1), 1)
        if _is_grey(number):
            tone *= _near_what_moves(sight.lab)
        if (tone > 0).sum() >= _LEAST * max(len(tone) // 3, 1):
            blob = _follow(number, tone, likeness)
            if blob is not None:
                blobs.append(blob)
    return sorted(
        blobs, key=lambda blob: -blob.area * blob.masks.any((1, 2)).mean() * (0.2 + blob.rim) * blob.core
    )


def _is_grey(number: int) -> bool:
    return max(COLOUR_PAINTS[number]) - min(COLOUR_PAINTS[number]) < 20


def _near_what_moves(lab: Floats) -> Mask:
    """Where something may be that moves, `t 64 64`; everywhere where nothing or everything does.

    Clouds, window frames and snow are as white as a white thing, but stay as they are. What crosses the
    picture is where a frame differs from most others, and what turns or grows in place is near that.
    """
    everywhere = np.ones(lab.shape[:3], dtype=bool)
    usual = np.median(lab, axis=0)
    moved = np.sqrt((((lab - usual) * _WEIGHTS) ** 2).sum(-1)) > _MOVED
    moved = ndimage.binary_opening(moved, structure=_CROSS[None])
    ever = moved.any(0)
    if moved.any((1, 2)).mean() < 0.6 or moved.mean() > 0.3 or ever.sum() < _LEAST:
        return everywhere
    swept = ndimage.binary_fill_holes(ndimage.binary_dilation(ever, structure=_CROSS, iterations=2))
    near = np.stack([_close(frame, 4) for frame in moved])
    near = ndimage.binary_dilation(near, structure=_CROSS[None], iterations=2)
    stays = ndimage.binary_erosion(swept, structure=_CROSS, iterations=3) & ~ever
    return np.asarray(everywhere & swept if stays.sum() >= _LEAST else near)


def fill_pores(mask: Mask, *, share: float = 0.07) -> Mask:
    """A mask without holes smaller than a share of it: eyes, windows and dots, but not the hole of a ring."""
    labels, count = ndimage.label(ndimage.binary_fill_holes(mask) & ~mask)
    if not count:
        return mask
    sizes = np.bincount(labels.ravel())
    small = sizes < share * mask.sum()
    small[0] = False
    return np.asarray(mask | small[labels])


@dataclass(frozen=True)
class _Region:
    """A region of one frame."""

    mask: Mask
    area: int
    x: float
    y: float
    rim: float
    core: float

    @property
    def worth(self) -> float:
        return self.area * (0.2 + self.rim) * (0.1 + self.core)


def _regions(tone: NDArray[np.int8], *, grey: bool) -> list[_Region]:
    """The largest regions of a frame; small gaps do not part them. Dark tones of a `grey` are shadows too."""
    like = ((tone == 1) | (tone == 2)) if grey else tone > 0
    like &= ndimage.convolve(like.astype(np.int8), np.ones((3, 3), np.int8), mode="constant") >= 4
    if grey:  # what is pale between its bright parts is its texture
        like |= _close(like, 4) & (tone > 0)
    joined = ndimage.binary_dilation(like, structure=_CROSS)
    labels, count = ndimage.label(joined)
    if not count:
        return []
    sizes = np.bincount(labels[like], minlength=count + 1)
    sizes[0] = 0
    regions = []
    for one in np.argsort(-sizes)[:4]:
        if sizes[one] < _LEAST:
            break
        mask = (labels == one) & like
        if grey:  # what is dark near it is its outline or its wing
            mask = ndimage.binary_dilation(mask, structure=_CROSS, iterations=_GROW, mask=mask | (tone > 0))
        mask = fill_pores(mask)
        rows, columns = np.nonzero(mask)
        if (columns.min() == 0 and columns.max() == mask.shape[1] - 1) or sizes[one] > 0.5 * mask.size:
            continue
        solid = ndimage.binary_fill_holes(mask)
        inner = ndimage.binary_erosion(solid, structure=_CROSS)
        ring = ndimage.binary_dilation(solid, structure=_CROSS) & ~inner
        dark = ((tone == 3) | (tone == 4)) & ring
        border = max(int((solid & ~inner).sum()), 1)
        core = float(((tone[mask] == 1) | (tone[mask] == 2)).mean())
        regions.append(
            _Region(mask, int(sizes[one]), columns.mean(), rows.mean(), min(dark.sum() / border, 1.0), core)
        )
    return regions


def _close(mask: Mask, reach: int) -> Mask:
    """A mask with gaps narrower than twice `reach` filled."""
    axis = np.arange(-reach, reach + 1)
    disc = axis[:, None] ** 2 + axis**2 <= reach**2 + 1
    wide = np.pad(mask, reach)
    closed = ndimage.binary_closing(wide, structure=disc)
    return np.asarray(closed[reach:-reach, reach:-reach])


def _follow(number: int, tones: NDArray[np.int8], likeness: NDArray[np.float32]) -> Blob | None:
    """The path through the regions of all frames that is worth most; jumps and jumps in size cost."""
    frames = [_regions(tone, grey=_is_grey(number)) for tone in tones]
    best: list[list[tuple[float, int | None]]] = []
    last: list[tuple[int, _Region, float]] = []
    total: list[list[float]] = []
    for t, regions in enumerate(frames):
        best.append([])
        total.append([])
        for region in regions:
            options: list[tuple[float, int | None]] = [(0.0, None)]
            for when, before, value in last:
                if t - when > 3 or when == t:
                    continue
                jump = np.hypot(region.x - before.x, region.y - before.y) / (10.0 * (t - when))
                change = abs(np.log(region.area / before.area))
                options.append(
                    (
                        value - 0.3 * region.worth * (max(jump - 1, 0) + change),
                        when * 8 + _place(frames, when, before),
                    )
                )
            value, back = max(options, key=lambda option: option[0])
            best[t].append((value + region.worth, back))
            total[t].append(value + region.worth)
        last = [one for one in last if t - one[0] < 3]
        last += [(t, region, value) for region, value in zip(regions, total[t], strict=True)]
    ends = [(value, t * 8 + k) for t, row in enumerate(total) for k, value in enumerate(row)]
    if not ends:
        return None
    masks = np.zeros(tones.shape, dtype=bool)
    chosen: list[_Region] = []
    place: int | None = max(ends)[1]
    while place is not None:
        t, k = divmod(place, 8)
        masks[t] = frames[t][k].mask
        chosen.append(frames[t][k])
        place = best[t][k][1]
    if len(chosen) < max(2, len(tones) // 3):
        return None
    rim, core = (float(np.mean([getattr(one, name) for one in chosen])) for name in ("rim", "core"))
    return Blob(number, masks, rim, core, float(likeness[masks].mean()))


def _place(frames: list[list[_Region]], when: int, region: _Region) -> int:
    return next(k for k, one in enumerate(frames[when]) if one is region)
