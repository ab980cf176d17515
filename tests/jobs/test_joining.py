"""Plans that go on from others: nothing jumps, and the new words are followed."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from videogen.engine import Engine
from videogen.jobs.joining import join_plan
from videogen.jobs.planned import person_of, plan_words
from videogen.planning import Plan
from videogen.schedule import read_prompt
from videogen.tracks import Tracks


@pytest.fixture(scope="module")
def pocket() -> Engine:
    """Pocket, for its motion planner."""
    return Engine("pocket", device="cpu")


def plan_of(places: Tensor, *, size: float = 0.2, angle: float = 0.0, camera: float = 0.0) -> Plan:
    """A plan of one thing at `places` `t 2`."""
    tracks = Tracks.none(1, len(places))
    tracks.state[0, :, 0, :2] = places
    tracks.state[0, :, 0, 2:] = torch.tensor([size, angle, 1.0])
    tracks.camera[:] = camera
    return Plan(tracks, None)


def bouncing(start: int, stop: int) -> Tensor:
    time = torch.arange(start, stop)
    return torch.stack([torch.full((stop - start,), 0.5), 0.8 - 0.5 * (time * math.pi / 8).sin().abs()], 1)


def test_a_ball_that_bounces_goes_on_in_its_bounce() -> None:
    whole = bouncing(0, 31)
    joined = join_plan(plan_of(bouncing(3, 35)), plan_of(whole[:15]), length=16, fps=8)
    torch.testing.assert_close(joined.tracks.state[0, :, 0, :2], whole[15:], atol=1e-5, rtol=0)


def test_a_thing_that_stands_stays_where_it_was() -> None:
    before = plan_of(torch.stack([torch.linspace(0.2, 0.75, 12), torch.full((12,), 0.5)], 1))
    joined = join_plan(plan_of(torch.full((9, 2), 0.4)), before, length=9, fps=8)
    torch.testing.assert_close(joined.tracks.state[0, :, 0, :2], torch.tensor([0.75, 0.5]).expand(9, 2))


def test_what_would_leave_the_picture_is_back_within_half_a_second() -> None:
    before = plan_of(torch.tensor([[0.9, 0.9], [0.9, 0.9]]))
    wide = torch.stack([torch.linspace(0.1, 0.9, 17), torch.full((17,), 0.5)], 1)
    places = join_plan(plan_of(wide), before, length=17, fps=8).tracks.state[0, :, 0, :2]
    assert torch.dist(places[0], torch.tensor([0.9, 0.9])) < 0.06
    torch.testing.assert_close(places[4:, 0], wide[4:, 0])
    torch.testing.assert_close(places[:, 1], torch.full((17,), 0.9))


def test_size_turn_and_camera_go_on() -> None:
    still = torch.full((9, 2), 0.5)
    before = plan_of(still, size=0.4, angle=math.pi - 0.1, camera=0.3)
    joined = join_plan(plan_of(still, size=0.1, angle=-math.pi + 0.1), before, length=9, fps=8).tracks
    sizes, angles = joined.state[0, :, 0, 2], joined.state[0, :, 0, 3]
    torch.testing.assert_close(sizes[[0, 4]], torch.tensor([0.4, 0.1]))
    assert (sizes.diff() <= 1e-6).all()
    assert angles.diff().abs().max() < 0.15, "the short way round"
    assert torch.equal(joined.camera, torch.full_like(joined.camera, 0.3))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    "words",
    [
        ("a red ball moves right", "a blue ball bounces"),
        ("a red ball moves right", "a blue ball moves left"),
        ("a red ball bounces", "a blue ball bounces"),
        ("a yellow car moves right", "a green car stands still"),
    ],
)
def test_pockets_things_go_on_from_where_they_were(words: tuple[str, str], seed: int, pocket: Engine) -> None:
    prompt = read_prompt(f"0: {words[0]} | 2s: {words[1]}", length=32, fps=8)
    plans = plan_words(pocket, prompt, length=32, fps=Fraction(8), seed=seed)
    assert [plan.tracks.state.shape[1] for plan in plans] == [16, 16]
    places = torch.cat([plan.tracks.state[0, :, 0, :2] for plan in plans])
    steps = places.diff(dim=0).norm(dim=1)
    assert steps[15] <= 1.3 * steps.max(), "it jumps"
    assert steps[15] < 0.25
    assert places.min() > -0.1
    assert places.max() < 1.1


def test_a_person_goes_on_and_a_thing_after_a_person_begins_anew(
    pocket: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    prompt = read_prompt("0: a man waves | 2s: a man jumps", length=32, fps=8)
    plans = plan_words(pocket, prompt, length=32, fps=Fraction(8), seed=1)
    person = person_of(plans)
    assert person is not None
    seen = (person[1:, :, 2:] > 0) & (person[:-1, :, 2:] > 0)
    steps = (person.diff(dim=0)[..., :2] * seen).norm(dim=-1).amax(1)
    assert steps[15] <= steps.max() + 1e-6
    assert steps[15] < 0.1, "somebody jumps from one place to another"
    assert caplog.messages == []
    mixed = read_prompt("0: a man waves | 2s: a red ball bounces", length=32, fps=8)
    assert person_of(plan_words(pocket, mixed, length=32, fps=Fraction(8), seed=1)) is None
    (message,) = caplog.messages
    assert "tells of something else" in message
    assert "2 s" in message
