"""Cartoon people drawn on their skeletons: bodies, clothes, hair and faces as layers, back to front."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from videogen.skeleton import BODY, LEFT_HAND_SLICE, RIGHT_HAND_SLICE
from videogen.world.figure import (
    COLOUR_PAINTS,
    GARMENTS,
    HAIR_PAINTS,
    HAIR_STYLES,
    HAND,
    HEAD_TALL,
    HEAD_WIDE,
    SHIRT_PATTERNS,
    SHOES,
    SKINS,
    TROUSERS,
    Body,
    Character,
    palette,
)
from videogen.world.painter import Layer

_RIM = 0.006
"""Width of outlines, over the figure's height."""


@dataclass(frozen=True)
class _Tailor:
    """Makes layers for one body; lengths are given over the figure's height, places on the picture."""

    body: Body
    who: Character

    def at(self, name: str) -> Tensor:
        """A joint, `b t 2`."""
        return self.body.points[..., BODY[name], :2]

    def on_head(self, x: float | Tensor, y: float | Tensor) -> Tensor:
        """A place on the head's own ellipse (−1…1), which rolls with it, `b t 2`."""
        roll, h = self.body.roll, self.body.height[:, None]
        px, py = (x + 0 * roll) * HEAD_WIDE * h, (y + 0 * roll) * HEAD_TALL * h
        return self.body.head + torch.stack(
            [px * roll.cos() - py * roll.sin(), px * roll.sin() + py * roll.cos()], -1
        )

    def spot(
        self, centre: Tensor, size: tuple[float | Tensor, float | Tensor], colour: Tensor, *,
        angle: Tensor | None = None, rim: bool = True, present: Tensor | None = None,
    ) -> Layer:  # fmt: skip
        """An ellipse with these half extents, turned like the head or by `angle`."""
        h, zero = self.body.height[:, None], torch.zeros_like(self.body.yaw)
        extent = torch.stack([(size[0] + zero) * h, (size[1] + zero) * h], -1)
        outline = _RIM / extent[..., 0].amax(1) * self.body.height if rim else 0.0
        turn = self.body.roll if angle is None else angle
        shade = 0.1 if rim else 0.0
        return Layer("ellipse", centre, turn, extent, colour, present=present, rim=outline, shade=shade)

    def bone(self, first: Tensor, second: Tensor, thickness: float, colour: Tensor) -> Layer:
        """A limb from one place to another."""
        span = second - first
        h = self.body.height[:, None].expand_as(span[..., 0])
        extent = torch.stack([span.norm(dim=-1) / 2, thickness * h], -1)
        angle = torch.atan2(span[..., 1], span[..., 0])
        return Layer("taper", (first + second) / 2, angle, extent, colour, rim=0.075)

    def style(self, *names: str) -> Tensor:
        """Who wears one of these hair styles, bool `b`."""
        chosen = torch.tensor([name in names for name in HAIR_STYLES], device=self.who.style.device)
        return chosen[self.who.style]


def _only(centre: Tensor, seen: Tensor) -> Tensor:
    """Where a part is while it is `seen`, bool `b t`, and far off the picture while it is not."""
    return torch.where(seen[..., None], centre, torch.full_like(centre, -2.0))


def dress_body(body: Body, who: Character, *, near_left: Tensor, chair: Tensor) -> list[Layer]:
    """The layers of people, back to front.

    `near_left` says whose left arm and leg are drawn in front, `chair` who sits on one, both bool `b`.
    """
    tailor = _Tailor(body, who)
    far, near = ("left", "right"), ("right", "left")
    layers = [_shadow(tailor), *_seat(tailor, chair), *_back_of_hair(tailor)]
    layers += _leg(tailor, near_left, far) + _leg(tailor, near_left, near)
    layers += _arm(tailor, near_left, far)
    layers += _trunk(tailor) + _head(tailor)
    return layers + _arm(tailor, near_left, near)


def _shadow(tailor: _Tailor) -> Layer:
    body, h = tailor.body, tailor.body.height[:, None]
    feet = (tailor.at("right_ankle") + tailor.at("left_ankle")) / 2
    air = (body.ground - torch.maximum(tailor.at("right_ankle")[..., 1], tailor.at("left_ankle")[..., 1])) / h
    centre = torch.stack([feet[..., 0], body.ground - 0.012 * h], -1)
    wide = 0.2 - 0.45 * (air - 0.05).clamp(0, 0.2)
    extent = torch.stack([wide * h, 0.035 * h.expand_as(wide)], -1)
    dark = torch.full_like(palette(SKINS, tailor.who.skin), 0.05)
    zero = torch.zeros_like(wide)
    return Layer("ellipse", centre, zero, extent, dark, soft=0.12, opacity=0.32, thing=0)


def _seat(tailor: _Tailor, chair: Tensor) -> list[Layer]:
    """A chair at rest where the clip ends: a back behind the body and a box below the hips."""
    body, h = tailor.body, tailor.body.height[:, None]
    wood = palette(TROUSERS, tailor.who.trousers) * 0 + torch.tensor([0.62, 0.42, 0.24], device=h.device)
    zero = torch.zeros_like(body.yaw)
    hips = body.hips[:, -1:].expand_as(body.hips)
    aside = body.yaw[:, -1:].sin()
    top = hips[..., 1] + 0.02 * h
    low = body.ground - 0.01 * h
    box = torch.stack([zero + 0.155 * h, (low - top) / 2], -1)
    centre = torch.stack([hips[..., 0] + 0.05 * h * aside, (top + low) / 2], -1)
    back = torch.stack([zero + 0.135 * h, zero + 0.13 * h], -1)
    behind = hips - torch.stack([0.06 * h * aside + zero, 0.1 * h + zero], -1)
    return [
        Layer("box", behind, zero, back, wood * 0.85, present=chair, rim=0.05, thing=0),
        Layer("box", centre, zero, box, wood, present=chair, rim=0.05, shade=0.3, thing=0),
    ]


def _back_of_hair(tailor: _Tailor) -> list[Layer]:
    hair = palette(HAIR_PAINTS, tailor.who.hair)
    long, curly, sides = tailor.style("long"), tailor.style("curly"), tailor.style("sides")
    behind = -0.12 * tailor.body.head_yaw.sin()
    wide = torch.where(curly, 1.34, torch.where(long, 1.2, torch.where(sides, 1.26, 1.08)))[:, None]
    tall = torch.where(curly, 1.2, torch.where(long, 1.3, torch.where(sides, 0.64, 1.02)))[:, None]
    down = torch.where(curly, -0.22, torch.where(long, 0.3, torch.where(sides, -0.02, -0.12)))[:, None]
    back = tailor.spot(tailor.on_head(behind, down), (wide * HEAD_WIDE, tall * HEAD_TALL), hair)
    bun = tailor.on_head(2.2 * behind, -1.12)
    return [back, tailor.spot(bun, (0.046, 0.044), hair, present=tailor.style("bun"))]


def _sided(tailor: _Tailor, first: Tensor, sides: tuple[str, str], name: str) -> Tensor:
    """The joint of the first side where `first`, else of the second, `b t 2`."""
    return torch.where(first[:, None, None], tailor.at(f"{sides[0]}_{name}"), tailor.at(f"{sides[1]}_{name}"))


def _leg(tailor: _Tailor, near_left: Tensor, sides: tuple[str, str]) -> list[Layer]:
    hip, knee, ankle = (_sided(tailor, ~near_left, sides, name) for name in ("hip", "knee", "ankle"))
    who, h, yaw = tailor.who, tailor.body.height[:, None], tailor.body.yaw
    cloth, skin = palette(TROUSERS, who.trousers), palette(SKINS, who.skin)
    garment = who.garment[:, None]
    thigh = torch.where(garment == GARMENTS.index("skirt"), skin, cloth)
    shin = torch.where(garment == GARMENTS.index("trousers"), cloth, skin)
    toes = torch.stack([0.028 * h * yaw.sin(), (0.013 + 0.01 * yaw.cos()) * h], -1)
    shoe = (0.042 + 0.016 * yaw.sin().abs(), 0.029)
    return [
        tailor.bone(knee, ankle, 0.04, shin),
        tailor.bone(hip, knee, 0.05, thigh),
        tailor.spot(ankle + toes, shoe, palette(SHOES, who.shoes), angle=torch.zeros_like(yaw)),
    ]


def _arm(tailor: _Tailor, near_left: Tensor, sides: tuple[str, str]) -> list[Layer]:
    shoulder, elbow, wrist = (
        _sided(tailor, ~near_left, sides, name) for name in ("shoulder", "elbow", "wrist")
    )
    who, h = tailor.who, tailor.body.height[:, None]
    skin, shirt = palette(SKINS, who.skin), palette(COLOUR_PAINTS, who.shirt)
    sleeve = torch.where(who.long_sleeves[:, None], shirt * 0.92, skin)
    first_left = sides[0] == "left"
    slices = (LEFT_HAND_SLICE, RIGHT_HAND_SLICE) if first_left else (RIGHT_HAND_SLICE, LEFT_HAND_SLICE)
    points = tailor.body.points
    hand = torch.where(
        ~near_left[:, None, None, None], points[..., slices[0], :2], points[..., slices[1], :2]
    )
    along = hand[..., 12, :] - wrist
    angle = torch.atan2(along[..., 1], along[..., 0])
    length = along.norm(dim=-1) / h
    thumb = hand[..., 4, :] - hand[..., 1, :]
    extent = torch.stack([thumb.norm(dim=-1) / 2, (0.012 * h).expand_as(length)], -1)
    lies = torch.atan2(thumb[..., 1], thumb[..., 0])
    return [
        Layer("capsule", (hand[..., 4, :] + hand[..., 1, :]) / 2, lies, extent, skin, rim=0.15),
        tailor.bone(elbow, wrist, 0.03, sleeve),
        tailor.spot(wrist + 0.45 * along, (length * 0.55, HAND * 0.36), skin, angle=angle),
        tailor.bone(shoulder, elbow, 0.038, shirt * 0.92),
    ]


def _trunk(tailor: _Tailor) -> list[Layer]:
    """Skirt or the seat of trousers, the shirt with its pattern, and the neck."""
    body, who, h = tailor.body, tailor.who, tailor.body.height[:, None]
    neck, hips = tailor.at("neck"), body.hips
    spine = hips - neck
    angle = torch.atan2(spine[..., 1], spine[..., 0]) - torch.pi / 2
    narrow = (body.yaw.cos().square() + 0.36 * body.yaw.sin().square()).sqrt()
    skirt = (who.garment == GARMENTS.index("skirt"))[:, None]
    cloth = palette(TROUSERS, who.trousers)
    low = hips + spine * torch.where(skirt, 0.24, 0.1)[..., None]
    waist = torch.stack(
        [torch.where(skirt, 0.108, 0.097) * narrow, torch.where(skirt, 0.095, 0.05) + 0 * narrow], -1
    )
    outline = torch.where(who.garment == GARMENTS.index("skirt"), 0.06, 0.0)
    size = torch.stack([0.102 * h * narrow, spine.norm(dim=-1) * 0.52], -1)
    shirt, skin = palette(COLOUR_PAINTS, who.shirt), palette(SKINS, who.skin)
    dot = who.pattern == SHIRT_PATTERNS.index("big dot")
    pattern = torch.where(dot, 0, who.pattern)
    middle = neck + spine * 0.5
    front = middle + torch.stack([0.05 * h * body.yaw.sin(), torch.zeros_like(narrow)], -1)
    disc = tailor.spot(
        _only(front, body.yaw.cos() > 0.15), (0.046 * body.yaw.cos().clamp_min(0.1), 0.046), who.second(),
        rim=False, present=dot,
    )  # fmt: skip
    return [
        Layer("skirt", low, angle, waist * h[..., None], cloth, rim=outline),
        Layer("box", middle, angle, size, shirt, shade=0.12, rim=0.07, pattern=pattern, second=who.second()),
        disc,
        tailor.bone(neck + 0.04 * spine, body.head, 0.034, skin * 0.9),
    ]


def _head(tailor: _Tailor) -> list[Layer]:
    """Ears, face and hair; from behind, hair instead of a face."""
    body, who = tailor.body, tailor.who
    skin, hair = palette(SKINS, who.skin), palette(HAIR_PAINTS, who.hair)
    dark, yaw = torch.full_like(skin, 0.1), body.head_yaw
    front, aside = yaw.cos(), yaw.sin()
    ears = (HEAD_WIDE * (1.14 * front.abs()).clamp_min(0.25), 0.024)
    layers = [
        tailor.spot(tailor.on_head(0, 0.08), ears, skin * 0.93),
        tailor.spot(body.head, (HEAD_WIDE, HEAD_TALL), skin),
    ]
    for side, longitude in (("right", -0.42), ("left", 0.42)):
        place, open_ = tailor.at(f"{side}_eye"), (yaw + longitude).cos()
        shown = _only(place, open_ > 0.12)
        layers.append(tailor.spot(shown, (0.017 * open_.clamp_min(0.3), 0.022), dark, rim=False))
    lips = skin * skin.new_tensor([0.66, 0.34, 0.34])
    mouth = _only(tailor.on_head(0.95 * aside, 0.52), front > 0.25)
    layers.append(
        tailor.spot(mouth, (0.03 * front.clamp_min(0.2), 0.009 + 0.018 * body.mouth), lips, rim=False)
    )
    share = (1 - front) / 2 * 1.02
    edge = -torch.where(aside == 0, 1.0, aside.sign()) * (1.02 - share)
    hidden = tailor.style("sides")[:, None]
    tall = torch.where(hidden, 0.5, 1.0) * HEAD_TALL * (1.04 - 0.5 * edge.square())
    back = _only(tailor.on_head(edge, torch.where(hidden, 0.05, -0.06)), share > 0.12)
    layers.append(tailor.spot(back, (share * HEAD_WIDE, tall), hair, rim=False))
    top = torch.where(tailor.style("curly"), 0.5, 0.38)[:, None]
    fringe = tailor.on_head(-0.12 * aside, -0.74)
    layers.append(
        tailor.spot(
            fringe, (HEAD_WIDE * 0.93, HEAD_TALL * top), hair, rim=False, present=~tailor.style("sides")
        )
    )
    return layers
