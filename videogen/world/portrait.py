"""Cartoon heads and shoulders: a face on an ellipsoid that turns, speaks and blinks.

Features lie on a unit ellipsoid (x right on the picture, y down, z towards the viewer); turning the head
moves them as a rotation and a parallel projection. The same projection gives the 70 face keypoints.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from videogen.skeleton import BODY, FACE_SLICE, KEYPOINTS
from videogen.world.acting import Joints
from videogen.world.dice import Dice

EYE_X, EYE_Y, MOUTH_Y, BROW_Y, NOSE_Y, LID = 0.4, -0.06, 0.5, -0.36, 0.22, 0.145


def _face_points(joints: Joints) -> Tensor:
    """The 70 keypoints on the unit face for each expression, `b t 70 2`."""
    mouth, blink, brows, smile = joints["mouth"], joints["blink"], joints["brows"], joints["smile"]
    zero = torch.zeros_like(mouth)
    points: list[tuple[Tensor | float, Tensor | float]] = []
    for step in range(17):
        angle = math.pi * (0.02 + 0.96 * step / 16)
        points.append((-0.93 * math.cos(angle), 0.93 * math.sin(angle)))
    for sign in (-1.0, 1.0):
        ends = (-1.0, -0.5, 0.0, 0.5, 1.0)
        points += [(sign * EYE_X + 0.2 * e, BROW_Y - 0.05 * (1 - e * e) - 0.08 * brows) for e in ends]
    points += [(0.0, EYE_Y + 0.08 * step) for step in range(4)]
    points += [(0.07 * e, NOSE_Y + 0.04 * (1 - abs(e) / 2)) for e in (-2, -1, 0, 1, 2)]
    lid = LID * (1 - 0.9 * blink)
    for sign in (-1.0, 1.0):
        corners = ((-0.22, 0), (-0.09, -1), (0.09, -1), (0.22, 0), (0.09, 1), (-0.09, 1))
        points += [(sign * EYE_X + x, EYE_Y + lid * y + 0.5 * (LID - lid)) for x, y in corners]
    for count, wide, thick in ((12, 0.3, 0.06), (8, 0.24, 0.012)):
        for step in range(count):
            angle = math.pi + 2 * math.pi * step / count
            across, down = math.cos(angle), math.sin(angle)
            lips = MOUTH_Y + (thick + 0.18 * mouth) * down + smile * (0.05 - 0.17 * across * across)
            points.append(((1 + 0.3 * smile - 0.15 * mouth) * wide * across, lips))
    pupils = EYE_Y + 0.5 * (LID - lid)
    points += [(sign * EYE_X + 0.085 * joints["gaze"], pupils) for sign in (-1.0, 1.0)]
    return torch.stack([torch.stack([zero + x, zero + y], -1) for x, y in points], -2)


@dataclass(frozen=True)
class Head:
    """Where a head is and how it is turned, each `b t` or `b t 2`."""

    centre: Tensor
    half: Tensor
    yaw: Tensor
    pitch: Tensor
    roll: Tensor

    def project(self, x: Tensor, y: Tensor) -> Tensor:
        """Points of the unit face on the picture, `b t k 2`."""
        z = (1.0 - x * x - y * y).clamp_min(0.05).sqrt()
        cy, sy = self.yaw.cos()[..., None], self.yaw.sin()[..., None]
        cp, sp = self.pitch.cos()[..., None], self.pitch.sin()[..., None]
        turned, depth = x * cy + z * sy, z * cy - x * sy
        nodded = y * cp + depth * sp
        px, py = turned * self.half[..., None, 0], nodded * self.half[..., None, 1]
        cr, sr = self.roll.cos()[..., None], self.roll.sin()[..., None]
        return self.centre[..., None, :] + torch.stack([px * cr - py * sr, px * sr + py * cr], -1)

    def on(self, x: float | Tensor, y: float | Tensor) -> Tensor:
        """A point of the head's own ellipse (−1…1), which rolls with the head but does not turn, `b t 2`."""
        px, py = x * self.half[..., 0], y * self.half[..., 1]
        cos, sin = self.roll.cos(), self.roll.sin()
        return self.centre + torch.stack([px * cos - py * sin, px * sin + py * cos], -1)

    def ear(self, sign: float) -> Tensor:
        """Where the ear on the picture's right (1) or left (−1) is, `b t 2`."""
        return self.on(sign * self.yaw.cos(), 0.05)

    def shows_ear(self, sign: float) -> Tensor:
        """Whether that ear is not behind the head, bool `b t`."""
        return sign * self.yaw.sin() < 0.3


@dataclass(frozen=True)
class Framing:
    """How near heads are: the range of their half width and of the place that they have at rest."""

    size: tuple[float, float] = (0.185, 0.22)
    x: tuple[float, float] = (0.46, 0.54)
    y: tuple[float, float] = (0.4, 0.45)


BUST = Framing()
CLOSE_UP = Framing(size=(0.26, 0.5), x=(0.4, 0.6), y=(0.34, 0.52))


def pose_portrait(joints: Joints, dice: Dice, *, framing: Framing = BUST) -> tuple[Tensor, Head]:
    """Keypoints of heads and shoulders, `b t KEYPOINTS 3`, and the heads; `joints` as from `turn_heads`."""
    yaw = joints["yaw"]
    size = dice.uniform(*framing.size)[:, None]
    half = torch.stack([size, size * dice.uniform(1.16, 1.28)[:, None]], -1).expand(*yaw.shape, 2)
    x0, y0 = dice.uniform(*framing.x)[:, None], dice.uniform(*framing.y)[:, None]
    neck_y = y0 + half[..., 1] * 1.25
    neck = torch.stack([x0 + 0.4 * joints["dx"], neck_y], -1)
    roll = joints["roll"]
    above = torch.stack([roll.sin(), -roll.cos()], -1) * (neck_y - y0)[..., None]
    centre = neck + above + torch.stack([joints["dx"], joints["dy"]], -1)
    head = Head(centre, half, yaw, joints["pitch"], roll)
    face = _face_points(joints)
    points = torch.zeros(*yaw.shape, KEYPOINTS, 3, device=yaw.device)
    points[..., FACE_SLICE, :2] = head.project(face[..., 0], face[..., 1])
    points[..., FACE_SLICE, 2] = 1.0
    shoulder = torch.stack([size * 1.6 + 0 * yaw, half[..., 1] * 0.45], -1)
    placed = {
        "nose": points[..., FACE_SLICE.start + 30, :2],
        "right_eye": head.project(-EYE_X + 0 * yaw[..., None], EYE_Y + 0 * yaw[..., None])[..., 0, :],
        "left_eye": head.project(EYE_X + 0 * yaw[..., None], EYE_Y + 0 * yaw[..., None])[..., 0, :],
        "right_ear": head.ear(-1.0),
        "left_ear": head.ear(1.0),
        "neck": neck + torch.stack([0 * yaw, half[..., 1] * 0.3], -1),
        "right_shoulder": neck + shoulder * yaw.new_tensor([-1.0, 1.0]),
        "left_shoulder": neck + shoulder,
    }
    for name, place in placed.items():
        points[..., BODY[name], :2] = place
        points[..., BODY[name], 2] = 1.0
    for name, sign in (("right_ear", -1.0), ("left_ear", 1.0)):
        points[..., BODY[name], 2] = head.shows_ear(sign).float()
    return points, head
