"""The paint of a layer: its colour, texture, shade, light and outline, in the layer's own frame.

Whatever is on a surface turns and grows with it, so that a pixel carried along its layer keeps its colour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from videogen.world.painter import Layer

PATTERNS = ("plain", "striped", "dotted", "checked")

_LIGHT = (-0.34, -0.38)
"""Where a highlight lies, over the half extents."""
_DARKER = 0.45
"""How much of the light a rim takes."""


def colours_of(
    layer: Layer, clips: Tensor, u: Tensor, v: Tensor, size: Tensor, distance: Tensor, pixels: int
) -> Tensor:
    """The paint of a layer's patches, `3 m h w` or broadcastable.

    `clips` says whose each patch is, `m`; `u`, `v` are coordinates in the layer's frame and `distance` to
    its edge, `m h w`; `size` half extents `m 2`; `pixels` the picture's side.
    """
    colour = layer.colour.t()[:, clips, None, None]  # 3 m 1 1
    along = v / size[:, 1:, None]
    if layer.second is not None:
        second = layer.second.t()[:, clips, None, None]
        colour = colour + (second - colour) * _mixture(layer, clips, u, along, size)
    light, rim = (
        value[clips, None, None] if isinstance(value, Tensor) else value for value in (layer.light, layer.rim)
    )
    gain: Tensor | float = 1.0  # the paint is colour · gain + bright
    bright: Tensor | None = None
    if layer.shade:
        gain = (along.clamp(-1, 1) + 1).mul_(-layer.shade / 2).add_(1)
    if isinstance(light, Tensor) or light > 0:
        near = (u / size[:, :1, None] - _LIGHT[0]).square_().add_((along - _LIGHT[1]).square_())
        bright = near.mul_(-9).add_(1).clamp_(0, 1).mul_(light)
        gain = (1 - bright).mul_(gain)
    if isinstance(rim, Tensor) or rim > 0:
        edge = (distance + rim * size[:, :1, None]).mul_(pixels).add_(0.5).clamp_(0, 1).mul_(-_DARKER).add_(1)
        gain = edge * gain
        bright = bright if bright is None else bright.mul_(edge)
    colour = colour * gain
    return colour if bright is None else colour.add_(bright)


def _mixture(layer: Layer, clips: Tensor, u: Tensor, along: Tensor, size: Tensor) -> Tensor:
    """How much of the second colour there is, 0…1, `m h w`."""
    mix = torch.zeros_like(along)
    if layer.stripes is not None:
        striped = layer.stripes.to(along)[clips, None, None]
        mix = ((_wave(along * (7.0 / (2 * torch.pi))) * 6.3) + 0.5).clamp_(0, 1) * striped
    if layer.pattern is not None:
        pattern = layer.pattern[clips]
        across = u / size[:, 1:, None]
        for number, draw in enumerate((_stripes, _dots, _checks), start=1):
            rows = (pattern == number).nonzero().squeeze(1)
            if len(rows):
                mix[rows] = draw(across[rows], along[rows])
    return mix


def _wave(turns: Tensor) -> Tensor:
    """A triangle wave of period 1 that rises through 0 at 0, −1…1."""
    return (turns - 0.25 - (turns - 0.25).round()).abs().mul_(-4).add_(1)


def _stripes(x: Tensor, y: Tensor) -> Tensor:
    return (_wave(y * 1.3 + 0.1) * 4 - 0.6).clamp_(0, 1)


def _dots(x: Tensor, y: Tensor) -> Tensor:
    x, y = x * 1.35, y * 1.35
    near = (x - x.round()).square() + (y - y.round()).square()
    return ((0.1 - near) * 12 + 0.5).clamp_(0, 1)


def _checks(x: Tensor, y: Tensor) -> Tensor:
    return (_wave(x * 0.85) * _wave(y * 0.85) * 12 + 0.5).clamp_(0, 1)
