"""The motion that a text clip is given: poses fit to the clip, paths that a model can follow, plans drawn."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import videogen as vg
from videogen.jobs.guiding import Motion, fit_to
from videogen.planning import Plan
from videogen.skeleton import KEYPOINTS, draw_poses
from videogen.tracks import Tracks
from videogen.types import Pose


def motion(**fields: Any) -> tuple[vg.TextToVideo, Motion]:
    request = vg.TextToVideo("a red ball", **{"seed": 1, **fields})
    return request, Motion.of(request, fps=request.rate(Fraction(8)), default=16)


@pytest.mark.parametrize(
    ("fields", "length"),
    [({}, 8), ({"seconds": 0.5}, 4), ({"num_frames": 3}, 3), ({"fps": 24}, 24), ({"fps": 4}, 4)],
)
def test_a_pose_gives_length_and_rate_unless_others_are_asked_for(
    portrait_folder: Path, fields: dict[str, Any], length: int, fake_engine: Any
) -> None:
    request, found = motion(pose=portrait_folder / "pose.json", **fields)
    assert found.length == length
    guide = found.guide(request, fake_engine, size=(32, 48))
    assert guide is not None
    assert guide.maps.shape == (1, 3, length, 32, 48)
    assert guide.maps.any()
    assert guide.person is not None
    assert guide.person.shape == (length, KEYPOINTS, 3)


def test_a_pose_is_drawn_as_the_model_has_learnt_it(portrait_folder: Path, fake_engine: Any) -> None:
    request, found = motion(pose=portrait_folder / "pose.json")
    drawn = {}
    for fake_engine.spec.skeleton_style in ("own", "openpose", "dwpose", "mimicmotion"):
        guide = found.guide(request, fake_engine, size=(32, 48))
        assert guide is not None
        drawn[fake_engine.spec.skeleton_style] = guide.maps
    alike = (drawn["openpose"] - drawn["dwpose"]).abs().mean()
    assert 0 < alike < 0.1 * drawn["dwpose"].mean(), "there is one person, with pupils or without"
    assert not torch.equal(drawn["own"], drawn["dwpose"])
    assert not torch.equal(drawn["mimicmotion"], drawn["dwpose"])


@pytest.mark.parametrize("fields", [{"seconds": 2}, {"num_frames": 9}])
def test_a_clip_longer_than_its_pose_is_refused(portrait_folder: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(vg.RequestError, match="longer than the pose"):
        motion(pose=portrait_folder / "pose.json", **fields)


def test_a_pose_is_never_stretched() -> None:
    points = np.full((1, KEYPOINTS, 3), 1.0, dtype=np.float32)
    points[0, 0, :2] = 0.0
    wide = fit_to(Pose(points, aspect=2.0), aspect=1.0).points[0]
    np.testing.assert_allclose(wide[:2, :2], [[0.0, 0.25], [1.0, 0.75]])
    tall = fit_to(Pose(points, aspect=0.5), aspect=1.0).points[0]
    np.testing.assert_allclose(tall[:2, :2], [[0.25, 0.0], [0.75, 1.0]])
    same = fit_to(Pose(points), aspect=1.7).points
    np.testing.assert_array_equal(same, points)


def test_long_poses_are_drawn_in_pieces_that_fit_together() -> None:
    points = torch.rand(70, KEYPOINTS, 3, generator=torch.Generator().manual_seed(0))
    whole = draw_poses(points, height=16, width=16)
    tail = draw_poses(points[60:], height=16, width=16)
    assert torch.equal(whole[:, :, 60:], tail)


def test_a_plan_is_drawn_at_the_clips_size(fake_engine: Any) -> None:
    request, found = motion(path="0.2,0.5 0.8,0.5")
    guide = found.guide(request, fake_engine, size=(32, 64))
    assert guide is not None
    assert guide.person is None
    maps = guide.maps
    columns = maps[0, 0].sum(1) @ torch.arange(64.0) / maps[0, 0].sum((1, 2)) / 63
    torch.testing.assert_close(columns[[0, -1]], torch.tensor([0.2, 0.8]), atol=0.02, rtol=0)


def test_without_planner_or_with_nothing_planned_there_is_no_guide() -> None:
    for planned in (None, Plan(tracks=Tracks.none(1, 16), pose=None)):
        engine: Any = SimpleNamespace(plan=lambda *_, planned=planned, **__: planned, model="other")
        request, found = motion()
        assert found.guide(request, engine, size=(32, 32)) is None


def test_a_path_that_cannot_be_followed_is_refused() -> None:
    person = Plan(tracks=Tracks.none(1, 16), pose=torch.zeros(16, KEYPOINTS, 3))
    for planned, words in ((None, "other has no motion planner"), (person, "tells of a person")):
        engine: Any = SimpleNamespace(plan=lambda *_, planned=planned, **__: planned, model="other")
        request, found = motion(path="0.2,0.5")
        with pytest.raises(vg.RequestError, match=words):
            found.guide(request, engine, size=(32, 32))
