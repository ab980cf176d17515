"""Anti-aliased painting of moving layers, with the true motion of every pixel.

A layer is a simple shape (ellipse, capsule, box, …) in an affine frame that moves over time; layers are
painted back to front. Because each layer knows its frame at every moment, the painter also knows where
each pixel was in the first frame (`source`) and whether it could be seen there (`visible`): the optical
flow is exact, not estimated. Positions are fractions of the picture's side, y down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from videogen.world.shapes import distance_of


@dataclass(frozen=True)
class Layer:
    """One shape over time.

    `shape` names a distance function of `shapes.py`. `centre` is `b t 2`, `angle` radians `b t`, `size`
    the half extents `b t 2`. `colour` is 0…1, `b 3`. `present` 0/1, `b`. `variant` chooses within a family
    of shapes, `b`. `shade` darkens towards the bottom of the shape. `stripes` mixes `second` in, `b`.
    """

    shape: str
    centre: Tensor
    angle: Tensor
    size: Tensor
    colour: Tensor
    present: Tensor | None = None
    variant: Tensor | None = None
    shade: float = 0.0
    stripes: Tensor | None = None
    second: Tensor | None = None


@dataclass(frozen=True)
class Painting:
    """What `paint` returns.

    `video` is 0…1 `b t c h w`; `source` says where each pixel was in frame 0, fractions, `b t h w 2`;
    `visible` whether it was seen there, 0/1 `b t h w`.
    """

    video: Tensor
    source: Tensor
    visible: Tensor


def paint(background: Tensor, layers: Sequence[Layer], *, num_frames: int) -> Painting:
    """Paint `layers` over `background` (0…1, `b c h w`, at rest) for `num_frames` frames."""
    b, _, h, w = background.shape
    n, t = b * num_frames, num_frames
    device = background.device
    rows = (torch.arange(h, device=device) + 0.5) / h
    columns = (torch.arange(w, device=device) + 0.5) / w
    canvas = background[:, None].expand(b, t, 3, h, w).reshape(n, 3, h, w).clone()
    owner = torch.zeros(n, h, w, dtype=torch.int16, device=device)
    source_x = columns.expand(n, h, w).clone()
    source_y = rows[:, None].expand(n, h, w).clone()
    for number, layer in enumerate(layers, start=1):
        angle, centre, size = layer.angle, layer.centre, layer.size.clamp_min(1e-4)
        cos, sin = angle.cos().reshape(n, 1), angle.sin().reshape(n, 1)
        dx = columns - centre[..., 0].reshape(n, 1)
        dy = rows - centre[..., 1].reshape(n, 1)
        u = (cos * dx)[:, None, :] + (sin * dy)[:, :, None]
        v = (-sin * dx)[:, None, :] + (cos * dy)[:, :, None]
        sx, sy = size[..., 0].reshape(n, 1, 1), size[..., 1].reshape(n, 1, 1)
        variant = None if layer.variant is None else layer.variant.repeat_interleave(t)
        alpha = (0.5 - distance_of(layer.shape, u, v, sx, sy, variant) * h).clamp_(0, 1)
        if layer.present is not None:
            alpha = alpha * layer.present.to(alpha).repeat_interleave(t)[:, None, None]
        colour = _colours(layer, v / sy, t)
        canvas = torch.lerp(canvas, colour, alpha[:, None])
        inside = alpha > 0.5
        owner = torch.where(inside, number, owner)
        ratio = size[:, :1] / size
        ratio_x, ratio_y = ratio[..., 0].reshape(n, 1, 1), ratio[..., 1].reshape(n, 1, 1)
        cos0 = cos.view(b, t)[:, :1].expand(b, t).reshape(n, 1, 1)
        sin0 = sin.view(b, t)[:, :1].expand(b, t).reshape(n, 1, 1)
        first = centre[:, :1].expand(b, t, 2).reshape(n, 2)
        u, v = u * ratio_x, v * ratio_y
        source_x = torch.where(inside, first[:, 0, None, None] + cos0 * u - sin0 * v, source_x)
        source_y = torch.where(inside, first[:, 1, None, None] + sin0 * u + cos0 * v, source_y)
    visible = _seen_in_first(owner.view(b, t, h, w), source_x.view(b, t, h, w), source_y.view(b, t, h, w))
    source = torch.stack([source_x, source_y], -1).view(b, t, h, w, 2)
    return Painting(canvas.view(b, t, 3, h, w), source, visible)


def _colours(layer: Layer, v: Tensor, t: int) -> Tensor:
    """The layer's paint, `n 3 h w` or broadcastable; `v` runs from −1 at its top to 1 at its bottom."""
    colour = layer.colour.repeat_interleave(t, 0)[:, :, None, None]
    if layer.stripes is not None and layer.second is not None:
        striped = layer.stripes.to(v).repeat_interleave(t)[:, None, None]
        wave = ((v * 7.0).sin() * 4.0 + 0.5).clamp(0, 1) * striped
        colour = torch.lerp(colour, layer.second.repeat_interleave(t, 0)[:, :, None, None], wave[:, None])
    if layer.shade:
        colour = colour * (1.0 - layer.shade * (v.clamp(-1, 1) * 0.5 + 0.5))[:, None]
    return colour.expand(-1, -1, v.shape[-2], v.shape[-1])


def _seen_in_first(owner: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Whether the point of each pixel's layer lay uncovered and inside frame 0, float `b t h w`."""
    b, t, h, w = owner.shape
    inside = (x >= 0) & (x < 1) & (y >= 0) & (y < 1)
    column = (x * w).long().clamp(0, w - 1)
    row = (y * h).long().clamp(0, h - 1)
    first = owner[:, 0].reshape(b, h * w)
    there = first.gather(1, (row * w + column).view(b, -1)).view(b, t, h, w)
    return (inside & (there == owner)).to(x.dtype)
