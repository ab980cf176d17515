"""Things do what their motion is called, all of it visible, all the time."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from videogen.world import motion
from videogen.world.dice import Dice

CLIPS = 200
TIME = torch.linspace(0, motion.CROSSING, 33).expand(CLIPS, -1)
RADIUS = 0.2
ROOM = torch.tensor([0.16, 0.84, 0.16, 0.84])


def tracks(
    name: str, time: Tensor = TIME, *, crossing: float = motion.CROSSING, speed: str = "normal"
) -> tuple[Tensor, Tensor, Tensor]:
    return motion.object_track(
        torch.full((CLIPS,), motion.OBJECT_MOTIONS.index(name)),
        time,
        Dice(torch.arange(CLIPS), seed=0),
        radius=torch.full((CLIPS,), RADIUS),
        room=ROOM.expand(CLIPS, 4),
        crossing=torch.full((CLIPS,), crossing),
        speed=torch.full((CLIPS,), motion.SPEEDS.index(speed)),
    )


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
def test_things_change_their_size_in_place_and_stay_visible(name: str, sign: int) -> None:
    centre, _, scale = tracks(name)
    assert (scale.diff(dim=1) * sign > 0).all()
    assert centre.diff(dim=1).abs().max() == 0
    assert (scale * RADIUS).min() >= motion.LEAST - 1e-6
    assert (scale.amax(1) / scale.amin(1)).min() > 2


def test_still_things_do_nothing_and_spinning_ones_turn_in_place() -> None:
    centre, angle, scale = tracks("still")
    assert centre.diff(dim=1).abs().max() == 0
    assert angle.abs().max() == 0
    assert scale.diff(dim=1).abs().max() == 0
    centre, angle, _ = tracks("spin")
    assert centre.diff(dim=1).abs().max() == 0
    turns = angle.diff(dim=1).sign()
    assert (turns == turns[:, :1]).all()
    assert 0.3 < (turns[:, 0] > 0).float().mean() < 0.7, "either way round"


def test_bouncing_things_rise_and_fall_above_a_floor() -> None:
    centre, _, _ = tracks("bounce")
    height = centre[..., 1]
    assert ((height.diff(dim=1) > 0).any(1) & (height.diff(dim=1) < 0).any(1)).all()
    assert height.max() <= motion.FLOOR - RADIUS + 1e-6
    assert (height.amax(1) - height.amin(1)).min() > 0.2
    assert centre[..., 0].diff(dim=1).abs().max() == 0


def test_circling_things_keep_their_distance() -> None:
    centre, _, _ = tracks("orbit")
    around = (centre - 0.5) / torch.tensor([0.24, 0.22])
    torch.testing.assert_close(around.norm(dim=-1), torch.ones(CLIPS, 33))
    assert (centre.diff(dim=1).norm(dim=-1) > 0.01).all()


@pytest.mark.parametrize("name", motion.OBJECT_MOTIONS)
@pytest.mark.parametrize("speed", motion.SPEEDS)
def test_the_middles_of_things_stay_in_their_room(name: str, speed: str) -> None:
    centre, _, _ = tracks(name, speed=speed)
    assert (centre >= ROOM[[0, 2]] - 1e-6).all()
    assert (centre <= ROOM[[1, 3]] + 1e-6).all()


@pytest.mark.parametrize("name", motion.OBJECT_MOTIONS)
def test_a_motion_is_a_function_of_time_alone(name: str) -> None:
    coarse, fine = tracks(name, TIME[:, ::4]), tracks(name)
    for slow, fast in zip(coarse, fine, strict=True):
        torch.testing.assert_close(slow, fast[:, ::4])


@pytest.mark.parametrize("name", ["right", "up", "grow"])
def test_a_motion_lasts_as_long_as_its_crossing(name: str) -> None:
    centre, _, scale = tracks(name, TIME * 4, crossing=4 * motion.CROSSING)
    moved = centre.diff(dim=1).norm(dim=-1) + scale.diff(dim=1).abs()
    assert (moved > 1e-3).all()


@pytest.mark.parametrize("name", ["right", "spin", "bounce"])
def test_slow_things_are_slower_and_quick_ones_quicker(name: str) -> None:
    def pace(speed: str) -> float:
        centre, angle, _ = tracks(name, speed=speed)
        return float((centre.diff(dim=1).norm(dim=-1) + angle.diff(dim=1).abs()).mean())

    assert 1.5 * pace("slowly") < pace("normal") < pace("quickly") / 1.15


def test_what_moves_is_small_enough_to_have_room() -> None:
    radius = torch.full((len(motion.OBJECT_MOTIONS),), 0.3)
    fitted = motion.fit_radius(torch.arange(len(radius)), radius)
    large = {name for name, r in zip(motion.OBJECT_MOTIONS, fitted.tolist(), strict=True) if r > 0.24}
    assert large == {"still", "spin"}
    assert motion.fit_radius(torch.arange(len(radius)), radius * 0.4).min() >= 0.12
