"""Who plays in a clip of things: colours, shapes, motions, sizes and places of one thing or two.

Some triples of colour, shape and motion are held out: training never shows them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from videogen.world import figure, motion
from videogen.world.creatures import SHAPES
from videogen.world.dice import Dice
from videogen.world.scene import SCENES
from videogen.world.shapes import OBJECT_SHAPES
from videogen.world.surface import PATTERNS

# (colour, shape, motion) that training never shows
HELD_OUT = (
    ("red", "ball", "bounce"), ("blue", "star", "spin"), ("yellow", "triangle", "right"),
    ("green", "heart", "grow"), ("purple", "square", "left"), ("orange", "ring", "orbit"),
    ("pink", "ball", "down"), ("white", "star", "up"),
)  # fmt: skip

_CLASHES = (("white", "snow"), ("green", "grass"), ("blue", "sea"), ("orange", "desert"))
_TRANSLATIONS = tuple(motion.OBJECT_MOTIONS.index(name) for name in ("right", "left", "up", "down"))
_STILL, _BOUNCE, _SPIN = (motion.OBJECT_MOTIONS.index(name) for name in ("still", "bounce", "spin"))
_ROUND = tuple(SHAPES.index(name) for name in ("ball", "ring"))


@dataclass(frozen=True)
class Role:
    """One thing of each clip: indices int64 `b`, half extent `radius` `b`, `room` of its middle `b 4`."""

    colour: Tensor
    shape: Tensor
    moves: Tensor
    pattern: Tensor
    speed: Tensor
    radius: Tensor
    room: Tensor
    mirrored: Tensor
    present: Tensor


def _is_one_of(index: Tensor, options: tuple[int, ...]) -> Tensor:
    return (index[:, None] == torch.tensor(options, device=index.device)).any(1)


def _held_out(device: torch.device) -> Tensor:
    rows = [
        (figure.COLOURS.index(c), SHAPES.index(s), motion.OBJECT_MOTIONS.index(m)) for c, s, m in HELD_OUT
    ]
    return torch.tensor(rows, device=device)


def _spare(colour: Tensor, shape: Tensor, moves: Tensor) -> Tensor:
    """Motions, with those of held-out triples stilled."""
    triple = torch.stack([colour, shape, moves], -1)
    forbidden = (triple[:, None] == _held_out(colour.device)[None]).all(-1).any(-1)
    return torch.where(forbidden, torch.full_like(moves, _STILL), moves)


def _draw_shape(dice: Dice) -> Tensor:
    basic = dice.choice(len(OBJECT_SHAPES))
    creature = len(OBJECT_SHAPES) + dice.choice(len(SHAPES) - len(OBJECT_SHAPES))
    return torch.where(dice.chance(0.7), basic, creature)


def _draw_facing(dice: Dice, moves: Tensor) -> Tensor:
    """Whether a thing looks to the left: where it goes, if it goes sideways."""
    left, right = (moves == motion.OBJECT_MOTIONS.index(name) for name in ("left", "right"))
    return left | (dice.chance(0.5) & ~right)


def _room(radius: Tensor, *, half: Tensor, upright: Tensor) -> Tensor:
    """Where middles may be: all of the picture (`half` 0), or its first or second half (1, 2), `b 4`."""
    low, high = 0.8 * radius, 1 - 0.8 * radius
    first, second = (
        torch.stack([low, torch.full_like(low, 0.52)], -1),
        torch.stack([1 - 0.52 + 0 * low, high], -1),
    )
    whole = torch.stack([low, high], -1)
    part = torch.where((half == 1)[:, None], first, torch.where((half == 2)[:, None], second, whole))
    side = upright[:, None]
    return torch.cat([torch.where(side, whole, part), torch.where(side, part, whole)], 1)


_PAIRS, _HELD_OUT_PAIRS = 0.22, 0.0
"""Shares of clips with two things."""


def draw_cast(dice: Dice, *, held_out: bool, pairs: float | None = None) -> tuple[Role, Role, Tensor]:
    """The first thing, the second (present where there are two), and the place (index of `SCENES`, `b`).

    `pairs` is the share of clips with two things; if not given, that of the set. Where clips are held out
    the first thing is.
    """
    colour, shape, moves = (
        dice.choice(len(figure.COLOURS)),
        _draw_shape(dice),
        dice.choice(len(motion.OBJECT_MOTIONS)),
    )
    if held_out:
        colour, shape, moves = _held_out(colour.device)[dice.choice(len(HELD_OUT))].unbind(1)
    share = pairs
    if share is None:
        share = _HELD_OUT_PAIRS if held_out else _PAIRS
    two = dice.chance(share)
    pattern = 1 + dice.choice(len(PATTERNS) - 1)
    textured = dice.chance(0.1 if held_out else 0.25)
    moves = moves if held_out else _spare(colour, shape, moves)
    textured |= (moves == _SPIN) & _is_one_of(shape, _ROUND)  # or nobody would see it turn
    slow, quick = dice.chance(0.12), dice.chance(0.12)
    speed = torch.where(slow, 1, torch.where(quick, 2, 0))
    plain_speed = two | (moves == _STILL) | held_out
    upright, first = dice.chance(0.35), 1 + dice.choice(2)
    wide = dice.uniform()
    radius = torch.where(two, 0.12 + 0.06 * wide, motion.fit_radius(moves, 0.12 + 0.18 * wide))
    half = torch.where(two, first, torch.zeros_like(first))
    one = Role(
        colour, shape, moves, pattern * textured, torch.where(plain_speed, torch.zeros_like(speed), speed),
        radius, _room(radius, half=half, upright=upright), _draw_facing(dice, moves), torch.ones_like(two),
    )  # fmt: skip
    second = _draw_second(dice, one, two, half=3 - first, upright=upright)
    return one, second, _draw_place(dice, one, second)


def _draw_second(dice: Dice, one: Role, two: Tensor, *, half: Tensor, upright: Tensor) -> Role:
    """A thing of another colour and shape, in the other half."""
    colour = (one.colour + 1 + dice.choice(len(figure.COLOURS) - 1)) % len(figure.COLOURS)
    shape, step = _draw_shape(dice), 1 + dice.choice(len(OBJECT_SHAPES) - 1)
    base = torch.where(shape < len(OBJECT_SHAPES), 0, len(OBJECT_SHAPES))
    other = base + (shape - base + step) % len(OBJECT_SHAPES)
    shape = torch.where(shape == one.shape, other, shape)
    moves = dice.choice(len(motion.OBJECT_MOTIONS))
    hidden = (moves == _SPIN) & _is_one_of(shape, _ROUND)
    moves = _spare(colour, shape, torch.where(hidden, torch.full_like(moves, _BOUNCE), moves))
    radius = dice.uniform(0.12, 0.18)
    plain = torch.zeros_like(moves)
    room = _room(radius, half=half, upright=upright)
    return Role(colour, shape, moves, plain, plain, radius, room, _draw_facing(dice, moves), two)


def _draw_place(dice: Dice, one: Role, second: Role) -> Tensor:
    """White things leave the snow, green ones the grass, blue ones the sea: they must be seen."""
    scene = dice.choice(len(SCENES))
    clash = torch.zeros_like(scene, dtype=torch.bool)
    for name, place in _CLASHES:
        number = figure.COLOURS.index(name)
        coloured = (one.colour == number) | (second.present & (second.colour == number))
        clash |= (scene == SCENES.index(place)) & coloured
    return torch.where(clash, torch.full_like(scene, SCENES.index("grey")), scene)
