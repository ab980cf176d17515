"""Signed distances of the world's shapes, in the frame of each shape.

`u`, `v` are coordinates along and across, `n h w`, in fractions of the picture's side; `sx`, `sy` half
extents, `n 1 1`. Negative inside. Formulas after Inigo Quilez, "2D distance functions" (2008-2024).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

OBJECT_SHAPES = ("ball", "square", "triangle", "star", "heart", "ring")


def distance_of(shape: str, u: Tensor, v: Tensor, sx: Tensor, sy: Tensor, variant: Tensor | None) -> Tensor:
    """The distance function called `shape`: ellipse, capsule, box, or object (chosen by `variant`, `n`)."""
    if shape == "ellipse":
        return _ellipse(u, v, sx, sy)
    if shape == "capsule":
        return torch.hypot((u.abs() - sx).clamp_min(0), v) - sy
    if shape == "taper":  # a capsule whose far end (u > 0) is a third thinner
        thickness = sy * (1 - 0.18 * (u / sx).clamp(-1, 1))
        return torch.hypot((u.abs() - sx).clamp_min(0), v) - thickness
    if shape == "box":
        return _box(u, v, sx, sy, corner=0.35 * torch.minimum(sx, sy))
    if shape == "skirt":  # a box that widens downwards
        return _box(u / (0.85 + 0.3 * (v / sy).clamp(-1, 1)), v, sx, sy, corner=0.15 * sy)
    if shape == "object":
        assert variant is not None
        return _object(u / sx, v / sx, variant) * sx
    raise ValueError(f"unknown shape {shape!r}")


def _ellipse(u: Tensor, v: Tensor, sx: Tensor, sy: Tensor) -> Tensor:
    """First-order distance: the implicit function over the length of its gradient."""
    p, q = u / sx, v / sy
    radius = torch.hypot(p, q)
    slope = torch.hypot(p / sx, q / sy).clamp_min(1e-6)
    return radius * (radius - 1) / slope


def _box(u: Tensor, v: Tensor, sx: Tensor, sy: Tensor, *, corner: Tensor) -> Tensor:
    du, dv = u.abs() - sx + corner, v.abs() - sy + corner
    outside = torch.hypot(du.clamp_min(0), dv.clamp_min(0))
    return outside + torch.maximum(du, dv).clamp_max(0) - corner


def _object(x: Tensor, y: Tensor, variant: Tensor) -> Tensor:
    """All of `OBJECT_SHAPES` in a unit frame; only those that occur in the batch are computed."""
    out = torch.empty_like(x)
    for number, name in enumerate(OBJECT_SHAPES):
        rows = (variant == number).nonzero().squeeze(1)
        if rows.numel():
            out[rows] = _UNIT_SHAPES[name](x[rows], y[rows])
    return out


def _ball(x: Tensor, y: Tensor) -> Tensor:
    return torch.hypot(x, y) - 1.0


def _square(x: Tensor, y: Tensor) -> Tensor:
    dx, dy = x.abs() - 0.78, y.abs() - 0.78
    return torch.hypot(dx.clamp_min(0), dy.clamp_min(0)) + torch.maximum(dx, dy).clamp_max(0) - 0.06


def _triangle(x: Tensor, y: Tensor) -> Tensor:
    k = math.sqrt(3.0)
    half = 0.98
    x, y = x.abs() - half, -(y - 0.24) + half / k
    fold = x + k * y > 0
    x, y = torch.where(fold, (x - k * y) / 2, x), torch.where(fold, (-k * x - y) / 2, y)
    x = x - x.clamp(-2 * half, 0)
    return -torch.hypot(x, y) * torch.sign(y)


def _star(x: Tensor, y: Tensor) -> Tensor:
    """Five points, by angular folding."""
    points, inner = 5, 0.5
    angle = torch.atan2(x, -y)
    sector = 2 * math.pi / points
    folded = (torch.remainder(angle + sector / 2, sector) - sector / 2).abs()
    radius = torch.hypot(x, y)
    px, py = radius * torch.sin(folded), radius * torch.cos(folded)
    ax, ay = 0.0, 1.08
    bx, by = inner * math.sin(sector / 2), inner * math.cos(sector / 2)
    ex, ey = bx - ax, by - ay
    along = ((px - ax) * ex + (py - ay) * ey) / (ex * ex + ey * ey)
    along = along.clamp(0, 1)
    distance = torch.hypot(px - ax - along * ex, py - ay - along * ey)
    side = ex * (py - ay) - ey * (px - ax)
    return torch.where(side < 0, -distance, distance)


def _heart(x: Tensor, y: Tensor) -> Tensor:
    x, y = x.abs() / 1.75, -(y - 0.9) / 1.75
    top = torch.hypot(x - 0.25, y - 0.75) - math.sqrt(2) / 4
    diagonal = 0.5 * (x + y).clamp_min(0)
    bottom = torch.minimum(torch.hypot(x, y - 1), torch.hypot(x - diagonal, y - diagonal))
    bottom = bottom * torch.sign(x - y)
    return torch.where(y + x > 1, top, bottom) * 1.75


def _ring(x: Tensor, y: Tensor) -> Tensor:
    return (torch.hypot(x, y) - 0.72).abs() - 0.28


_UNIT_SHAPES = {
    "ball": _ball, "square": _square, "triangle": _triangle, "star": _star, "heart": _heart, "ring": _ring,
}  # fmt: skip
