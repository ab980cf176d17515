"""Cartoon heads and shoulders drawn on their keypoints: face, hair and shirt as layers, back to front."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from videogen.skeleton import BODY, FACE_SLICE
from videogen.world.acting import Joints
from videogen.world.figure import (
    COLOUR_PAINTS,
    HAIR_PAINTS,
    HAIR_STYLES,
    SHIRT_PATTERNS,
    SKINS,
    Character,
    palette,
)
from videogen.world.painter import Layer
from videogen.world.portrait import EYE_X, LID, Head

_IRISES = ((0.24, 0.42, 0.62), (0.3, 0.46, 0.26), (0.36, 0.22, 0.12), (0.3, 0.3, 0.34))


@dataclass(frozen=True)
class Brush:
    """Makes layers for one head; lengths are given over its half width, places on the picture."""

    points: Tensor
    head: Head
    who: Character

    def face(self, number: int) -> Tensor:
        """One of the 70 keypoints, `b t 2`."""
        return self.points[..., FACE_SLICE.start + number, :2]

    def spot(
        self, centre: Tensor, size: tuple[float | Tensor, float | Tensor], colour: Tensor, *,
        rim: float = 0.0, present: Tensor | None = None, turn: float = 0.0,
    ) -> Layer:  # fmt: skip
        """An ellipse that rolls with the head; its height is over the head's half width, too."""
        zero, unit = torch.zeros_like(self.head.roll), self.head.half[..., 0]
        extent = torch.stack([(size[0] + zero) * unit, (size[1] + zero) * unit], -1)
        shade = 0.1 if rim else 0.0
        return Layer(
            "ellipse", centre, self.head.roll + turn, extent, colour, present=present, rim=rim, shade=shade
        )

    def stroke(self, first: Tensor, last: Tensor, thickness: float | Tensor, colour: Tensor) -> Layer:
        """A line from one place to another."""
        span = last - first
        thick = (thickness + torch.zeros_like(self.head.roll)) * self.head.half[..., 0]
        extent = torch.stack([span.norm(dim=-1) / 2, thick], -1)
        return Layer("capsule", (first + last) / 2, torch.atan2(span[..., 1], span[..., 0]), extent, colour)

    def style(self, *names: str) -> Tensor:
        """Who wears one of these hair styles, bool `b`."""
        chosen = torch.tensor([name in names for name in HAIR_STYLES], device=self.who.style.device)
        return chosen[self.who.style]


def dress_portrait(points: Tensor, head: Head, joints: Joints, who: Character) -> list[Layer]:
    """The layers of heads and shoulders, back to front; `joints` as from `turn_heads`."""
    brush = Brush(points, head, who)
    skin = palette(SKINS, who.skin)
    tall = head.half[..., 1] / head.half[..., 0]
    layers = [*back_of_hair(brush, tall), *bust(brush)]
    layers.append(brush.spot(head.centre, (1.0, tall), skin, rim=0.025))
    for sign, side in ((-1.0, "right"), (1.0, "left")):
        shown = head.shows_ear(sign)[..., None]
        place = torch.where(shown, points[..., BODY[f"{side}_ear"], :2], torch.full_like(head.centre, -2.0))
        layers.append(brush.spot(place, (0.13, 0.2), skin * 0.95, rim=0.15))
    layers += beard_and_glasses(brush, tall)
    for first, sign in ((36, -1.0), (42, 1.0)):
        layers += eye(brush, first, sign, joints)
    nose = brush.face(30) + (brush.face(33) - brush.face(30)) * 0.3
    layers.append(brush.spot(nose, (0.1, 0.11), skin * 0.86))
    return layers + _mouth(brush, joints, tall) + front_of_hair(brush, tall)


def back_of_hair(brush: Brush, tall: Tensor) -> list[Layer]:
    """Hair behind the head, and a bun."""
    hair, head = palette(HAIR_PAINTS, brush.who.hair), brush.head
    long, curly, sides = brush.style("long"), brush.style("curly"), brush.style("sides")
    behind = -0.12 * head.yaw.sin()
    wide = torch.where(curly, 1.34, torch.where(long, 1.22, torch.where(sides, 1.22, 1.08)))[:, None]
    high = torch.where(curly, 1.16, torch.where(long, 1.32, torch.where(sides, 0.62, 1.02)))[:, None]
    down = torch.where(curly, -0.16, torch.where(long, 0.3, torch.where(sides, -0.08, -0.12)))[:, None]
    return [
        brush.spot(head.on(behind, down), (wide, high * tall), hair, rim=0.02),
        brush.spot(head.on(2 * behind, -1.14), (0.46, 0.42), hair, rim=0.05, present=brush.style("bun")),
    ]


def bust(brush: Brush) -> list[Layer]:
    """Neck, shirt with its pattern, and collar."""
    who, head, points = brush.who, brush.head, brush.points
    skin, shirt = palette(SKINS, who.skin), palette(COLOUR_PAINTS, who.shirt)
    half, zero = head.half, torch.zeros_like(head.roll)
    right, left = points[..., BODY["right_shoulder"], :2], points[..., BODY["left_shoulder"], :2]
    chest = (right + left) / 2
    body = torch.stack([(left - right)[..., 0] * 0.6, half[..., 1] * 1.25], -1)
    neck = points[..., BODY["neck"], :2]
    throat = neck + (head.centre - neck) * 0.4
    span = head.centre - neck
    lies = torch.atan2(span[..., 1], span[..., 0])
    thick = torch.stack([half[..., 1] * 0.6, half[..., 0] * 0.4], -1)
    dot = who.pattern == SHIRT_PATTERNS.index("big dot")
    shirts = torch.where(dot, 0, who.pattern)
    below = torch.stack([zero, half[..., 1] * 0.64], -1)
    cut = torch.stack([half[..., 0] * 0.62, half[..., 1] * 0.26], -1)
    collar = neck - torch.stack([zero, half[..., 1] * 0.18], -1)
    return [
        Layer(
            "ellipse",
            chest + below,
            zero,
            body,
            shirt,
            shade=0.15,
            rim=0.02,
            pattern=shirts,
            second=who.second(),
        ),
        Layer("ellipse", collar, zero, cut, skin * 0.88, rim=0.05),
        Layer("capsule", throat, lies, thick, skin * 0.88),
    ]


def beard_and_glasses(brush: Brush, tall: Tensor) -> list[Layer]:
    """A beard around the mouth, and the two lenses of glasses, behind the eyes."""
    who, head = brush.who, brush.head
    hair, skin = palette(HAIR_PAINTS, who.hair), palette(SKINS, who.skin)
    chin = (brush.face(8) + brush.face(57)) / 2 * 0.55 + (brush.face(48) + brush.face(54)) / 2 * 0.45
    turned = head.yaw.cos()
    layers = [brush.spot(chin, (0.62 * turned.clamp_min(0.7), 0.4 * tall), hair * 0.95, present=who.beard)]
    for first, sign in ((36, -1.0), (42, 1.0)):
        size = (0.36 * _facing(head.yaw, sign), 0.34)
        middle = (brush.face(first) + brush.face(first + 3)) / 2
        layers.append(brush.spot(middle, size, skin * 0.55 + 0.4, present=who.glasses, rim=0.16))
    return layers


def _facing(yaw: Tensor, sign: float) -> Tensor:
    """How wide a feature at the eye's distance is when the head is turned, about 0…1, `b t`."""
    return (yaw + sign * math.asin(EYE_X)).cos().clamp_min(0.2) / math.cos(math.asin(EYE_X))


def eye(brush: Brush, first: int, sign: float, joints: Joints) -> list[Layer]:
    """White, iris, pupil, the line of lashes on the upper lid, and the brow."""
    who, head = brush.who, brush.head
    hair, skin = palette(HAIR_PAINTS, who.hair), palette(SKINS, who.skin)
    wide, tall = _facing(head.yaw, sign), head.half[..., 1] / head.half[..., 0]
    open_ = 1 - 0.9 * joints["blink"]
    right = sign < 0
    pupil, brow = brush.face(68 if right else 69), 17 if right else 22
    middle = (brush.face(first) + brush.face(first + 3)) / 2
    iris = skin.new_tensor(_IRISES)[(who.skin + who.hair * 2 + who.shirt) % len(_IRISES)]
    iris = torch.where((who.skin > 2)[:, None], skin.new_tensor(_IRISES[2]), iris)
    high = LID * tall * open_
    upper, lower = brush.face(first + 1), brush.face(first + 2)
    lash = (lower - upper) * 0.62
    lid = (upper + lower) / 2
    return [
        brush.spot(middle, (0.23 * wide, high * 1.05), torch.full_like(skin, 0.98)),
        brush.spot(pupil, (0.115 * wide, torch.minimum(high, 0.13 + 0 * high)), iris),
        brush.spot(pupil, (0.055 * wide, torch.minimum(high, 0.06 + 0 * high)), torch.full_like(skin, 0.05)),
        brush.stroke(lid - lash, lid + lash, 0.024, torch.full_like(skin, 0.12)),
        brush.stroke(brush.face(brow), brush.face(brow + 4), 0.045, hair * 0.75),
    ]


def _mouth(brush: Brush, joints: Joints, tall: Tensor) -> list[Layer]:
    """The dark inside with teeth, and lips along their keypoints."""
    skin = palette(SKINS, brush.who.skin)
    lips = skin * skin.new_tensor([0.74, 0.42, 0.42])
    left, right = brush.face(48), brush.face(54)
    wide = (right - left).norm(dim=-1) / 2 / brush.head.half[..., 0]
    opened = joints["mouth"]
    middle = (brush.face(62) + brush.face(66)) / 2
    gap = tall * (0.18 * opened + 0.01)
    teeth = middle + (brush.face(62) - middle) * 0.7
    ends = [brush.face(number) for number in (48, 50, 52, 54, 56, 58, 48)]
    return [
        brush.spot(middle, (wide * 0.78, gap), skin * skin.new_tensor([0.32, 0.1, 0.12])),
        brush.spot(teeth, (wide * 0.5, gap * 0.28), torch.full_like(skin, 0.96)),
        *[brush.stroke(first, last, 0.04, lips) for first, last in pairwise(ends)],
    ]


def front_of_hair(brush: Brush, tall: Tensor) -> list[Layer]:
    """A fringe that turns and nods a little with the head, and a lock on either side."""
    hair, head = palette(HAIR_PAINTS, brush.who.hair), brush.head
    curly, worn = brush.style("curly"), ~brush.style("sides")
    aside = 0.14 * head.yaw.sin()
    high = torch.where(curly, 0.5, 0.4)[:, None]
    up = 0.45 * head.pitch.sin()
    return [
        brush.spot(head.on(aside, up - 0.82), (0.95, high * tall), hair, present=worn),
        brush.spot(head.on(aside - 0.62, up - 0.58), (0.42, 0.26), hair, present=worn, turn=-0.75),
        brush.spot(head.on(aside + 0.62, up - 0.58), (0.42, 0.26), hair, present=worn, turn=0.75),
    ]
