"""How things move: tracks of objects, joint angles of people, turns and expressions of heads.

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
ACTIONS = ("stand", "wave", "walk", "jump", "dance", "cheer")
HEAD_MOTIONS = ("still", "nod", "shake", "tilt", "talk", "look")

CROSSING = 2.0
"""Seconds that a thing takes to cross the picture or to change its size."""


def _pick(options: list[Tensor], index: Tensor) -> Tensor:
    """Row b of the result is row b of `options[index[b]]`."""
    stacked = torch.stack(options, 1)
    return stacked[torch.arange(len(index), device=index.device), index]


def object_track(
    motion: Tensor, time: Tensor, dice: Dice, *, radius: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Centre `b t 2`, angle `b t` and scale `b t` of objects; `motion` indexes `OBJECT_MOTIONS`."""
    x0, y0 = dice.uniform(0.36, 0.64)[:, None], dice.uniform(0.4, 0.6)[:, None]
    rate = dice.uniform(0.85, 1.15)[:, None]
    phase = dice.phase()[:, None]
    zero = torch.zeros_like(time)
    progress = (time / CROSSING).clamp(0, 1)
    reach = 0.56 - radius[:, None] * 0.6
    along = (progress - 0.5) * reach * 1.5
    floor = 0.8 - radius[:, None]
    hop = floor - (math.pi * rate * time + phase).sin().abs() * (floor - radius[:, None] * 1.15)
    swing = 2 * math.pi * 0.5 * rate * time + phase
    still = torch.stack([x0 + zero, y0 + zero], -1)
    centre = _pick(
        [
            still,
            torch.stack([0.5 + along, y0 + zero], -1),
            torch.stack([0.5 - along, y0 + zero], -1),
            torch.stack([x0 + zero, 0.5 - along], -1),
            torch.stack([x0 + zero, 0.5 + along], -1),
            torch.stack([x0 + zero, hop], -1),
            still,
            still,
            still,
            torch.stack([0.5 + 0.22 * swing.cos(), 0.5 + 0.2 * swing.sin()], -1),
        ],
        motion,
    )
    spinning = (motion == OBJECT_MOTIONS.index("spin"))[:, None]
    angle = torch.where(spinning, 2 * math.pi * 0.5 * rate * time + phase, zero)
    growing = torch.exp((progress - 0.5) * 1.3)
    scale = _pick([zero + 1.0, growing, 1 / growing], _size_change(motion))
    return centre, angle, scale


def _size_change(motion: Tensor) -> Tensor:
    grow = (motion == OBJECT_MOTIONS.index("grow")).long()
    return grow + 2 * (motion == OBJECT_MOTIONS.index("shrink")).long()


def body_angles(action: Tensor, time: Tensor, dice: Dice) -> dict[str, Tensor]:
    """Joint angles (radians, 0 = hanging straight down, outward positive) of people, each `b t`.

    `action` indexes `ACTIONS`. Keys: lean, head, root_x, root_y (fractions of the figure's height) and, for
    each side, shoulder, elbow, hip, knee.
    """
    phase = dice.phase()[:, None]
    rate = dice.uniform(0.85, 1.15)[:, None]
    mirror = dice.chance(0.5)[:, None]
    w = 2 * math.pi * rate * time + phase
    zero = torch.zeros_like(time)
    s, s2, hop = w.sin(), (2 * w).sin(), (w * 0.5).sin().abs()
    sway = 0.05 * (w * 0.5).sin()
    rest, bent, raised = 0.16 + 0.5 * sway, 0.12 + zero, 0.4 + 1.9 * hop
    angles = {
        "lean": [sway * 0.5, sway, 0.05 * s, zero, 0.14 * s, 0.08 * s],
        "head": [sway, 0.12 * (0.5 * w).sin(), 0.04 * s2, zero, 0.2 * s, 0.15 * s],
        "root_x": [sway * 0.3, zero, 0.05 * (0.5 * w).sin(), zero, 0.05 * s, zero],
        "root_y": [zero, zero, 0.015 * s2, 0.03 - 0.16 * hop, 0.02 * s2, 0.02 * s2],
        "right_shoulder": [rest, 2.35 + 0.2 * s, 0.15 + 0.55 * s, raised, 1.5 + 0.9 * s, 2.5 + 0.3 * s],
        "right_elbow": [bent, 0.45 + 0.55 * s, 0.35 + 0.2 * s, 0.25 + zero, 0.5 + 0.5 * s2, 0.2 + 0.2 * s],
        "left_shoulder": [rest, rest, 0.15 - 0.55 * s, raised, 1.5 - 0.9 * s, 2.5 - 0.3 * s],
        "left_elbow": [bent, bent, 0.35 - 0.2 * s, 0.25 + zero, 0.5 - 0.5 * s2, 0.2 - 0.2 * s],
        "right_hip": [0.06 + zero, 0.08 + zero, 0.32 * s, 0.16 - 0.1 * hop, 0.2 + 0.14 * s, 0.12 + 0.06 * s],
        "right_knee": [zero, zero, 0.3 * (1 - s) * 0.5, 0.3 * (1 - hop), 0.2 * (1 + s), 0.06 + zero],
        "left_hip": [0.06 + zero, 0.08 + zero, -0.32 * s, 0.16 - 0.1 * hop, 0.2 - 0.14 * s, 0.12 - 0.06 * s],
        "left_knee": [zero, zero, 0.3 * (1 + s) * 0.5, 0.3 * (1 - hop), 0.2 * (1 - s), 0.06 + zero],
    }
    picked = {name: _pick(options, action) for name, options in angles.items()}
    for joint in ("shoulder", "elbow", "hip", "knee"):
        right, left = picked[f"right_{joint}"], picked[f"left_{joint}"]
        picked[f"right_{joint}"] = torch.where(mirror, left, right)
        picked[f"left_{joint}"] = torch.where(mirror, right, left)
    return picked


def head_turns(motion: Tensor, time: Tensor, dice: Dice) -> dict[str, Tensor]:
    """Yaw, pitch, roll (radians), blink and mouth (0…1), brows (−1…1), dx, dy (fractions), each `b t`.

    `motion` indexes `HEAD_MOTIONS`. Everyone blinks now and then and drifts a little.
    """
    phase, other = dice.phase()[:, None], dice.phase()[:, None]
    rate = dice.uniform(0.8, 1.2)[:, None]
    w = 2 * math.pi * 0.6 * rate * time + phase
    drift = 0.1 * (0.7 * w + other).sin()
    zero = torch.zeros_like(time)
    speech = (0.45 * (3.1 * w).sin() + 0.35 * (5.3 * w + other).sin() + 0.25).clamp(0, 1)
    yaw0, pitch0 = dice.uniform(-0.25, 0.25)[:, None], dice.uniform(-0.12, 0.12)[:, None]
    yaws = [drift, drift, 0.55 * w.sin(), drift, 2 * drift, 0.6 * (0.5 * w).sin()]
    pitches = [drift * 0.6, 0.4 * w.sin(), drift, drift, drift, 0.25 * (0.7 * w).cos()]
    rolls = [drift * 0.5, zero, drift, 0.35 * w.sin(), drift, drift]
    brows = [zero, 0.3 * w.sin(), zero, zero, 0.5 * (w + other).sin(), (0.5 * w).cos() * 0.5]
    return {
        "yaw": yaw0 + _pick(yaws, motion),
        "pitch": pitch0 + _pick(pitches, motion),
        "roll": _pick(rolls, motion),
        "blink": ((0.5 * w + other).sin().abs() * 9 - 7.6).clamp(0, 1),
        "mouth": _pick([zero, zero, zero, zero, speech, 0.2 * speech], motion),
        "brows": _pick(brows, motion),
        "dx": 0.02 * (0.5 * w + other).sin(),
        "dy": 0.012 * (0.8 * w).sin(),
    }
