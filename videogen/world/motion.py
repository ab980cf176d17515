"""How things move: tracks of objects.

Time is in seconds, `b t`; all motions are functions of time, so a clip can start anywhere and run at any
frame rate. Each function computes every motion of its family and picks by index: a few additions, no
branches on data.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from videogen.world.dice import Dice

OBJECT_MOTIONS = ("still", "right", "left", "up", "down", "bounce", "spin", "grow", "shrink", "orbit")
SPEEDS = ("normal", "slowly", "quickly")

CROSSING = 2.0
"""Seconds that a thing takes to cross the picture or to change its size, unless its clip is longer."""
FLOOR = 0.84
"""Where things bounce that have the whole picture, as a fraction of its height."""
LEAST = 0.08
"""The smallest half extent of a thing."""


def _pick(options: list[Tensor], index: Tensor) -> Tensor:
    """Row b of the result is row b of `options[index[b]]`."""
    stacked = torch.stack(options, 1)
    return stacked[torch.arange(len(index), device=index.device), index]


def fit_radius(motion: Tensor, radius: Tensor) -> Tensor:
    """A half extent `b` that leaves room for the motion, from one of 0.12…0.30."""
    names = {name: number for number, name in enumerate(OBJECT_MOTIONS)}
    free = (motion == names["still"]) | (motion == names["spin"])
    sized = (motion == names["grow"]) | (motion == names["shrink"])
    return torch.where(free, radius, torch.where(sized, 0.6 * radius + 0.05, 0.5 * radius + 0.07))


def object_track(
    motion: Tensor, time: Tensor, dice: Dice, *, radius: Tensor, room: Tensor, crossing: Tensor, speed: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Centre `b t 2`, angle `b t` and scale `b t` of objects; `motion` indexes `OBJECT_MOTIONS`.

    Their middles stay in `room`, `b 4`: left, right, top, bottom. What goes one way goes on for `crossing`
    seconds, `b`. `speed` indexes `SPEEDS`; `radius` is the half extent at scale 1, `b`.
    """
    left, right, top, bottom = (value[:, None] for value in room.unbind(-1))
    radius = radius[:, None]
    x0 = left + (right - left) * dice.uniform(0.3, 0.7)[:, None]
    y0 = top + (bottom - top) * dice.uniform(0.35, 0.65)[:, None]
    rate = dice.uniform(0.85, 1.15)[:, None] * time.new_tensor([1.0, 0.5, 1.7])[speed][:, None]
    share = dice.uniform(0.75, 0.83)[:, None] * time.new_tensor([1.0, 0.45, 1.2])[speed][:, None]
    phase, turn = dice.phase()[:, None], torch.where(dice.chance(0.5), 1.0, -1.0)[:, None]
    zero = torch.zeros_like(time)
    progress = (time / crossing[:, None]).clamp(0, 1)
    along = (progress - 0.5) * share
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    go_x, go_y = along * (right - left), along * (bottom - top)
    floor = torch.minimum(bottom, FLOOR - radius)
    hop = floor - (math.pi * 0.9 * rate * time + phase).sin().abs() * (floor - top)
    swing = turn * 2 * math.pi * 0.5 * rate * time + phase
    wide = ((right - left) / 2).clamp_max(0.24)
    high = ((bottom - top) / 2).clamp_max(0.22)
    still = torch.stack([x0 + zero, y0 + zero], -1)
    centre = _pick(
        [
            still,
            torch.stack([middle_x + go_x, y0 + zero], -1),
            torch.stack([middle_x - go_x, y0 + zero], -1),
            torch.stack([x0 + zero, middle_y - go_y], -1),
            torch.stack([x0 + zero, middle_y + go_y], -1),
            torch.stack([x0 + zero, hop], -1),
            still,
            still,
            still,
            torch.stack([middle_x + wide * swing.cos(), middle_y + high * swing.sin()], -1),
        ],
        motion,
    )
    spinning = (motion == OBJECT_MOTIONS.index("spin"))[:, None]
    angle = torch.where(spinning, swing, zero)
    change = (
        torch.minimum((radius / LEAST).log(), zero + 0.6) * time.new_tensor([1.0, 0.7, 1.0])[speed][:, None]
    )
    growing = torch.exp((2 * progress - 1) * change)
    scale = _pick([zero + 1.0, growing, 1 / growing], _size_change(motion))
    return centre, angle, scale


def _size_change(motion: Tensor) -> Tensor:
    grow = (motion == OBJECT_MOTIONS.index("grow")).long()
    return grow + 2 * (motion == OBJECT_MOTIONS.index("shrink")).long()
