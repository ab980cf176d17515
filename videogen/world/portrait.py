"""Cartoon heads and shoulders: a face on an ellipsoid that turns, speaks and blinks.

Features lie on a unit ellipsoid (x right on the picture, y down, z towards the viewer); turning the head
moves them as a rotation and a parallel projection. The same projection gives the 70 face keypoints.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from videogen.skeleton import BODY, FACE_SLICE, KEYPOINTS
from videogen.world.dice import Dice
from videogen.world.figure import COLOUR_PAINTS, HAIR_PAINTS, SKINS, Character, palette
from videogen.world.painter import Layer

EYE_X, EYE_Y, MOUTH_Y, BROW_Y, NOSE_Y = 0.38, -0.08, 0.5, -0.34, 0.2


def _face_points(mouth: Tensor, blink: Tensor, brows: Tensor) -> Tensor:
    """The 70 keypoints on the unit face for each expression, `b t 70 2`."""
    zero = torch.zeros_like(mouth)
    points: list[tuple[Tensor | float, Tensor | float]] = []
    for step in range(17):
        angle = math.pi * (0.02 + 0.96 * step / 16)
        points.append((-0.93 * math.cos(angle), 0.93 * math.sin(angle)))
    for sign in (-1.0, 1.0):
        ends = (-1.0, -0.5, 0.0, 0.5, 1.0)
        points += [(sign * EYE_X + 0.17 * e, BROW_Y - 0.05 * (1 - e * e) - 0.08 * brows) for e in ends]
    points += [(0.0, EYE_Y + 0.08 * step) for step in range(4)]
    points += [(0.07 * e, NOSE_Y + 0.04 * (1 - abs(e) / 2)) for e in (-2, -1, 0, 1, 2)]
    lid = 0.1 * (1 - 0.85 * blink)
    for sign in (-1.0, 1.0):
        corners = ((-0.15, 0), (-0.06, -1), (0.06, -1), (0.15, 0), (0.06, 1), (-0.06, 1))
        points += [(sign * EYE_X + x, EYE_Y + lid * y) for x, y in corners]
    for step in range(12):
        angle = math.pi + 2 * math.pi * step / 12
        points.append((0.3 * math.cos(angle), MOUTH_Y + (0.075 + 0.12 * mouth) * math.sin(angle)))
    for step in range(8):
        angle = math.pi + 2 * math.pi * step / 8
        points.append((0.22 * math.cos(angle), MOUTH_Y + (0.012 + 0.12 * mouth) * math.sin(angle)))
    points += [(-EYE_X, EYE_Y), (EYE_X, EYE_Y)]
    return torch.stack([torch.stack([zero + x, zero + y], -1) for x, y in points], -2)


@dataclass(frozen=True)
class _Head:
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


def pose_portrait(turns: dict[str, Tensor], dice: Dice) -> tuple[Tensor, _Head]:
    """Keypoints of heads and shoulders, `b t KEYPOINTS 3`, and the heads; `turns` as from `head_turns`."""
    yaw = turns["yaw"]
    size = dice.uniform(0.17, 0.21)[:, None]
    half = torch.stack([size, size * dice.uniform(1.2, 1.34)[:, None]], -1).expand(*yaw.shape, 2)
    x0, y0 = dice.uniform(0.46, 0.54)[:, None], dice.uniform(0.39, 0.46)[:, None]
    neck_y = y0 + half[..., 1] * 1.28
    neck = torch.stack([x0 + 0.4 * turns["dx"], neck_y], -1)
    roll = turns["roll"]
    lever = (neck_y - y0)[..., None]
    above = torch.stack([roll.sin(), -roll.cos()], -1) * lever
    centre = neck + above + torch.stack([turns["dx"], turns["dy"]], -1)
    head = _Head(centre, half, yaw, turns["pitch"], roll)
    face = _face_points(turns["mouth"], turns["blink"], turns["brows"])
    points = torch.zeros(*yaw.shape, KEYPOINTS, 3, device=yaw.device)
    points[..., FACE_SLICE, :2] = head.project(face[..., 0], face[..., 1])
    points[..., FACE_SLICE, 2] = 1.0
    ears = yaw.new_tensor([[-0.96, 0.02], [0.96, 0.02]]).expand(*yaw.shape, 2, 2)
    shoulder = torch.stack([size * 1.75 + 0 * yaw, half[..., 1] * 0.22], -1)
    placed = {
        "nose": points[..., FACE_SLICE.start + 30, :2],
        "right_eye": points[..., FACE_SLICE.start + 68, :2],
        "left_eye": points[..., FACE_SLICE.start + 69, :2],
        "right_ear": head.project(ears[..., 0], ears[..., 1])[..., 0, :],
        "left_ear": head.project(ears[..., 0], ears[..., 1])[..., 1, :],
        "neck": neck + torch.stack([0 * yaw, half[..., 1] * 0.3], -1),
        "right_shoulder": neck + shoulder * yaw.new_tensor([-1.0, 1.0]),
        "left_shoulder": neck + shoulder,
    }
    for name, place in placed.items():
        points[..., BODY[name], :2] = place
        points[..., BODY[name], 2] = 1.0
    return points, head


def dress_portrait(points: Tensor, head: _Head, turns: dict[str, Tensor], who: Character) -> list[Layer]:
    """The layers of heads and shoulders, back to front."""
    skin, hair = palette(SKINS, who.skin), palette(HAIR_PAINTS, who.hair)
    shirt = palette(COLOUR_PAINTS, who.shirt)
    half, roll, yaw = head.half, head.roll, head.yaw
    face = points[..., FACE_SLICE, :2]
    zero = torch.zeros_like(roll)
    squash = yaw.cos()

    def on_head(x: float, y: float) -> Tensor:
        """A point of the head's own ellipse: it rolls with the head but does not turn."""
        px, py = x * half[..., 0], y * half[..., 1]
        offset = torch.stack([px * roll.cos() - py * roll.sin(), px * roll.sin() + py * roll.cos()], -1)
        return head.centre + offset

    def spot(centre: Tensor, wide: Tensor | float, tall: Tensor | float, colour: Tensor) -> Layer:
        extent = torch.stack([half[..., 0] * wide, half[..., 0] * tall], -1)
        return Layer("ellipse", centre, roll, extent, colour)

    def stroke(first: int, last: int, thickness: float, colour: Tensor) -> Layer:
        a, b = face[..., first, :], face[..., last, :]
        span = b - a
        extent = torch.stack([span.norm(dim=-1) / 2, half[..., 0] * thickness], -1)
        return Layer("capsule", (a + b) / 2, torch.atan2(span[..., 1], span[..., 0]), extent, colour)

    tall = half[..., 1] / half[..., 0]
    right, left = points[..., BODY["right_shoulder"], :2], points[..., BODY["left_shoulder"], :2]
    chest = (right + left) / 2
    wide = (left - right)[..., 0] / 2
    body = torch.stack([wide * 1.22, half[..., 1] * 0.95], -1)
    neck = points[..., BODY["neck"], :2]
    throat = torch.stack([half[..., 1] * 0.75, half[..., 0] * 0.42], -1)
    dark, white = torch.full_like(skin, 0.1), torch.full_like(skin, 0.97)
    iris = torch.stack([skin[:, 0] * 0 + 0.22, skin[:, 1] * 0.45, 0.55 - 0.35 * skin[:, 2]], -1)
    open_eye, open_mouth = 1 - 0.85 * turns["blink"], turns["mouth"]
    layers = [
        spot(on_head(0, -0.08), 1.14, 1.12 * tall, hair),
        replace(spot(on_head(0, 0.45), 1.2, 1.05 * tall, hair), present=who.long_hair),
        Layer("capsule", neck + (head.centre - neck) * 0.25, zero + math.pi / 2, throat, skin * 0.9),
        Layer("box", chest + torch.stack([zero, half[..., 1] * 0.72], -1), zero, body, shirt, shade=0.12,
              stripes=who.striped, second=torch.ones_like(shirt)),
        Layer("ellipse", points[..., BODY["right_ear"], :2], roll, half * 0.16, skin * 0.93),
        Layer("ellipse", points[..., BODY["left_ear"], :2], roll, half * 0.16, skin * 0.93),
        Layer("ellipse", head.centre, roll, half, skin, shade=0.1),
    ]  # fmt: skip
    for sign, pupil in ((0, 68), (1, 69)):
        eye = face[..., pupil, :]
        layers.append(spot(eye, 0.17 * squash, 0.125 * open_eye, white))
        layers.append(spot(eye, 0.085 * squash, 0.1 * open_eye, iris))
        layers.append(spot(eye, 0.045 * squash, 0.055 * open_eye, dark))
        layers.append(stroke(17 + 5 * sign, 21 + 5 * sign, 0.045, hair * 0.7))
    nose = face[..., 30, :] + (face[..., 33, :] - face[..., 30, :]) * 0.4
    layers.append(spot(nose, 0.1, 0.13, skin * 0.84))
    lips = (face[..., 48, :] + face[..., 54, :]) / 2
    lip_paint = skin * skin.new_tensor([0.82, 0.5, 0.5])
    layers.append(spot(lips, 0.3 * squash, tall * (0.06 + 0.12 * open_mouth), lip_paint))
    layers.append(spot(lips, 0.22 * squash, tall * (0.012 + 0.115 * open_mouth), dark * 1.6))
    layers.append(spot(on_head(0, -0.82), 0.98, 0.4 * tall, hair))
    lock = half * half.new_tensor([0.42, 0.28])
    layers.append(Layer("ellipse", on_head(-0.62, -0.62), roll + 0.9, lock, hair))
    layers.append(Layer("ellipse", on_head(0.62, -0.62), roll - 0.9, lock, hair))
    return layers
