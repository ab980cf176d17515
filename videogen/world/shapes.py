"""Signed distances of the world's shapes, in the frame of each shape.

`u`, `v` are coordinates along and across, `n h w`, in fractions of the picture's side; `sx`, `sy` half
extents, `n 1 1`. Negative inside. Formulas after Inigo Quilez, "2D distance functions" (2008-2024).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

OBJECT_SHAPES = ("ball", "square", "triangle", "star", "heart", "ring")
PRIMITIVES = (*OBJECT_SHAPES, "ellipse", "box", "wedge", "hull", "dome")
"""What `object` can be: the basic shapes, and parts of things; each is its own mirror image."""


def distance_of(shape: str, u: Tensor, v: Tensor, sx: Tensor, sy: Tensor, variant: Tensor | None) -> Tensor:
    """The distance function called `shape`: ellipse, capsule, box, or object (chosen by `variant`, `n`)."""
    if shape == "ellipse":
        return _ellipse(u, v, sx, sy)
    if shape == "capsule":
        return _length((u.abs() - sx).clamp_min_(0), v) - sy
    if shape == "taper":  # a capsule whose far end (u > 0) is a third thinner
        thickness = sy * (1 - 0.18 * (u / sx).clamp_(-1, 1))
        return _length((u.abs() - sx).clamp_min_(0), v) - thickness
    if shape == "box":
        return _rounded(u, v, sx, sy)
    if shape == "skirt":  # a box that widens downwards
        return _box(u / (0.85 + 0.3 * (v / sy).clamp_(-1, 1)), v, sx, sy, corner=0.15 * sy)
    if shape == "object":
        assert variant is not None
        return _object(u, v, sx, sy, variant)
    raise ValueError(f"unknown shape {shape!r}")


def reach_of(shape: str, size: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    """How far a shape of half extents `size` (`n 2`) reaches across and down from its centre, each `n`."""
    wide, high = size.unbind(-1)
    if shape == "ellipse":
        return _length(wide * cos, high * sin), _length(wide * sin, high * cos)
    if shape == "object":
        reach = _length(wide, high)
        return reach, reach
    cos, sin = cos.abs(), sin.abs()
    if shape in ("capsule", "taper"):
        high = high * 1.18
        return wide * cos + high, wide * sin + high
    wide = wide * 1.15 if shape == "skirt" else wide
    return wide * cos + high * sin, wide * sin + high * cos


def _length(x: Tensor, y: Tensor) -> Tensor:
    """Length of a vector; made of exactly rounded steps, so that a pixel is the same in any batch."""
    return x.square().add_(y.square()).sqrt_()


def _ellipse(u: Tensor, v: Tensor, sx: Tensor, sy: Tensor) -> Tensor:
    """First-order distance: the implicit function over the length of its gradient.

    That is too small beside the ends of thin ellipses; the distance from their bounding box is a lower bound.
    """
    p, q = u / sx, v / sy
    radius = _length(p, q)
    slope = _length(p / sx, q / sy).clamp_min_(1e-6)
    first = (radius - 1).mul_(radius).div_(slope)
    return torch.maximum(first, torch.maximum(u.abs() - sx, v.abs() - sy))


def _box(u: Tensor, v: Tensor, sx: Tensor, sy: Tensor, *, corner: Tensor) -> Tensor:
    du, dv = u.abs() - (sx - corner), v.abs() - (sy - corner)
    outside = _length(du.clamp_min(0), dv.clamp_min(0))
    return outside.add_(torch.maximum(du, dv).clamp_max_(0)).sub_(corner)


def _object(u: Tensor, v: Tensor, sx: Tensor, sy: Tensor, variant: Tensor) -> Tensor:
    """Any of `PRIMITIVES`; only those that occur in the batch are computed."""
    out = torch.empty_like(u)
    for number in variant.unique().tolist():
        rows = (variant == number).nonzero().squeeze(1)
        name, wide, high = PRIMITIVES[number], sx[rows], sy[rows]
        if name in _UNIT_SHAPES:
            out[rows] = _UNIT_SHAPES[name](u[rows] / wide, v[rows] / wide) * wide
        else:
            out[rows] = _PARTS[name](u[rows], v[rows], wide, high)
    return out


def _wedge(u: Tensor, v: Tensor, sx: Tensor, sy: Tensor) -> Tensor:
    """A triangle with its tip at the top, as wide and high as its half extents; distances to its lines."""
    side = (u.abs() * (2 * sy) - (v + sy) * sx) / _length(2 * sy, sx)
    return torch.maximum(side, v - sy)


def _hull(u: Tensor, v: Tensor, sx: Tensor, sy: Tensor) -> Tensor:
    """A trapezium whose lower side is two thirds of its upper one; distances to its lines."""
    side = ((u.abs() - sx) * (2 * sy) + (v + sy) * (sx * 0.36)) / _length(2 * sy, sx * 0.36)
    return torch.maximum(side, v.abs() - sy)


def _dome(u: Tensor, v: Tensor, sx: Tensor, sy: Tensor) -> Tensor:
    """The upper half of an ellipse that stands on its middle."""
    return torch.maximum(_ellipse(u, v, sx, sy), v)


def _rounded(u: Tensor, v: Tensor, sx: Tensor, sy: Tensor) -> Tensor:
    return _box(u, v, sx, sy, corner=0.35 * torch.minimum(sx, sy))


def _ball(x: Tensor, y: Tensor) -> Tensor:
    return _length(x, y) - 1.0


def _square(x: Tensor, y: Tensor) -> Tensor:
    dx, dy = x.abs() - 0.78, y.abs() - 0.78
    return _length(dx.clamp_min(0), dy.clamp_min(0)) + torch.maximum(dx, dy).clamp_max(0) - 0.06


def _triangle(x: Tensor, y: Tensor) -> Tensor:
    k = math.sqrt(3.0)
    half = 0.98
    x, y = x.abs() - half, -(y - 0.24) + half / k
    fold = x + k * y > 0
    x, y = torch.where(fold, (x - k * y) / 2, x), torch.where(fold, (-k * x - y) / 2, y)
    x = x - x.clamp(-2 * half, 0)
    return -_length(x, y) * torch.sign(y)


def _star(x: Tensor, y: Tensor) -> Tensor:
    """Five points, by folding."""
    inner, half = 0.5, math.pi / 5
    px, py = x.abs(), -y
    nx, ny = math.cos(half), -math.sin(half)
    for _ in range(2):  # mirror at the line between two points
        over = (px * nx + py * ny).clamp_min(0) * 2
        px, py = (px - over * nx).abs(), py - over * ny
    ax, ay = 0.0, 1.08
    bx, by = inner * math.sin(half), inner * math.cos(half)
    ex, ey = bx - ax, by - ay
    along = ((px - ax) * ex + (py - ay) * ey) / (ex * ex + ey * ey)
    along = along.clamp(0, 1)
    distance = _length(px - ax - along * ex, py - ay - along * ey)
    side = ex * (py - ay) - ey * (px - ax)
    return torch.where(side < 0, -distance, distance)


def _heart(x: Tensor, y: Tensor) -> Tensor:
    x, y = x.abs() / 1.75, -(y - 0.9) / 1.75
    top = _length(x - 0.25, y - 0.75) - math.sqrt(2) / 4
    diagonal = 0.5 * (x + y).clamp_min(0)
    bottom = torch.minimum(_length(x, y - 1), _length(x - diagonal, y - diagonal))
    bottom = bottom * torch.sign(x - y)
    return torch.where(y + x > 1, top, bottom) * 1.75


def _ring(x: Tensor, y: Tensor) -> Tensor:
    return (_length(x, y) - 0.72).abs() - 0.28


_UNIT_SHAPES = {
    "ball": _ball, "square": _square, "triangle": _triangle, "star": _star, "heart": _heart, "ring": _ring,
}  # fmt: skip
_PARTS = {"ellipse": _ellipse, "box": _rounded, "wedge": _wedge, "hull": _hull, "dome": _dome}
