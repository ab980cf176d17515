"""Motions do what they are called, at any frame rate."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from videogen.world import motion
from videogen.world.dice import Dice

CLIPS = 200
TIME = torch.linspace(0, motion.CROSSING, 33).expand(CLIPS, -1)


def tracks(name: str, time: Tensor = TIME) -> tuple[Tensor, Tensor, Tensor]:
    kind = torch.full((CLIPS,), motion.OBJECT_MOTIONS.index(name))
    radius = torch.full((CLIPS,), 0.2)
    return motion.object_track(kind, time, Dice(torch.arange(CLIPS), seed=0), radius=radius)


@pytest.mark.parametrize(
    ("name", "axis", "sign"), [("right", 0, 1), ("left", 0, -1), ("down", 1, 1), ("up", 1, -1)]
)
def test_things_go_where_they_are_said_to_go(name: str, axis: int, sign: int) -> None:
    centre, angle, scale = tracks(name)
    step = centre.diff(dim=1)
    assert (step[..., axis] * sign > 0).all()
    assert step[..., 1 - axis].abs().max() < 1e-6
    assert angle.abs().max() == 0
    assert torch.equal(scale, torch.ones_like(scale))


@pytest.mark.parametrize(("name", "sign"), [("grow", 1), ("shrink", -1)])
def test_things_change_their_size_in_place(name: str, sign: int) -> None:
    centre, _, scale = tracks(name)
    assert (scale.diff(dim=1) * sign > 0).all()
    assert centre.diff(dim=1).abs().max() == 0


def test_still_things_do_nothing_and_spinning_ones_turn_in_place() -> None:
    centre, angle, scale = tracks("still")
    assert centre.diff(dim=1).abs().max() == 0
    assert angle.abs().max() == 0
    assert scale.diff(dim=1).abs().max() == 0
    centre, angle, _ = tracks("spin")
    assert centre.diff(dim=1).abs().max() == 0
    assert (angle.diff(dim=1) > 0).all()


def test_bouncing_things_rise_and_fall_above_a_floor() -> None:
    centre, _, _ = tracks("bounce")
    height = centre[..., 1]
    assert ((height.diff(dim=1) > 0).any(1) & (height.diff(dim=1) < 0).any(1)).all()
    assert height.max() <= 0.8 - 0.2 + 1e-6
    assert centre[..., 0].diff(dim=1).abs().max() == 0


def test_circling_things_keep_their_distance() -> None:
    centre, _, _ = tracks("orbit")
    around = (centre - 0.5) / torch.tensor([0.22, 0.2])
    torch.testing.assert_close(around.norm(dim=-1), torch.ones(CLIPS, 33))
    assert (centre.diff(dim=1).norm(dim=-1) > 0.01).all()


@pytest.mark.parametrize("name", motion.OBJECT_MOTIONS)
def test_the_middles_of_things_stay_in_the_picture(name: str) -> None:
    centre, _, _ = tracks(name)
    assert centre.min() > 0.1
    assert centre.max() < 0.9


@pytest.mark.parametrize("name", motion.OBJECT_MOTIONS)
def test_a_motion_is_a_function_of_time_alone(name: str) -> None:
    coarse, fine = tracks(name, TIME[:, ::4]), tracks(name)
    for slow, fast in zip(coarse, fine, strict=True):
        torch.testing.assert_close(slow, fast[:, ::4])


def test_people_move_with_a_mirror_image() -> None:
    action = torch.full((CLIPS,), motion.ACTIONS.index("wave"))
    angles = motion.body_angles(action, TIME, Dice(torch.arange(CLIPS), seed=0))
    raised_right, raised_left = (angles[f"{side}_shoulder"].mean(1) > 1.5 for side in ("right", "left"))
    assert (raised_right ^ raised_left).all()
    assert 0.3 < raised_right.float().mean() < 0.7


@pytest.mark.parametrize(
    ("action", "joint", "least"),
    [("wave", "shoulder", 0.2), ("walk", "hip", 0.5), ("jump", "shoulder", 0.5), ("dance", "shoulder", 1.0)],
)
def test_actions_move_their_joints(action: str, joint: str, least: float) -> None:
    kind = torch.full((CLIPS,), motion.ACTIONS.index(action))
    angles = motion.body_angles(kind, TIME, Dice(torch.arange(CLIPS), seed=0))
    sides = [angles[f"{side}_{joint}"] for side in ("left", "right")]
    span = torch.stack([side.amax(1) - side.amin(1) for side in sides])
    assert (span.amax(0) > least).all()


def test_cheering_people_hold_both_arms_up_and_standing_ones_neither() -> None:
    for action, check in (("cheer", lambda arm: arm > 2.0), ("stand", lambda arm: arm < 0.5)):
        kind = torch.full((CLIPS,), motion.ACTIONS.index(action))
        angles = motion.body_angles(kind, TIME, Dice(torch.arange(CLIPS), seed=0))
        assert check(angles["left_shoulder"]).all()
        assert check(angles["right_shoulder"]).all()


@pytest.mark.parametrize(
    ("name", "part"),
    [("nod", "pitch"), ("shake", "yaw"), ("tilt", "roll"), ("talk", "mouth"), ("look", "yaw")],
)
def test_heads_move_what_the_motion_is_about_most(name: str, part: str) -> None:
    def spans(which: str) -> dict[str, Tensor]:
        kind = torch.full((CLIPS,), motion.HEAD_MOTIONS.index(which))
        turns = motion.head_turns(kind, TIME, Dice(torch.arange(CLIPS), seed=0))
        return {key: value.amax(1) - value.amin(1) for key, value in turns.items()}

    assert spans(name)[part].mean() > 2 * spans("still")[part].mean() + 0.2


def test_expressions_stay_in_their_ranges_and_everyone_blinks() -> None:
    kinds = torch.arange(CLIPS) % len(motion.HEAD_MOTIONS)
    turns = motion.head_turns(kinds, TIME, Dice(torch.arange(CLIPS), seed=0))
    for name, low, high in (
        ("blink", 0, 1),
        ("mouth", 0, 1),
        ("brows", -1, 1),
        ("yaw", -1, 1),
        ("pitch", -1, 1),
    ):
        assert turns[name].min() >= low
        assert turns[name].max() <= high
    assert turns["blink"].amax() == 1
    assert (turns["blink"] == 0).float().mean() > 0.5
