"""How people act: the joints of bodies, turns and expressions of heads, as functions of time.

Time is in seconds, `b t`. Every action is written for the direction right and mirrored for left. Tempos come
from two bands that do not touch: one for training, one for what is held out; held-out people also dance in
a way of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from videogen.world.dice import Dice
from videogen.world.motion import CROSSING

ACTIONS = ("stand", "wave", "walk", "jump", "dance", "cheer", "point", "sit", "turn")
HEAD_MOTIONS = ("still", "nod", "shake", "tilt", "talk", "look", "turn", "blink", "smile")
DIRECTIONS = ("right", "left")

Joints = dict[str, Tensor]

_REST = {
    "yaw": 0.0, "lean": 0.0, "head": 0.0, "look": 0.0, "hips": 0.0, "lift": 0.0, "travel": 0.0, "mouth": 0.0,
    **{
        f"{side}_{joint}": value
        for side in ("right", "left")
        for joint, value in (
            ("arm", 0.2), ("arm_forward", 0.05), ("elbow", 0.04), ("elbow_forward", 0.15),
            ("leg", 0.07), ("thigh", 0.0), ("knee", 0.0),
        )
    },
}  # fmt: skip
_ODD = ("yaw", "lean", "head", "look", "hips", "travel")
"""What changes its sign in a mirror."""


def _pick(options: list[Tensor], index: Tensor) -> Tensor:
    """Row b of the result is row b of `options[index[b]]`."""
    stacked = torch.stack(options, 1)
    return stacked[torch.arange(len(index), device=index.device), index]


def tempo(dice: Dice, *, held_out: bool) -> Tensor:
    """Speeds of people, `b`: 0.97 to 1.03 for those held out, and on either side of that for all others."""
    side, roll = dice.chance(0.5), dice.uniform()
    if held_out:
        return 0.97 + 0.06 * roll
    return torch.where(side, 0.85 + 0.12 * roll, 1.03 + 0.12 * roll)


@dataclass(frozen=True)
class _Beat:
    """What an action is a function of: seconds, and angles `w` (radians) that run at the clip's tempo."""

    time: Tensor
    w: Tensor
    other: Tensor

    def swing(self, hertz: float) -> Tensor:
        """A sine of so many cycles a second at tempo 1, −1…1."""
        return (self.w * hertz + self.other).sin()

    def lag(self, hertz: float) -> Tensor:
        """The same, a quarter of a cycle later."""
        return -(self.w * hertz + self.other).cos()


def _stand(beat: _Beat) -> Joints:
    sway = beat.swing(0.3)
    return {
        "lean": 0.015 * sway,
        "head": 0.04 * sway,
        "left_arm": 0.2 + 0.015 * sway,
        "right_arm": 0.2 - 0.015 * sway,
    }


def _wave(beat: _Beat) -> Joints:
    s = beat.swing(1.3)
    return {
        "lean": -0.03 + 0.02 * s, "head": 0.06 * s, "mouth": 0.35 + 0 * s,
        "left_arm": 1.75 + 0.06 * s, "left_elbow": 0.95 + 0.55 * s, "left_elbow_forward": 0 * s,
    }  # fmt: skip


def _walk(beat: _Beat) -> Joints:
    s, c = beat.swing(0.95), beat.lag(0.95)
    progress = (beat.time / CROSSING).clamp(0, 1) - 0.5
    return {
        "yaw": 1.0 + 0.05 * s, "travel": 0.56 * progress, "head": 0.03 * c, "lean": 0.03 + 0 * s,
        "left_thigh": 0.08 + 0.42 * s, "right_thigh": 0.08 - 0.42 * s,
        "left_knee": 0.12 + 0.75 * (-c).clamp_min(0), "right_knee": 0.12 + 0.75 * c.clamp_min(0),
        "left_arm_forward": -0.5 * s, "right_arm_forward": 0.5 * s,
        "left_elbow_forward": 0.35 - 0.2 * s, "right_elbow_forward": 0.35 + 0.2 * s,
        "left_leg": 0.02 + 0 * s, "right_leg": 0.02 + 0 * s,
    }  # fmt: skip


def _jump(beat: _Beat) -> Joints:
    hop = beat.swing(1.05)
    air, crouch = hop.clamp_min(0), (-hop).clamp_min(0)
    arm, bend = 0.45 + 1.9 * air, 0.95 * crouch
    return {
        "lift": 0.15 * air, "mouth": 0.8 * air,
        "left_arm": arm, "right_arm": arm, "left_elbow": 0.25 * air, "right_elbow": 0.25 * air,
        "left_leg": 0.1 + 0.22 * air, "right_leg": 0.1 + 0.22 * air,
        "left_thigh": bend, "right_thigh": bend, "left_knee": 1.7 * bend, "right_knee": 1.7 * bend,
    }  # fmt: skip


def _dance(beat: _Beat, *, together: float) -> Joints:
    """Hips sway while arms swing: against each other, or to one side `together` (1)."""
    s, c = beat.swing(1.0), beat.lag(1.0)
    other = s * (2 * together - 1)
    return {
        "hips": 0.07 * s, "lean": -0.14 * s, "head": 0.16 * s, "look": 0.3 * c, "mouth": 0.3 + 0.3 * s.abs(),
        "left_arm": 1.35 + 0.85 * s, "right_arm": 1.35 + 0.85 * other,
        "left_elbow": 0.55 + 0.5 * c, "right_elbow": 0.55 - 0.5 * c,
        "left_leg": 0.16 - 0.1 * s, "right_leg": 0.16 + 0.1 * s,
        "left_thigh": 0.5 * s.clamp_min(0), "left_knee": 0.9 * s.clamp_min(0),
        "right_thigh": 0.5 * (-s).clamp_min(0), "right_knee": 0.9 * (-s).clamp_min(0),
    }  # fmt: skip


def _cheer(beat: _Beat) -> Joints:
    s = beat.swing(1.25)
    arm, elbow = 2.5 + 0.16 * s, 0.3 - 0.5 * s
    return {
        "lift": 0.006 * (1 + s), "head": 0.05 * beat.swing(0.6), "mouth": 0.75 + 0.25 * s,
        "left_arm": arm, "right_arm": arm, "left_elbow": elbow, "right_elbow": elbow,
        "left_elbow_forward": 0 * s, "right_elbow_forward": 0 * s,
    }  # fmt: skip


def _point(beat: _Beat) -> Joints:
    sway = beat.swing(0.4)
    return {
        "lean": 0.05 + 0.015 * sway, "head": 0.05 + 0.02 * sway, "look": 0.45 + 0.05 * sway,
        "left_arm": 1.75 + 0.04 * sway, "left_elbow": 0 * sway, "left_elbow_forward": 0 * sway,
        "right_arm": 0.3 + 0.02 * sway, "right_elbow": 0.15 + 0 * sway,
    }  # fmt: skip


def _sit(beat: _Beat) -> Joints:
    sway = beat.swing(0.45)
    thigh = 1.35 + 0 * sway
    return {
        "yaw": 0.6 + 0 * sway, "lean": 0.04 * sway, "head": 0.07 * sway, "look": -0.2 + 0.2 * beat.lag(0.45),
        "left_thigh": thigh, "right_thigh": thigh,
        "left_knee": 1.3 + 0.08 * sway, "right_knee": 1.3 - 0.08 * sway,
        "left_leg": 0.26 + 0 * sway, "right_leg": 0.26 + 0 * sway,
        "left_arm": 0.24 + 0 * sway, "right_arm": 0.24 + 0 * sway,
        "left_arm_forward": 0.45 + 0.05 * sway, "right_arm_forward": 0.45 - 0.05 * sway,
        "left_elbow_forward": 0.75 + 0 * sway, "right_elbow_forward": 0.75 + 0 * sway,
        "left_elbow": -0.15 + 0 * sway, "right_elbow": -0.15 + 0 * sway,
    }  # fmt: skip


def _turn(beat: _Beat) -> Joints:
    sway = beat.swing(0.9)
    return {
        "yaw": 0.45 * beat.w + beat.other, "lift": 0.004 * (1 + sway),
        "left_arm": 0.42 + 0.05 * sway, "right_arm": 0.42 - 0.05 * sway,
    }  # fmt: skip


@dataclass(frozen=True)
class Acting:
    """What bodies do: `joints` (radians but for hips, lift and travel), each `b t`, and who does it.

    Keys: yaw (positive turns the front to the picture's right), lean, head (rolls), look (yaw of the head
    on top of the body's), hips and lift (over the figure's height), travel (over the picture), mouth (0…1);
    for each side arm (0 hangs, π/2 sideways), leg, the elbow's share on top, and the forward swings
    arm_forward, elbow_forward, thigh and the bend of the knee. `direction` indexes `DIRECTIONS`, `b`;
    `near_left` says whose left arm and leg lie in front, bool `b`.
    """

    joints: Joints
    direction: Tensor
    near_left: Tensor


def act(action: Tensor, time: Tensor, dice: Dice, *, held_out: bool) -> Acting:
    """What people do at moments `time` (seconds, `b t`); `action` indexes `ACTIONS`, `b`."""
    rate, phase, facing = tempo(dice, held_out=held_out), dice.phase()[:, None], dice.uniform(-0.3, 0.3)
    direction = dice.choice(2)
    beat = _Beat(time, 2 * math.pi * rate[:, None] * time, phase)
    dance = _dance(beat, together=1.0 if held_out else 0.0)
    acts = [_stand(beat), _wave(beat), _walk(beat), _jump(beat), dance]
    acts += [_cheer(beat), _point(beat), _sit(beat), _turn(beat)]
    zero = torch.zeros_like(time)
    joints = {
        name: _pick([one.get(name, zero + rest) for one in acts], action) for name, rest in _REST.items()
    }
    fixed = (action == ACTIONS.index("walk")) | (action == ACTIONS.index("turn"))
    joints["yaw"] = joints["yaw"] + torch.where(fixed, 0.0, facing)[:, None]
    mirrored = direction == DIRECTIONS.index("left")
    aside = (action == ACTIONS.index("walk")) | (action == ACTIONS.index("sit"))
    return Acting(_mirror(joints, mirrored[:, None]), direction, near_left=~(aside ^ mirrored))


def _mirror(joints: Joints, mirrored: Tensor) -> Joints:
    out = {}
    for name, value in joints.items():
        side, _, joint = name.partition("_")
        opposite = {"right": f"left_{joint}", "left": f"right_{joint}"}.get(side, name)
        image = -value if name in _ODD else joints[opposite]
        out[name] = torch.where(mirrored, image, value)
    return out


@dataclass(frozen=True)
class HeadActing:
    """What heads do: `joints`, each `b t`, and the direction they turn to, which indexes `DIRECTIONS`."""

    joints: Joints
    direction: Tensor


def turn_heads(motion: Tensor, time: Tensor, dice: Dice, *, held_out: bool) -> HeadActing:
    """Turns and expressions of heads at moments `time` (seconds, `b t`); `motion` indexes `HEAD_MOTIONS`.

    Keys: yaw, pitch, roll (radians), blink, mouth and smile (0…1), brows (−1…1), gaze (−1…1, sideways), dx,
    dy (fractions). Smiles rise after the first moment given, and stay. Most people blink now and then.
    """
    phase, other = dice.phase()[:, None], dice.phase()[:, None]
    rate = tempo(dice, held_out=held_out)[:, None]
    yaw0, pitch0 = dice.uniform(-0.22, 0.22)[:, None], dice.uniform(-0.1, 0.1)[:, None]
    direction = dice.choice(2)
    w = 2 * math.pi * rate * time + phase
    zero = torch.zeros_like(time)
    drift, slow = 0.05 * (0.4 * w + other).sin(), (0.7 * w).sin()
    speech = (0.5 * (2.3 * w).sin() + 0.3 * (1.1 * w + other).sin() + 0.35).clamp(0, 1)
    across = (1.0 - 2.0 * direction[:, None]) * ((time / CROSSING).clamp(0, 1) - 0.5)
    since = time - time[:, :1] - 0.12
    smile0 = dice.uniform(0.0, 0.25)[:, None]
    rising = (since / 0.4).clamp(0, 1)
    named = {
        "nod": {"pitch": pitch0 + 0.38 * (0.95 * w).sin(), "yaw": yaw0 * 0.5, "brows": 0.3 * slow},
        "shake": {"yaw": 0.55 * (1.15 * w).sin(), "pitch": pitch0, "brows": zero - 0.4},
        "tilt": {"roll": 0.36 * slow, "brows": 0.3 * slow},
        "talk": {"mouth": speech, "brows": 0.5 * (0.8 * w + other).sin(), "pitch": pitch0 + 0.06 * slow},
        "look": {"gaze": (1.6 * slow).clamp(-1, 1), "yaw": 0.5 * yaw0 + 0.22 * slow, "brows": 0.3 + zero},
        "turn": {"yaw": 1.5 * across, "pitch": pitch0},
        "blink": {"blink": ((1.5 * w).sin() * 3 - 0.9).clamp(0, 1), "brows": 0.15 * slow},
        "smile": {"smile": 0.1 + 0.9 * rising * rising * (3 - 2 * rising), "brows": 0.5 * rising},
    }
    calm = {
        "yaw": yaw0 + drift, "pitch": pitch0 + drift, "roll": 0.6 * drift, "mouth": zero, "brows": zero,
        "blink": ((0.25 * w + other).sin() * 200 - 198.2).clamp(0, 1), "smile": smile0 + zero, "gaze": zero,
        "dx": 0.01 * (0.4 * w + other).sin(), "dy": 0.006 * (0.6 * w).sin(),
    }  # fmt: skip
    named["still"] = {"blink": zero, "roll": 0.3 * drift}
    acts = [calm | named[name] for name in HEAD_MOTIONS]
    joints = {name: _pick([one[name] + zero for one in acts], motion) for name in calm}
    return HeadActing(joints, direction)
