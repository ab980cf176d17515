"""Cartoon people from head to foot: a skeleton by forward kinematics, then clothes on its bones.

Frontal view. "right" is the person's right and appears on the picture's left, as in OpenPose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from videogen.skeleton import BODY, KEYPOINTS
from videogen.world.dice import Dice
from videogen.world.painter import Layer

SKINS = ((250, 218, 190), (236, 188, 150), (200, 146, 104), (150, 100, 66), (96, 62, 42))
HAIRS = ("black", "brown", "blond", "red", "grey")
HAIR_PAINTS = ((32, 28, 30), (104, 64, 36), (232, 200, 110), (186, 76, 36), (176, 176, 180))
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white")
COLOUR_PAINTS = (
    (222, 38, 40), (245, 138, 26), (248, 218, 40), (40, 160, 60),
    (40, 80, 220), (136, 54, 190), (248, 130, 180), (244, 244, 244),
)  # fmt: skip
TROUSERS = ((50, 56, 84), (70, 70, 74), (120, 90, 62), (36, 92, 120), (190, 186, 176))


def palette(paints: tuple[tuple[int, int, int], ...], index: Tensor) -> Tensor:
    """Colours 0…1 by index, `b 3`."""
    return torch.tensor(paints, device=index.device, dtype=torch.float32)[index] / 255


@dataclass(frozen=True)
class Character:
    """Who someone is: indices into the tables above, each int64 or bool, `b`."""

    skin: Tensor
    hair: Tensor
    shirt: Tensor
    trousers: Tensor
    long_hair: Tensor
    skirt: Tensor
    striped: Tensor

    @classmethod
    def draw(cls, dice: Dice, *, held_out: bool) -> Character:
        """A random person; characters whose hair and shirt match modulo 5 exist only among the held out."""
        skin, hair, shirt = dice.choice(len(SKINS)), dice.choice(len(HAIRS)), dice.choice(len(COLOURS))
        kept = shirt % 5
        hair = kept if held_out else torch.where(hair == kept, (hair + 1) % 5, hair)
        return cls(
            skin=skin,
            hair=hair,
            shirt=shirt,
            trousers=dice.choice(len(TROUSERS)),
            long_hair=dice.chance(0.5),
            skirt=dice.chance(0.3),
            striped=dice.chance(0.25),
        )


def pose_body(angles: dict[str, Tensor], dice: Dice, *, offset: Tensor) -> tuple[Tensor, Tensor]:
    """Joints of people, `b t KEYPOINTS 3`, and the height of each figure, `b`.

    `angles` as `motion.body_angles` gives them; `offset` shifts the figure sideways, `b t`.
    """
    height = dice.uniform(0.74, 0.86)
    build = dice.uniform(0.92, 1.1)[:, None]
    x0 = dice.uniform(0.46, 0.54)[:, None]
    h = height[:, None]
    hips_x = x0 + offset + angles["root_x"] * h
    hips_y = 0.52 + angles["root_y"] * h
    lean, tilt = angles["lean"], angles["head"]
    neck = _step(hips_x, hips_y, -0.29 * h, lean)
    head = _step(*neck, -0.13 * h, lean + tilt)
    points = torch.zeros(*hips_x.shape, KEYPOINTS, 3, device=hips_x.device)

    def put(name: str, x: Tensor, y: Tensor) -> None:
        points[..., BODY[name], 0], points[..., BODY[name], 1], points[..., BODY[name], 2] = x, y, 1.0

    put("neck", *neck)
    put("nose", head[0], head[1] + 0.015 * h)
    cos, sin = (lean + tilt).cos(), (lean + tilt).sin()
    for side, sign in (("right", -1.0), ("left", 1.0)):
        put(f"{side}_eye", head[0] + sign * 0.032 * h * cos, head[1] - 0.01 * h + sign * 0.032 * h * sin)
        put(f"{side}_ear", head[0] + sign * 0.074 * h * cos, head[1] + 0.005 * h + sign * 0.074 * h * sin)
        wide = 0.1 * h * build * sign
        shoulder = (neck[0] + wide * lean.cos(), neck[1] + 0.02 * h + wide * lean.sin())
        arm = sign * angles[f"{side}_shoulder"]
        elbow = _step(*shoulder, 0.155 * h, -arm)
        wrist = _step(*elbow, 0.145 * h, -(arm + sign * angles[f"{side}_elbow"]))
        hip = (hips_x + sign * 0.055 * h * build, hips_y + 0.01 * h)
        leg = sign * angles[f"{side}_hip"]
        knee = _step(*hip, 0.21 * h, -leg)
        ankle = _step(*knee, 0.2 * h, -(leg - sign * angles[f"{side}_knee"]))
        names = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for name, (x, y) in zip(names, (shoulder, elbow, wrist, hip, knee, ankle), strict=True):
            put(f"{side}_{name}", x, y)
    return points, height


def _step(x: Tensor, y: Tensor, length: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """From a joint down a bone of `length` turned by `angle` (positive is clockwise on the picture)."""
    return x - length * angle.sin(), y + length * angle.cos()


def dress_body(points: Tensor, height: Tensor, who: Character) -> list[Layer]:
    """The layers of people, back to front, for joints `b t k 3`."""
    h = height[:, None]
    skin, hair = palette(SKINS, who.skin), palette(HAIR_PAINTS, who.hair)
    shirt, trousers = palette(COLOUR_PAINTS, who.shirt), palette(TROUSERS, who.trousers)
    legs = torch.where(who.skirt[:, None], skin, trousers)

    def at(name: str) -> Tensor:
        return points[..., BODY[name], :2]

    def bone(
        first: Tensor, second: Tensor, thickness: float, colour: Tensor, *, shape: str = "taper"
    ) -> Layer:
        span = second - first
        extent = torch.stack([span.norm(dim=-1) / 2, (thickness * h).expand(span.shape[:-1])], -1)
        angle = torch.atan2(span[..., 1], span[..., 0])
        return Layer(shape, (first + second) / 2, angle, extent, colour, shade=0.12)

    def spot(centre: Tensor, wide: float, tall: float, colour: Tensor, angle: Tensor) -> Layer:
        extent = torch.stack([wide * h.expand_as(angle), tall * h.expand_as(angle)], -1)
        return Layer("ellipse", centre, angle, extent, colour)

    across = at("left_ear") - at("right_ear")
    turn = torch.atan2(across[..., 1], across[..., 0])
    up = torch.stack([turn.sin(), -turn.cos()], -1) * h[..., None]
    head = (at("left_ear") + at("right_ear")) / 2
    hips = (at("left_hip") + at("right_hip")) / 2
    dark = torch.full_like(skin, 0.12)
    shoes = torch.full_like(skin, 0.2)
    layers = [spot(head + 0.01 * up, 0.092, 0.105, hair, turn)]
    long_hair = spot(head - 0.05 * up, 0.094, 0.13, hair, turn)
    layers.append(replace(long_hair, present=who.long_hair))
    for side in ("right", "left"):
        layers.append(bone(at(f"{side}_hip"), at(f"{side}_knee"), 0.05, legs))
        layers.append(bone(at(f"{side}_knee"), at(f"{side}_ankle"), 0.04, legs))
        foot = at(f"{side}_ankle") + torch.stack([torch.zeros_like(h), 0.02 * h], -1)
        layers.append(spot(foot, 0.05, 0.03, shoes, torch.zeros_like(turn)))
    spine = hips - at("neck")
    body_angle = torch.atan2(spine[..., 1], spine[..., 0]) - torch.pi / 2
    skirt_extent = torch.stack([(0.1 * h).expand_as(turn), (0.085 * h).expand_as(turn)], -1)
    layers.append(
        Layer("skirt", hips + 0.16 * spine, body_angle, skirt_extent, trousers, present=who.skirt, shade=0.12)
    )
    torso = torch.stack([(0.098 * h).expand_as(turn), spine.norm(dim=-1) * 0.53], -1)
    layers.append(
        Layer("box", at("neck") + spine * 0.52, body_angle, torso, shirt, shade=0.15,
              stripes=who.striped, second=torch.ones_like(shirt))
    )  # fmt: skip
    layers.append(bone(at("neck"), head, 0.032, skin, shape="capsule"))
    layers.append(spot(head, 0.078, 0.092, skin, turn))
    for side in ("right", "left"):
        layers.append(spot(at(f"{side}_eye"), 0.011, 0.015, dark, turn))
    layers.append(spot(head - 0.045 * up, 0.022, 0.008, skin * 0.45, turn))
    layers.append(spot(head + 0.066 * up, 0.08, 0.042, hair, turn))
    for side in ("right", "left"):
        layers.append(bone(at(f"{side}_elbow"), at(f"{side}_wrist"), 0.03, skin))
        layers.append(bone(at(f"{side}_shoulder"), at(f"{side}_elbow"), 0.038, shirt * 0.93))
        forearm = at(f"{side}_wrist") - at(f"{side}_elbow")
        along = torch.atan2(forearm[..., 1], forearm[..., 0])
        layers.append(spot(at(f"{side}_wrist") + 0.2 * forearm, 0.046, 0.033, skin, along))
    return layers
