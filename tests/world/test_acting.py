"""People do what their action is called, held-out people in ways of their own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from videogen.world import acting, motion
from videogen.world.dice import Dice

CLIPS = 120
TIME = torch.linspace(0, motion.CROSSING, 33).expand(CLIPS, -1)
SECOND = TIME[:, :17]


def act(name: str, time: Tensor = TIME, *, held_out: bool = False) -> acting.Acting:
    action = torch.full((CLIPS,), acting.ACTIONS.index(name))
    return acting.act(action, time, Dice(torch.arange(CLIPS), seed=0), held_out=held_out)


def move_heads(name: str, time: Tensor = SECOND, *, held_out: bool = False) -> acting.HeadActing:
    kind = torch.full((CLIPS,), acting.HEAD_MOTIONS.index(name))
    return acting.turn_heads(kind, time, Dice(torch.arange(CLIPS), seed=0), held_out=held_out)


def span(value: Tensor) -> Tensor:
    return value.amax(1) - value.amin(1)


@pytest.mark.parametrize(
    ("action", "joints", "least"),
    [
        ("wave", ("elbow",), 0.7), ("walk", ("thigh", "knee"), 0.5), ("jump", ("arm", "knee"), 1.0),
        ("dance", ("arm", "elbow"), 0.8), ("cheer", ("arm", "elbow"), 0.25),
    ],
)  # fmt: skip
def test_an_action_moves_its_joints_within_a_second(
    action: str, joints: tuple[str, ...], least: float
) -> None:
    found = act(action, SECOND).joints
    for joint in joints:
        both = torch.stack([span(found[f"{side}_{joint}"]) for side in ("left", "right")])
        assert (both.amax(0) > least).all(), joint


@pytest.mark.parametrize("action", ["stand", "point", "sit"])
def test_quiet_actions_hold_their_pose(action: str) -> None:
    for name, value in act(action, SECOND).joints.items():
        assert span(value).max() < (0.45 if name == "look" else 0.25), name


def test_actions_have_their_own_poses() -> None:
    sides = ("left", "right")
    cheer, stand, sit, jump = (act(name).joints for name in ("cheer", "stand", "sit", "jump"))
    assert all((cheer[f"{side}_arm"] > 2.2).all() for side in sides)
    assert all((stand[f"{side}_arm"] < 0.5).all() for side in sides)
    assert all((sit[f"{side}_thigh"] > 1.2).all() for side in sides)
    assert (jump["lift"].amax(1) > 0.12).all()
    assert (jump["lift"].amin(1) == 0).all()
    assert (span(act("turn", SECOND).joints["yaw"]) > 2).all()


@pytest.mark.parametrize("name", ["wave", "point"])
def test_one_arm_is_raised_on_the_side_of_the_direction(name: str) -> None:
    found = act(name)
    right, left = (found.joints[f"{side}_arm"].mean(1) > 1.5 for side in ("right", "left"))
    assert (right ^ left).all()
    assert torch.equal(left, found.direction == acting.DIRECTIONS.index("right"))
    assert 0.3 < right.float().mean() < 0.7


def test_walkers_travel_and_face_in_their_direction() -> None:
    found = act("walk")
    sign = torch.where(found.direction == acting.DIRECTIONS.index("right"), 1, -1)[:, None]
    assert (found.joints["travel"].diff(dim=1) * sign > 0).all()
    assert (found.joints["yaw"] * sign > 0.5).all()
    assert (
        torch.sign(found.joints["left_thigh"] - 0.08) != torch.sign(found.joints["right_thigh"] - 0.08)
    ).all()


@pytest.mark.parametrize("action", acting.ACTIONS)
def test_an_action_is_a_function_of_time_alone(action: str) -> None:
    coarse, fine = act(action, TIME[:, ::4]).joints, act(action).joints
    for name, value in coarse.items():
        torch.testing.assert_close(value, fine[name][:, ::4])


def test_held_out_people_have_tempos_and_a_dance_that_training_never_shows() -> None:
    dice = Dice(torch.arange(4000), seed=0)
    trained, held = acting.tempo(dice, held_out=False), acting.tempo(dice, held_out=True)
    assert not ((trained > held.min()) & (trained < held.max())).any()
    for held_out, sign in ((False, -1), (True, 1)):
        joints = act("dance", held_out=held_out).joints
        arms = [
            joints[f"{side}_arm"] - joints[f"{side}_arm"].mean(1, keepdim=True) for side in ("left", "right")
        ]
        assert ((arms[0] * arms[1]).mean(1) * sign > 0.1).all()


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("nod", "pitch"), ("shake", "yaw"), ("tilt", "roll"), ("talk", "mouth"), ("look", "gaze"),
        ("turn", "yaw"), ("blink", "blink"), ("smile", "smile"),
    ],
)  # fmt: skip
def test_heads_move_what_the_motion_is_about_most(name: str, part: str) -> None:
    moves, rests = span(move_heads(name).joints[part]), span(move_heads("still").joints[part])
    assert (moves > 2 * rests + 0.2).all()


def test_heads_turn_one_way_and_smiles_stay() -> None:
    found = move_heads("turn")
    sign = 1 - 2 * found.direction[:, None]
    assert (found.joints["yaw"].diff(dim=1) * sign > 0).all()
    smile = move_heads("smile").joints["smile"]
    assert (smile.diff(dim=1) >= 0).all()
    assert smile[:, 0].max() < 0.2
    assert smile[:, -1].min() > 0.9


def test_expressions_stay_in_their_ranges() -> None:
    for name in acting.HEAD_MOTIONS:
        joints = move_heads(name, TIME).joints
        for part, low in (("blink", 0), ("mouth", 0), ("smile", 0), ("brows", -1), ("gaze", -1)):
            assert joints[part].min() >= low
            assert joints[part].max() <= 1
        assert max(joints[part].abs().max() for part in ("yaw", "pitch", "roll")) < 0.9
        assert span(joints["blink"]).max() == (0 if name == "still" else 1)
