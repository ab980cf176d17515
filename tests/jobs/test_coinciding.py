"""Two plans coincide where one is seen through the other's view."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
import torch
from torch import Tensor

from videogen.errors import RequestError
from videogen.jobs.coinciding import plan_together, seen_through
from videogen.planning import Plan
from videogen.sampling import VIEWS
from videogen.tracks import OUTLINE, Tracks, draw_tracks

ASKED: dict[str, Any] = {"length": 6, "fps": Fraction(8), "seed": 1}
WEDGE = torch.cat([torch.linspace(0.5, 1.0, OUTLINE), torch.zeros(1)])


class Planner:
    """Plans a wedge that moves and turns, on any path that it is given."""

    def __init__(self, *, person: str = "", nothing: str = "") -> None:
        self.model, self.person, self.nothing = "pocket", person, nothing

    def plan(self, prompt: str, *, length: int, fps: Any, seed: int, path: Any = None) -> Plan | None:
        """Return the plan."""
        del fps, seed
        tracks = Tracks.none(1, length)
        if prompt == self.nothing:
            return Plan(tracks=tracks, pose=None)
        time = torch.linspace(0, 1, length)
        state = torch.stack(
            [0.3 + 0.5 * time, 0.2 + 0.2 * time, 0.2 - 0.05 * time, 0.5 * time, torch.ones(length)], -1
        )
        if path is not None:
            state[:, :4] = torch.from_numpy(path.at(torch.arange(length).numpy() / 8))
        tracks.state[0, :, 0], tracks.outline[0, 0] = state, WEDGE
        tracks.camera[..., 0] = 0.1 * time
        return Plan(tracks=tracks, pose=torch.zeros(length, 136, 3) if prompt == self.person else None)


def drawn(tracks: Tracks) -> Tensor:
    """The silhouettes, `t h w`."""
    return draw_tracks(tracks, height=64, width=64)[0, 0]


@pytest.mark.parametrize("view", sorted(set(VIEWS) - {"negate"}))
def test_both_plans_draw_one_silhouette_seen_in_two_ways(view: str) -> None:
    plans = plan_together(Planner(), ("a", "b"), view=view, **ASKED)  # type: ignore[arg-type]
    assert plans is not None
    one, other = (drawn(plan.tracks) for plan in plans)
    there = VIEWS[view].view(one)
    assert ((there - other).abs().sum((1, 2)) < 0.03 * other.sum((1, 2))).all()
    assert one.sum() > 100


def test_in_negative_both_plans_are_the_same() -> None:
    plans = plan_together(Planner(), ("a", "b"), view="negate", **ASKED)  # type: ignore[arg-type]
    assert plans is not None
    torch.testing.assert_close(drawn(plans[0].tracks), drawn(plans[1].tracks), atol=1e-4, rtol=0.0)


def test_the_camera_is_one_and_seen_through_the_view() -> None:
    for view, way in (("mirror", -1), ("flip", 1), ("negate", 1)):
        plans = plan_together(Planner(), ("a", "b"), view=view, **ASKED)  # type: ignore[arg-type]
        assert plans is not None
        torch.testing.assert_close(plans[1].tracks.camera, way * plans[0].tracks.camera)


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_seeing_tracks_twice_through_a_view_shows_them_as_they_are_or_turned(view: str) -> None:
    plan = Planner().plan("a", length=6, fps=8, seed=0)
    assert plan is not None
    twice = seen_through(view, seen_through(view, plan.tracks))
    wanted = plan.tracks.state.clone()
    if view == "rotate-90":
        wanted[..., :2] = 1 - wanted[..., :2]
    torch.testing.assert_close(twice.state[:, :, :1], wanted[:, :, :1])


def test_in_a_jigsaw_things_stay_within_a_quarter() -> None:
    plans = plan_together(Planner(), ("a", "b"), view="jigsaw", **ASKED)  # type: ignore[arg-type]
    assert plans is not None
    for plan in plans:
        x, y, size = plan.tracks.state[0, :, 0, :3].unbind(-1)
        for place in (x, y):
            quarter = (place * 2).floor() / 2
            assert len(quarter.unique()) == 1
            assert (place - size >= quarter).all()
            assert (place + size <= quarter + 0.5).all()


def test_where_nothing_is_planned_there_is_no_plan() -> None:
    for nothing in ("a", "b"):
        planner = Planner(nothing=nothing)
        assert plan_together(planner, ("a", "b"), view="flip", **ASKED) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("person", ["a", "b"])
def test_a_person_cannot_look_like_something_else(person: str) -> None:
    with pytest.raises(RequestError, match="--no-plan"):
        plan_together(Planner(person=person), ("a", "b"), view="flip", **ASKED)  # type: ignore[arg-type]


def test_plans_are_not_changed_in_place() -> None:
    planner = Planner()
    plan = planner.plan("a", length=6, fps=8, seed=0)
    assert plan is not None
    before = replace(plan.tracks, state=plan.tracks.state.clone())
    seen_through("flip", plan.tracks)
    assert torch.equal(before.state, plan.tracks.state)
