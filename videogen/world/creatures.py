"""Things and what they are made of: basic shapes of one part, and little cartoons of several.

A part is a primitive of `shapes.py` in the thing's own unit frame: x to the right (where the thing looks),
y down, 1 is the thing's half extent. Every primitive is its own mirror image, so that a thing that looks to
the left is the same parts with x and turn reversed.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from videogen.tracks import OUTLINE
from videogen.world.painter import Layer
from videogen.world.shapes import OBJECT_SHAPES, PRIMITIVES, distance_of

CREATURES = ("fish", "bird", "cat", "car", "boat", "rocket")
SHAPES = (*OBJECT_SHAPES, *CREATURES)

_RIM = 0.07
"""Width of the dark outline, over the thing's half extent."""


class Part(NamedTuple):
    """A primitive at `x`, `y`, turned by quarter circles, of half extents `wide` and `high`.

    `paint` is how bright the thing's own colour is here, or a colour 0…255 of the part's own.
    """

    shape: str
    x: float
    y: float
    wide: float
    high: float
    turn: float = 0.0
    paint: float | tuple[int, int, int] = 1.0
    rim: bool = True


_WHITE, _DARK, _GLASS = (250, 250, 250), (30, 30, 36), (190, 228, 248)
_ORANGE, _CREAM, _YELLOW, _WOOD = (250, 160, 30), (252, 244, 222), (255, 226, 90), (120, 78, 46)

_PARTS: dict[str, tuple[Part, ...]] = {
    **{name: (Part(name, 0, 0, 1, 1),) for name in OBJECT_SHAPES},
    "fish": (
        Part("ellipse", 0.12, 0, 0.84, 0.58),
        Part("wedge", -0.76, 0, 0.46, 0.3, 1, 0.9),
        Part("wedge", 0.02, -0.62, 0.34, 0.22, 0, 0.9),
        Part("ellipse", 0.02, 0.16, 0.2, 0.12, 0.2, 0.75, rim=False),
        Part("ellipse", 0.56, -0.14, 0.17, 0.17, 0, _WHITE, rim=False),
        Part("ellipse", 0.6, -0.14, 0.09, 0.09, 0, _DARK, rim=False),
    ),
    "bird": (
        Part("ellipse", -0.08, 0.2, 0.68, 0.5, -0.1),
        Part("wedge", -0.78, 0.18, 0.26, 0.3, 1, 0.9),
        Part("wedge", 0.9, -0.32, 0.15, 0.18, 1, _ORANGE),
        Part("ellipse", 0.46, -0.36, 0.38, 0.36),
        Part("ellipse", -0.18, 0.16, 0.4, 0.25, 0.15, 0.82),
        Part("ellipse", 0.56, -0.42, 0.11, 0.11, 0, _WHITE, rim=False),
        Part("ellipse", 0.59, -0.42, 0.065, 0.065, 0, _DARK, rim=False),
        Part("box", -0.16, 0.82, 0.05, 0.16, 0, _ORANGE, rim=False),
        Part("box", 0.1, 0.82, 0.05, 0.16, 0, _ORANGE, rim=False),
    ),
    "cat": (
        Part("ellipse", 0, 0.48, 0.52, 0.5),
        Part("ellipse", -0.62, 0.42, 0.14, 0.42, -0.25, 0.9),
        Part("wedge", -0.38, -0.72, 0.2, 0.28, -0.15),
        Part("wedge", 0.38, -0.72, 0.2, 0.28, 0.15),
        Part("ellipse", 0, -0.3, 0.6, 0.48),
        Part("ellipse", -0.22, -0.34, 0.1, 0.13, 0, _DARK, rim=False),
        Part("ellipse", 0.22, -0.34, 0.1, 0.13, 0, _DARK, rim=False),
        Part("ellipse", 0, -0.1, 0.2, 0.11, 0, _WHITE, rim=False),
        Part("wedge", 0, -0.15, 0.07, 0.05, 2, (240, 120, 140), rim=False),
    ),
    "car": (
        Part("box", 0, 0.16, 1.0, 0.32),
        Part("hull", -0.08, -0.34, 0.52, 0.28, 2),
        Part("box", -0.28, -0.29, 0.19, 0.16, 0, _GLASS, rim=False),
        Part("box", 0.14, -0.29, 0.19, 0.16, 0, _GLASS, rim=False),
        Part("ellipse", -0.52, 0.46, 0.26, 0.26, 0, _DARK, rim=False),
        Part("ellipse", 0.52, 0.46, 0.26, 0.26, 0, _DARK, rim=False),
        Part("ellipse", -0.52, 0.46, 0.11, 0.11, 0, (205, 205, 210), rim=False),
        Part("ellipse", 0.52, 0.46, 0.11, 0.11, 0, (205, 205, 210), rim=False),
        Part("ellipse", 0.88, 0.08, 0.09, 0.11, 0, _YELLOW, rim=False),
    ),
    "boat": (
        Part("hull", 0, 0.54, 0.98, 0.36),
        Part("box", -0.04, -0.36, 0.05, 0.6, 0, _WOOD, rim=False),
        Part("wedge", 0.32, -0.32, 0.32, 0.48, 0, _CREAM),
        Part("wedge", -0.34, -0.2, 0.24, 0.36, 0, _CREAM),
        Part("box", 0.12, -0.88, 0.16, 0.1, 0, 1.0, rim=False),
        Part("box", 0, 0.34, 0.84, 0.06, 0, _WHITE, rim=False),
    ),
    "rocket": (
        Part("ellipse", 0, -0.12, 0.38, 0.86),
        Part("wedge", 0, 0.84, 0.26, 0.3, 2, _ORANGE, rim=False),
        Part("wedge", 0, 0.76, 0.14, 0.2, 2, _YELLOW, rim=False),
        Part("wedge", -0.4, 0.46, 0.22, 0.32, 0, 0.7),
        Part("wedge", 0.4, 0.46, 0.22, 0.32, 0, 0.7),
        Part("ellipse", 0, -0.34, 0.19, 0.19, 0, _GLASS),
        Part("ellipse", 0, 0.06, 0.12, 0.12, 0, _GLASS, rim=False),
    ),
}  # fmt: skip
_SLOTS = max(len(parts) for parts in _PARTS.values())
_BEHIND = {
    "fish": (1, 2),
    "bird": (7, 8, 1, 2),
    "cat": (1,),
    "boat": (1,),
    "rocket": (1, 2, 3, 4),
    "car": (1,),
}
"""Parts that are painted before part 0, which bears the texture."""


@cache
def _tables() -> tuple[Tensor, Tensor]:
    """For each shape and slot, in painting order: which primitive (−1 none); eleven numbers of it.

    The numbers: x, y, wide, high, turn in radians, share of the thing's colour, own colour, rim, texture.
    """
    kinds = torch.full((len(SHAPES), _SLOTS), -1)
    numbers = torch.zeros(len(SHAPES), _SLOTS, 11)
    for row, name in enumerate(SHAPES):
        first = _BEHIND.get(name, ())
        order = [*first, *(k for k in range(len(_PARTS[name])) if k not in first)]
        for slot, k in enumerate(order):
            part = _PARTS[name][k]
            own, paint = (part.paint, (0, 0, 0)) if isinstance(part.paint, float) else (0.0, part.paint)
            kinds[row, slot] = PRIMITIVES.index(part.shape)
            numbers[row, slot] = torch.tensor(
                [part.x, part.y, part.wide, part.high, part.turn * math.pi / 2, own,
                 *(value / 255 for value in paint), part.rim * _RIM / part.wide, float(k == 0)]
            )  # fmt: skip
    return kinds, numbers


@cache
def _textured_slots() -> frozenset[int]:
    """Slots that bear a texture and a light in some shape."""
    return frozenset(_tables()[1][..., -1].amax(0).nonzero().flatten().tolist())


def build_thing(
    shape: Tensor, colour: Tensor, centre: Tensor, angle: Tensor, radius: Tensor, *,
    mirrored: Tensor, pattern: Tensor, thing: int, present: Tensor,
) -> list[Layer]:  # fmt: skip
    """The layers of things, back to front.

    `shape` indexes `SHAPES`, `pattern` `surface.PATTERNS`, `colour` is 0…1 `b 3`; `centre` `b t 2`, `angle`
    `b t`, half extent `radius` `b t`; `mirrored` and `present` bool `b`; `thing` is 1 or 2.
    """
    kinds, numbers = (table.to(shape.device)[shape] for table in _tables())
    side = torch.where(mirrored, -1.0, 1.0)
    cos, sin = angle.cos(), angle.sin()
    pale = colour.amin(1, keepdim=True) > 0.5
    second = torch.where(pale, colour * 0.55, colour + (1 - colour) * 0.62)
    layers = []
    for slot in range(_SLOTS):
        there = present & (kinds[:, slot] >= 0)
        x, y, wide, high, turn, own, *paint, rim, textured = numbers[:, slot].unbind(-1)
        px, py = (x * side)[:, None] * radius, y[:, None] * radius
        at = centre + torch.stack([cos * px - sin * py, sin * px + cos * py], -1)
        extent = radius[..., None] * torch.stack([wide, high], -1)[:, None]
        fixed, may = torch.stack(paint, -1), slot in _textured_slots()
        layers.append(
            Layer(
                "object", at, angle + (turn * side)[:, None], extent,
                colour * own[:, None] + fixed, present=there, variant=kinds[:, slot].clamp_min(0), rim=rim,
                shade=0.16, light=0.5 * textured if may else 0.0, second=second if may else None,
                pattern=pattern * textured.long() if may else None, thing=thing,
            )
        )  # fmt: skip
    return layers


def outlines(shape: Tensor, mirrored: Tensor) -> Tensor:
    """Outlines of `SHAPES` by index, `b OUTLINE+1`, as `videogen.tracks` draws them."""
    table = _outline_table().to(shape.device)[shape]
    across = (OUTLINE // 2 - torch.arange(OUTLINE, device=shape.device)) % OUTLINE
    other = torch.cat([table[:, across], table[:, OUTLINE:]], 1)
    return torch.where(mirrored[:, None], other, table)


@cache
def _outline_table() -> Tensor:
    """The farthest point inside each shape along each direction, and the nearest one for its hole."""
    turn = torch.arange(OUTLINE) * (2 * math.pi / OUTLINE)
    radius = torch.linspace(0, 1.6, 1601)
    x, y = turn.cos()[:, None] * radius, turn.sin()[:, None] * radius
    rows = []
    for name in SHAPES:
        inside = silhouette(name, x, y) < 0
        far = torch.where(inside, radius, 0.0).amax(1)
        hole = torch.where(inside, radius, 9.0).amin(1).min()
        rows.append(torch.cat([far, hole.where(hole > 0.1, torch.zeros(()))[None]]))
    return torch.stack(rows)


def silhouette(name: str, x: Tensor, y: Tensor) -> Tensor:
    """Signed distance to the whole of a shape in its unit frame, same shape as `x`, `h w`."""
    whole = torch.full_like(x, math.inf)
    for part in _PARTS[name]:
        angle = part.turn * math.pi / 2
        dx, dy = x - part.x, y - part.y
        u, v = math.cos(angle) * dx + math.sin(angle) * dy, math.cos(angle) * dy - math.sin(angle) * dx
        sx, sy = (torch.full((1, 1, 1), value) for value in (part.wide, part.high))
        variant = torch.tensor([PRIMITIVES.index(part.shape)])
        whole = torch.minimum(whole, distance_of("object", u[None], v[None], sx, sy, variant)[0])
    return whole
