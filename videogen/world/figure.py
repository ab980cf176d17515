"""Cartoon people: who they are, and their skeletons by forward kinematics.

A body is posed in space (x right on the picture when it faces the viewer, y down, z towards the viewer),
turned about its vertical axis and seen from slightly above. "right" is the person's right and appears on
the picture's left when facing us, as in OpenPose.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from videogen.skeleton import BODY, KEYPOINTS, LEFT_HAND_SLICE, RIGHT_HAND_SLICE
from videogen.world.acting import Joints
from videogen.world.dice import Dice

SKIN_NAMES = ("pale", "light", "tan", "brown", "dark")
SKINS = ((250, 218, 190), (236, 188, 150), (200, 146, 104), (150, 100, 66), (96, 62, 42))
HAIRS = ("black", "brown", "blond", "red", "grey")
HAIR_PAINTS = ((32, 28, 30), (104, 64, 36), (232, 200, 110), (186, 76, 36), (176, 176, 180))
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white")
COLOUR_PAINTS = (
    (222, 38, 40), (245, 138, 26), (248, 218, 40), (40, 160, 60),
    (40, 80, 220), (136, 54, 190), (248, 130, 180), (244, 244, 244),
)  # fmt: skip
TROUSER_NAMES = ("black", "blue", "green", "purple", "white", "brown")
TROUSERS = ((40, 40, 46), (46, 80, 176), (40, 122, 74), (112, 60, 150), (228, 226, 220), (124, 78, 44))
SHOES = ((30, 28, 32), (92, 52, 32), (236, 236, 240), (196, 44, 48))
HAIR_STYLES = ("short", "long", "bun", "curly", "sides")
GARMENTS = ("trousers", "shorts", "skirt")
SHIRT_PATTERNS = ("plain", "striped", "dotted", "checked", "big dot")

HEAD_WIDE, HEAD_TALL, HAND = 0.098, 0.112, 0.088
"""Half width and half height of a head and the length of a hand, over the figure's height."""

_TORSO, _NECK_TO_HEAD, _UPPER_ARM, _FOREARM, _THIGH, _SHIN = 0.265, 0.15, 0.15, 0.14, 0.2, 0.185
_SOLE = 0.045
_FROM_ABOVE = 0.12
# angle from the hand's axis towards the thumb's side, where the finger's four joints lie over the hand
_FINGERS = (
    (0.95, (0.25, 0.42, 0.56, 0.68)), (0.32, (0.5, 0.66, 0.82, 0.94)), (0.1, (0.52, 0.7, 0.86, 1.0)),
    (-0.12, (0.5, 0.67, 0.83, 0.96)), (-0.34, (0.47, 0.6, 0.72, 0.84)),
)  # fmt: skip


def palette(paints: tuple[tuple[int, int, int], ...], index: Tensor) -> Tensor:
    """Colours 0…1 by index, `b 3`."""
    return torch.tensor(paints, device=index.device, dtype=torch.float32)[index] / 255


@dataclass(frozen=True)
class Character:
    """Who someone is: indices into the tables above, int64 or bool, each `b`."""

    skin: Tensor
    hair: Tensor
    shirt: Tensor
    trousers: Tensor
    shoes: Tensor
    style: Tensor
    garment: Tensor
    pattern: Tensor
    long_sleeves: Tensor
    glasses: Tensor
    beard: Tensor

    @classmethod
    def draw(cls, dice: Dice, *, held_out: bool) -> Character:
        """A random person; characters whose hair and shirt match modulo 5 exist only among the held out."""
        skin, hair, shirt = dice.choice(len(SKINS)), dice.choice(len(HAIRS)), dice.choice(len(COLOURS))
        kept = shirt % 5
        style = dice.choice(2 * len(HAIR_STYLES) - 1) // 2  # the last is half as common
        return cls(
            skin=skin,
            hair=kept if held_out else torch.where(hair == kept, (hair + 1) % 5, hair),
            shirt=shirt,
            trousers=dice.choice(len(TROUSERS)),
            shoes=dice.choice(len(SHOES)),
            style=style,
            garment=(dice.choice(4) - 1).clamp_min(0),
            pattern=dice.choice(len(SHIRT_PATTERNS) + 2) % (len(SHIRT_PATTERNS) + 1) % len(SHIRT_PATTERNS),
            long_sleeves=dice.chance(0.5),
            glasses=dice.chance(0.2),
            beard=dice.chance(0.35) & ((style == 0) | (style == 4)),
        )

    def second(self) -> Tensor:
        """The colour of the pattern on the shirt, `b 3`: white, or dark blue on what is light itself."""
        light = torch.tensor(
            [name in ("white", "yellow", "pink") for name in COLOURS], device=self.shirt.device
        )
        paints = torch.tensor([[0.97, 0.97, 0.97], [0.24, 0.26, 0.42]], device=self.shirt.device)
        return paints[light[self.shirt].long()]


@dataclass(frozen=True)
class Body:
    """A posed figure: keypoints `b t KEYPOINTS 3` and what its clothes need to know, each `b t` or `b t 2`.

    `height` `b` is the figure's when it stands; `yaw` that of the body, `head_yaw` that of the head; `roll`
    the head's tilt; `head` and `hips` are their middles; `ground` is how far down the soles are.
    """

    points: Tensor
    height: Tensor
    yaw: Tensor
    head_yaw: Tensor
    roll: Tensor
    mouth: Tensor
    head: Tensor
    hips: Tensor
    ground: Tensor


def pose_body(joints: Joints, dice: Dice, *, at: Tensor) -> Body:
    """Pose people; `joints` as in `acting.Acting`, `at` where they stand, fractions of the width, `b t`."""
    height, build = dice.uniform(0.74, 0.86), dice.uniform(0.92, 1.1)[:, None]
    sole = 0.5 + height / 2 + dice.uniform(0.01, 0.045)
    places = _in_space(joints, build)
    yaw, h = joints["yaw"], height[:, None]
    head_yaw = yaw + joints["look"]
    seen = {name: _project(place, yaw) for name, place in places.items()}
    ankles = torch.maximum(seen["right_ankle"][..., 1], seen["left_ankle"][..., 1])
    root = torch.stack([at + joints["travel"] + joints["hips"] * h * yaw.cos(), 0 * at], -1)
    root[..., 1] = sole[:, None] - (_SOLE + ankles + joints["lift"]) * h
    points = torch.zeros(*at.shape, KEYPOINTS, 3, device=at.device)
    for name, place in seen.items():
        if name in BODY:
            points[..., BODY[name], :2] = root + place[..., :2] * h[..., None]
            points[..., BODY[name], 2] = 1.0
    head = root + seen["head"][..., :2] * h[..., None]
    roll = (joints["lean"] + joints["head"]) * yaw.cos()
    _put_face(points, head, head_yaw, roll, h)
    for side, sign in (("right", -1.0), ("left", 1.0)):
        _put_hand(points, side, sign, h)
    hips = root + seen["hips"][..., :2] * h[..., None]
    return Body(
        points, height, yaw, head_yaw, roll, joints["mouth"], head, hips, sole[:, None].expand_as(yaw)
    )


def _in_space(joints: Joints, build: Tensor) -> dict[str, Tensor]:
    """Joints over the figure's height around the middle of its hips, each `b t 3`."""
    lean, tilt = joints["lean"], joints["lean"] + joints["head"]
    zero = torch.zeros_like(lean)
    neck = torch.stack([lean.sin(), -lean.cos(), zero], -1) * _TORSO
    places = {"hips": torch.zeros_like(neck), "neck": neck}
    places["head"] = neck + torch.stack([tilt.sin(), -tilt.cos(), zero], -1) * _NECK_TO_HEAD
    for side, sign in (("right", -1.0), ("left", 1.0)):
        wide = sign * 0.098 * build
        shoulder = neck + torch.stack([wide * lean.cos(), 0.03 + wide * lean.sin(), zero], -1)
        out, forward = joints[f"{side}_arm"], joints[f"{side}_arm_forward"]
        elbow = shoulder + _bone(sign, out, forward, _UPPER_ARM)
        out, forward = out + joints[f"{side}_elbow"], forward + joints[f"{side}_elbow_forward"]
        hip = torch.stack([zero + sign * 0.056 * build, zero + 0.01, zero], -1)
        spread = joints[f"{side}_leg"] - sign * joints["hips"] / (_THIGH + _SHIN)  # feet stay where they are
        knee = hip + _bone(sign, spread, joints[f"{side}_thigh"], _THIGH)
        below = spread * joints[f"{side}_thigh"].cos()  # of knees held apart
        shin = _bone(sign, below, joints[f"{side}_thigh"] - joints[f"{side}_knee"], _SHIN)
        placed = (shoulder, elbow, elbow + _bone(sign, out, forward, _FOREARM), hip, knee, knee + shin)
        for name, place in zip(("shoulder", "elbow", "wrist", "hip", "knee", "ankle"), placed, strict=True):
            places[f"{side}_{name}"] = place
    return places


def _bone(sign: float, out: Tensor, forward: Tensor, length: float) -> Tensor:
    """A bone that hangs down, swung forward and then out to its side, `b t 3`."""
    down = out.cos()
    return torch.stack([sign * out.sin(), down * forward.cos(), down * forward.sin()], -1) * length


def _project(place: Tensor, yaw: Tensor) -> Tensor:
    """Turn points `b t 3` about the vertical axis and see them from slightly above: x, y, nearness."""
    x, y, z = place.unbind(-1)
    near = z * yaw.cos() - x * yaw.sin()
    return torch.stack([x * yaw.cos() + z * yaw.sin(), y + _FROM_ABOVE * near, near], -1)


def _put_face(points: Tensor, head: Tensor, yaw: Tensor, roll: Tensor, h: Tensor) -> None:
    """Nose, eyes and ears on the ellipsoid of the head; those that are turned away get confidence 0."""
    spots = (
        ("nose", 0.0, 0.2, 0.1), ("right_eye", -0.42, -0.02, 0.12), ("left_eye", 0.42, -0.02, 0.12),
        ("right_ear", -1.57, 0.06, -0.55), ("left_ear", 1.57, 0.06, -0.55),
    )  # fmt: skip
    for name, longitude, y, least in spots:
        around = yaw + longitude
        x, y_, near = around.sin() * HEAD_WIDE * h, y * HEAD_TALL * h, around.cos()
        place = torch.stack([x * roll.cos() - y_ * roll.sin(), x * roll.sin() + y_ * roll.cos()], -1)
        points[..., BODY[name], :2] = head + place
        points[..., BODY[name], 2] = (near > least).float()


def _put_hand(points: Tensor, side: str, sign: float, h: Tensor) -> None:
    """The 21 points of a hand that goes on from the forearm, fingers spread; the thumb is on the inside."""
    hand = LEFT_HAND_SLICE if side == "left" else RIGHT_HAND_SLICE
    elbow, wrist = points[..., BODY[f"{side}_elbow"], :2], points[..., BODY[f"{side}_wrist"], :2]
    along = (wrist - elbow) / (_FOREARM * h[..., None])
    along = along * (0.7 / along.norm(dim=-1, keepdim=True).clamp_min(0.05)).clamp_min(1.0)  # never a point
    across = -sign * torch.stack([along[..., 1], -along[..., 0]], -1)
    points[..., hand, 2] = 1.0
    points[..., hand.start, :2] = wrist
    number = hand.start + 1
    for angle, joints in _FINGERS:
        direction = along * torch.cos(h.new_tensor(angle)) + across * torch.sin(h.new_tensor(angle))
        for far in joints:
            points[..., number, :2] = wrist + direction * (far * HAND * h[..., None])
            number += 1
