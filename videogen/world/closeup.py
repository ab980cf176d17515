"""Faces seen from near: speaking, blinking and turning at once, painted with lips, teeth, tongue and shade.

A network that is to open the mouth of a photograph must have seen what is in one. So these faces are painted
with more care than those of whole portraits, in colours of every kind, and act everything at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from videogen.skeleton import BODY
from videogen.world.acting import HEAD_MOTIONS, Joints, turn_heads
from videogen.world.dice import Dice
from videogen.world.face import Brush, back_of_hair, beard_and_glasses, bust, eye, front_of_hair
from videogen.world.figure import SKINS, Character, palette
from videogen.world.painter import Layer
from videogen.world.portrait import Head

_UPPER = ((48, 60), (49, 60), (50, 61), (51, 62), (52, 63), (53, 64), (54, 64))
_LOWER = ((54, 64), (55, 64), (56, 65), (57, 66), (58, 67), (59, 60), (48, 60))
"""Points of the outer lips with those of the inner lips beside them, from corner to corner."""


def act_face(motion: Tensor, time: Tensor, dice: Dice, *, held_out: bool) -> tuple[Joints, Tensor]:
    """Joints of faces `b t`, of which frame 0 is the reference, and the directions of their turns, `b`.

    Beyond what `motion` says most of them speak and many blink; some show their teeth in the reference.
    """
    talk, blink, still = (
        torch.full_like(motion, HEAD_MOTIONS.index(name)) for name in ("talk", "blink", "still")
    )
    acting = turn_heads(motion, time[:, 1:], dice, held_out=held_out)
    before = turn_heads(still, time[:, :1], dice, held_out=held_out).joints
    spoken = turn_heads(talk, time[:, 1:], dice, held_out=held_out).joints["mouth"]
    closed = turn_heads(blink, time[:, 1:], dice, held_out=held_out).joints["blink"]
    wide = dice.uniform(0.4, 1.25)[:, None]
    joints = dict(acting.joints)
    joints["mouth"] = torch.where(dice.chance(0.7)[:, None], spoken * wide, joints["mouth"])
    joints["blink"] = torch.where(dice.chance(0.5)[:, None], closed, joints["blink"])
    parted = torch.where(dice.chance(0.35), dice.uniform(0.05, 0.6), 0.0)[:, None]
    before = before | {"mouth": parted, "blink": torch.zeros_like(parted)}
    return {name: torch.cat([before[name], value], 1) for name, value in joints.items()}, acting.direction


@dataclass(frozen=True)
class Looks:
    """What faces are painted with, `b 3` or `b`."""

    skin: Tensor
    lips: Tensor
    inside: Tensor
    teeth: Tensor
    tongue: Tensor
    shadow: Tensor
    thick: Tensor
    tooth: Tensor
    lower_teeth: Tensor
    lit_from: Tensor

    @classmethod
    def draw(cls, dice: Dice, who: Character) -> Looks:
        """Colours around those that `who` has, so that no two faces are painted alike."""
        skin = (palette(SKINS, who.skin) * dice.uniforms(3, 0.9, 1.06)).clamp(0, 1)
        red = torch.cat([dice.uniforms(1, 0.7, 1.0), dice.uniforms(2, 0.35, 0.85)], 1)
        pink = torch.cat([dice.uniforms(1, 0.6, 0.85), dice.uniforms(2, 0.28, 0.48)], 1)
        return cls(
            skin=skin,
            lips=skin * red,
            inside=torch.cat([dice.uniforms(1, 0.1, 0.3), dice.uniforms(2, 0.03, 0.12)], 1),
            teeth=dice.uniform(0.7, 0.98)[:, None] * skin.new_tensor([1.0, 0.98, 0.92]),
            tongue=pink,
            shadow=skin * dice.uniforms(3, 0.45, 0.75),
            thick=dice.uniform(0.03, 0.075)[:, None],
            tooth=dice.uniform(0.05, 0.1)[:, None],
            lower_teeth=dice.chance(0.4),
            lit_from=torch.where(dice.chance(0.5), 1.0, -1.0)[:, None],
        )


def dress_face(points: Tensor, head: Head, joints: Joints, who: Character, looks: Looks) -> list[Layer]:
    """The layers of faces seen from near, back to front; arguments as for `dress_portrait`."""
    brush = Brush(points, head, who)
    tall = head.half[..., 1] / head.half[..., 0]
    layers = [*back_of_hair(brush, tall), *bust(brush)]
    layers.append(brush.spot(head.centre, (1.0, tall), looks.skin, rim=0.02))
    for sign, side in ((-1.0, "right"), (1.0, "left")):
        shown = head.shows_ear(sign)[..., None]
        place = torch.where(shown, points[..., BODY[f"{side}_ear"], :2], torch.full_like(head.centre, -2.0))
        layers.append(brush.spot(place, (0.13, 0.2), looks.skin * 0.95, rim=0.15))
    layers += _modelling(brush, looks, tall)
    layers += beard_and_glasses(brush, tall)
    for first, sign in ((36, -1.0), (42, 1.0)):
        layers += eye(brush, first, sign, joints)
    return layers + _nose(brush, looks) + _mouth(brush, looks, joints, tall) + front_of_hair(brush, tall)


def _shade(
    brush: Brush, centre: Tensor, size: tuple[float | Tensor, float | Tensor], colour: Tensor, share: float
) -> Layer:
    """A soft spot of which only a `share` is laid over what lies below."""
    zero, unit = torch.zeros_like(brush.head.roll), brush.head.half[..., 0]
    extent = torch.stack([(size[0] + zero) * unit, (size[1] + zero) * unit], -1)
    return Layer("ellipse", centre, brush.head.roll, extent, colour, soft=0.9, opacity=share)


def _modelling(brush: Brush, looks: Looks, tall: Tensor) -> list[Layer]:
    """A side in shade, cheeks, a lit brow, and the hollows of the eyes."""
    head, light = brush.head, looks.skin + 0.5 * (1 - looks.skin)
    red = looks.skin * looks.skin.new_tensor([1.0, 0.72, 0.7])
    away = head.on(-0.62 * looks.lit_from, 0.1)
    layers = [_shade(brush, away, (0.6, 0.95 * tall), looks.shadow, 0.45)]
    for eye_corner, mouth_corner in ((36, 48), (45, 54)):
        cheek = 0.5 * brush.face(eye_corner) + 0.5 * brush.face(mouth_corner)
        layers.append(_shade(brush, cheek, (0.3, 0.24), red, 0.4))
    for first in (36, 42):
        middle = (brush.face(first) + brush.face(first + 3)) / 2
        layers.append(_shade(brush, middle, (0.34, 0.26), looks.shadow, 0.35))
    layers.append(_shade(brush, head.on(0.2 * looks.lit_from, -0.55), (0.5, 0.25), light, 0.4))
    return layers


def _nose(brush: Brush, looks: Looks) -> list[Layer]:
    """A lit ridge, a tip with its shadow, and nostrils."""
    light = looks.skin + 0.4 * (1 - looks.skin)
    tip, base = brush.face(30), brush.face(33)
    return [
        brush.stroke(brush.face(27), brush.face(29), 0.05, looks.skin * 0.96),
        _shade(brush, base, (0.2, 0.1), looks.shadow, 0.45),
        brush.spot(tip + (base - tip) * 0.2, (0.13, 0.11), looks.skin * 0.93),
        _shade(brush, tip, (0.08, 0.07), light, 0.45),
        brush.spot(brush.face(32), (0.035, 0.022), looks.shadow * 0.5),
        brush.spot(brush.face(34), (0.035, 0.022), looks.shadow * 0.5),
    ]


def _mouth(brush: Brush, looks: Looks, joints: Joints, tall: Tensor) -> list[Layer]:
    """The dark inside with a tongue, teeth of a size of their own, and lips that cover their ends."""
    left, right = brush.face(60), brush.face(64)
    wide = (right - left).norm(dim=-1) / 2 / brush.head.half[..., 0]
    gap = (tall * (0.18 * joints["mouth"] + 0.012)).clamp_min(0.004)
    above, below = brush.face(62), brush.face(66)
    middle = (above + below) / 2
    roll, unit = brush.head.roll, brush.head.half[..., 0]
    down = torch.stack([-roll.sin(), roll.cos()], -1) * unit[..., None]
    tooth, low = torch.minimum(looks.tooth, 0.8 * gap), torch.minimum(0.6 * looks.tooth, 0.3 * gap)

    def under(place: Tensor, depth: Tensor) -> Tensor:
        return place + down * depth[..., None]

    layers = [
        brush.spot(middle, (wide * 1.02, gap * 1.15), looks.inside),
        brush.spot(under(middle, 0.55 * gap), (wide * 0.55, gap * 0.5), looks.tongue),
        brush.spot(under(below, -0.6 * low), (wide * 0.5, low), looks.teeth * 0.9, present=looks.lower_teeth),
        brush.spot(under(above, 0.55 * tooth), (wide * 0.72, tooth), looks.teeth),
    ]
    for rim, share, shade in ((_UPPER, 0.9, 0.92), (_LOWER, 1.15, 1.05)):
        places = [0.6 * brush.face(outer) + 0.4 * brush.face(inner) for outer, inner in rim]
        colour = (looks.lips * shade).clamp(0, 1)
        layers += [brush.stroke(a, b, looks.thick * share, colour) for a, b in pairwise(places)]
    return layers
