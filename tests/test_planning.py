"""Plans: the same seed gives the same plan at any length and rate; a path is kept to; a plan can be drawn."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler

from tests.tiny import planner, tokenizer
from videogen.conditions.route import read_route
from videogen.planning import Plan, draw_plan, make_plan
from videogen.skeleton import KEYPOINTS
from videogen.tracks import Tracks, draw_tracks

pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")


def tokens(text: str) -> torch.Tensor:
    found: torch.Tensor = tokenizer()(
        [text], padding="max_length", max_length=24, truncation=True, return_tensors="pt"
    ).input_ids
    return found


def plan_of(text: str = "a red ball moves right", *, length: int = 10, fps: Any = 8, **more: Any) -> Plan:
    scheduler = DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True)
    given = {"seed": 1, **more}
    return make_plan(
        planner(), scheduler, tokens=tokens(text), empty=tokens(""), length=length, fps=Fraction(fps), **given
    )


def same(one: Plan, other: Plan) -> bool:
    return torch.equal(one.tracks.state, other.tracks.state)


def test_the_same_words_and_seed_give_the_same_plan() -> None:
    assert same(plan_of(), plan_of())
    assert not same(plan_of(), plan_of(seed=2))
    assert not same(plan_of(), plan_of("a heart stands still"))


@pytest.mark.parametrize("fps", ["1", "3", "4", "8", "12", "13", "24", "30000/1001", "240"])
@pytest.mark.parametrize("length", [1, 2, 7, 40])
def test_a_plan_has_every_frame_at_any_rate(length: int, fps: str) -> None:
    plan = plan_of(length=length, fps=fps)
    assert plan.tracks.state.shape == (1, length, 2, 5)
    assert plan.tracks.camera.shape == (1, length, 3)
    assert torch.isfinite(plan.tracks.state).all()
    assert plan.pose is None or plan.pose.shape == (length, KEYPOINTS, 3)


def test_at_twice_the_planners_fastest_rate_every_second_frame_is_its_own() -> None:
    slow, fast = plan_of(length=10, fps=12), plan_of(length=19, fps=24)
    torch.testing.assert_close(fast.tracks.state[:, ::2, :, :3], slow.tracks.state[..., :3])


def test_a_first_thing_is_exactly_on_its_path() -> None:
    for fps, length in ((8, 10), (30, 33)):
        route = read_route("0.2,0.3 0.8,0.4", num_frames=length, fps=fps)
        plan = plan_of(length=length, fps=fps, path=route)
        expected = route.at(np.arange(length) / fps)
        np.testing.assert_allclose(plan.tracks.state[0, :, 0, :2], expected[:, :2], rtol=1e-6)
        assert plan.tracks.state[0, :, 0, 4].all()
        free = plan_of(length=length, fps=fps).tracks
        assert not torch.equal(plan.tracks.outline, free.outline), "the network was not told the path"


def test_a_plan_is_drawn_as_the_world_draws_its_own() -> None:
    tracks = Tracks.none(1, 3)
    tracks.state[:, :, 0] = torch.tensor([0.5, 0.5, 0.2, 0.0, 1.0])
    tracks.outline[:, 0] = 1
    plain = draw_plan(Plan(tracks=tracks, pose=None), height=32, width=32)
    assert torch.equal(plain, draw_tracks(tracks, height=32, width=32))
    pose = torch.rand(3, KEYPOINTS, 3, generator=torch.Generator().manual_seed(0))
    both = draw_plan(Plan(tracks=tracks, pose=pose), height=32, width=32)
    assert both.shape == (1, 3, 3, 32, 32)
    assert (both >= plain).all()
    assert not torch.equal(both, plain)


def test_a_plan_of_nothing_is_empty() -> None:
    assert Plan(tracks=Tracks.none(1, 3), pose=None).is_empty
    assert not Plan(tracks=Tracks.none(1, 3), pose=torch.zeros(3, KEYPOINTS, 3)).is_empty


def test_a_part_of_a_plan_is_its_frames() -> None:
    plan = plan_of(length=12)
    part = plan.between(3, 7)
    assert torch.equal(part.tracks.state, plan.tracks.state[:, 3:7])
    assert part.kind == plan.kind
