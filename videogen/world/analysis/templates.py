"""What each shape of the world looks like: drawn once by the world's own painter, then turned and compared.

A template is a picture in a shape's own frame; nothing about any shape is written down here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from videogen.world.analysis.blobs import fill_pores
from videogen.world.creatures import CREATURES, SHAPES, build_thing
from videogen.world.painter import paint
from videogen.world.surface import PATTERNS

Floats = NDArray[np.float64]

TURNS = 72
"""How many rotations of each shape are compared; the first is upright."""
GRID = 32
_REACH = 2.0
_DRAWN, _RADIUS = 128, 0.32


@dataclass(frozen=True)
class Template:
    """One shape, looking right or left, as `_DRAWN` pixels square draw it.

    `cover` 0…1 how opaque; `own` how much of the thing's own colour shows; `shine` how bright that is, 1 is
    the colour itself; `mixture` for each of `PATTERNS` how much of the second colour there is. `region` is
    where its own colour is seen in one piece; `area` in squares of the half extent and `middle` (x, y) in
    half extents are the region's.
    """

    shape: str
    mirrored: bool
    cover: Floats
    own: Floats
    shine: Floats
    mixture: Floats
    region: Floats
    area: float
    middle: tuple[float, float]

    def at(self, picture: Floats, u: Floats, v: Floats) -> Floats:
        """Values of one of the pictures at points of the shape's frame, in half extents."""
        columns = (0.5 + u * _RADIUS) * _DRAWN - 0.5
        rows = (0.5 + v * _RADIUS) * _DRAWN - 0.5
        return np.asarray(ndimage.map_coordinates(picture, [rows, columns], order=1, mode="nearest"))


@cache
def templates() -> tuple[Template, ...]:
    """All shapes, those that look to a side twice."""
    return tuple(
        _draw(shape, mirrored)
        for shape in SHAPES
        for mirrored in (False, True)
        if not mirrored or shape in CREATURES
    )


def _paint(shape: str, mirrored: bool, colour: float, ground: float, pattern: int) -> Floats:
    one = torch.ones(1, 1)
    layers = build_thing(
        torch.tensor([SHAPES.index(shape)]), torch.full((1, 3), colour), torch.full((1, 1, 2), 0.5), 0 * one,
        _RADIUS * one, mirrored=torch.tensor([mirrored]), pattern=torch.tensor([pattern]), thing=1,
        present=torch.tensor([True]),
    )  # fmt: skip
    background = torch.full((1, 3, _DRAWN, _DRAWN), ground)
    return paint(background, layers, num_frames=1).video[0, 0].mean(0).double().numpy()


def _draw(shape: str, mirrored: bool) -> Template:
    pale, dark = (_paint(shape, mirrored, 0.49, ground, 0) for ground in (1.0, 0.0))
    cover = 1 - (pale - dark)
    other = _paint(shape, mirrored, 0.25, 0.0, 0)
    own = np.clip((dark - other) / 0.24, 0, 1)
    shine = np.where(own > 0.2, dark / 0.49, 1.0)
    mixture = np.stack(
        [
            np.abs(_paint(shape, mirrored, 0.49, 0.0, pattern) - dark) / 0.32
            for pattern in range(len(PATTERNS))
        ]
    )
    region = fill_pores(_largest(own > 0.3)).astype(np.float64)
    axis = ((np.arange(_DRAWN) + 0.5) / _DRAWN - 0.5) / _RADIUS
    middle = (
        float((region.sum(0) * axis).sum() / region.sum()),
        float((region.sum(1) * axis).sum() / region.sum()),
    )
    area = float(region.sum() / (_DRAWN * _RADIUS) ** 2)
    return Template(shape, mirrored, cover, own, shine, mixture.clip(0, 1), region, area, middle)


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest piece of a mask, pieces that nearly touch counted as one."""
    labels, count = ndimage.label(ndimage.binary_dilation(mask, iterations=4))
    sizes = np.bincount(labels[mask], minlength=count + 1)
    return np.asarray((labels == int(sizes.argmax())) & mask)


@dataclass(frozen=True)
class Bank:
    """Every template at `TURNS` rotations, middle and area made alike: `covers` `n GRID·GRID`, whose `owner`
    indexes `templates()` and whose rotation is `turn`, in radians.
    """

    covers: Floats
    owner: NDArray[np.int64]
    turn: Floats


def grid() -> tuple[Floats, Floats]:
    """Points x, y of the pictures that are compared, in radii of the disc that has the shape's area."""
    axis = ((np.arange(GRID) + 0.5) / GRID * 2 - 1) * _REACH
    return np.broadcast_to(axis[None], (GRID, GRID)), np.broadcast_to(axis[:, None], (GRID, GRID))


@cache
def bank() -> Bank:
    """The bank of all shapes."""
    x, y = grid()
    covers, owner, turns = [], [], []
    for number, template in enumerate(templates()):
        radius = math.sqrt(template.area / math.pi)
        soft = ndimage.gaussian_filter(template.region, 2.5)
        for step in range(TURNS):
            angle = 2 * math.pi * step / TURNS
            cos, sin = math.cos(angle), math.sin(angle)
            u = (cos * x + sin * y) * radius + template.middle[0]
            v = (-sin * x + cos * y) * radius + template.middle[1]
            covers.append(template.at(soft, u, v).ravel())
            owner.append(number)
            turns.append(angle)
    return Bank(np.stack(covers), np.array(owner), np.array(turns))
