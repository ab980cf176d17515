"""Scripts of pictures that are warped: photographs and textures, for learning to carry any appearance.

A picture is a window onto a larger plane; the plane moves as a whole and along smooth waves, so borders
seldom show and every pixel's origin is exact.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from videogen.world.dice import Dice
from videogen.world.painter import Painting
from videogen.world.photographs import count_photographs, draw_photographs
from videogen.world.script import Script, no_points, no_tracks
from videogen.world.textures import HELD_OUT_TEXTURES, TEXTURES

_MARGIN = 0.25
"""How far the plane goes beyond the picture on each side."""
_PHOTOGRAPHS, _HELD_OUT_PHOTOGRAPHS = 0.34, 0.5
"""Shares of photographs, where there are any."""


def write_pictures(
    dice: Dice, time: Tensor, fps: Tensor, *, held_out: bool, share: float | None = None
) -> Script:
    """Scripts of pictures carried along smooth random motion: appearance without meaning, carried exactly.

    `share` is that of photographs, see `draw_planes`.
    """
    b = len(time)

    def paint_all(size: int) -> Painting:
        return _carry(dice.fork(), time, size, held_out=held_out, share=share)

    return Script(
        "picture", no_points(time), no_tracks(time), fps, [""] * b, [{} for _ in range(b)], paint_all
    )


def draw_planes(dice: Dice, *, size: int, held_out: bool, photographs: float | None = None) -> Tensor:
    """Pictures to be carried, 0…1, `b 3 size size`: photographs and textures of the set asked for.

    `photographs` is the share of photographs, where there are any; if not given, that of the set.
    """
    names = [name for name in TEXTURES if (name in HELD_OUT_TEXTURES) == held_out]
    kind = dice.choice(len(names))
    share = photographs
    if share is None:
        share = _HELD_OUT_PHOTOGRAPHS if held_out else _PHOTOGRAPHS
    photographed = dice.chance(share if count_photographs(held_out=held_out) else 0.0)
    kind = torch.where(photographed, torch.full_like(kind, len(names)), kind)
    planes = torch.empty(len(kind), 3, size, size, device=kind.device)
    for number in range(len(names) + 1):
        rows = (kind == number).nonzero().squeeze(1)
        if not len(rows):
            continue
        own = dice.only(rows)
        if number < len(names):
            planes[rows] = TEXTURES[names[number]](own, size=size)
        else:
            planes[rows] = draw_photographs(own, size=size, held_out=held_out)
    return planes


def _carry(dice: Dice, time: Tensor, size: int, *, held_out: bool, share: float | None) -> Painting:
    b, t = time.shape
    source = _move(dice, time, size)
    wide = 1 + 2 * _MARGIN
    planes = draw_planes(dice.fork(), size=math.ceil(size * wide), held_out=held_out, photographs=share)
    where = (source + _MARGIN) * (2 / wide) - 1
    # the frames of a clip side by side, so that its plane is read without being copied for each
    tall = torch.nn.functional.grid_sample(
        planes, where.flatten(1, 2), padding_mode="reflection", align_corners=False
    )
    video = tall.view(b, 3, t, size, size).transpose(1, 2).contiguous()
    return Painting(video, source, ((source >= 0) & (source <= 1)).all(-1).float())


def _move(dice: Dice, time: Tensor, size: int) -> Tensor:
    """Where each pixel was in frame 0, fractions, `b t size size 2`."""
    grid = (torch.arange(size, device=time.device) + 0.5) / size - 0.5
    y, x = grid[:, None], grid[None, :]
    turn, zoom = _drift(dice, time, 0.3), _drift(dice, time, 0.22).exp()
    cos, sin = (zoom * turn.cos())[..., None, None], (zoom * turn.sin())[..., None, None]
    shift_x, shift_y = (_drift(dice, time, 0.09)[..., None, None] for _ in range(2))
    across, down = cos * x - sin * y + 0.5 + shift_x, sin * x + cos * y + 0.5 + shift_y
    for _ in range(3):
        kx, ky = dice.uniforms(2, -1.4, 1.4)[..., None, None].unbind(1)
        wave = torch.sin(2 * math.pi * (kx * x + ky * y) + dice.phase()[:, None, None])[:, None]
        across = across + _drift(dice, time, 0.022)[..., None, None] * wave
        down = down + _drift(dice, time, 0.022)[..., None, None] * wave
    return torch.stack([across, down], -1)


def _drift(dice: Dice, time: Tensor, most: float) -> Tensor:
    """A slow swing that is 0 in frame 0, `b t`; `most` is its greatest amplitude."""
    rate, phase = dice.uniform(0.1, 0.4)[:, None], dice.phase()[:, None]
    swing = torch.sin(2 * math.pi * rate * time + phase)
    return dice.uniform(-most, most)[:, None] * (swing - swing[:, :1])
