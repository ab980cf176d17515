"""The evaluation of filled gaps: what is given and what is missing, and its baselines on made-up clips."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from videogen.bench import between
from videogen.bench.between import GIVEN, WAYS, Gap, evaluate_between
from videogen.bench.figures import CODED, MADE, RIVAL, TRIVIAL
from videogen.bench.metrics import ssim
from videogen.bench.suite import steps_of


def clip() -> Gap:
    """A grey clip in which a white square goes to the right, a pixel for each frame."""
    frames = np.full((16, 32, 32, 3), 100, np.uint8)
    for number, frame in enumerate(frames):
        frame[12:20, number : number + 8] = 255
    return Gap(frames, "a white square moves right")


def test_a_gap_lies_between_the_given_frames() -> None:
    gap = clip()
    np.testing.assert_array_equal(gap.missing, gap.frames[4:12])
    np.testing.assert_array_equal(gap.held, np.repeat(gap.frames[3:4], 8, 0))
    np.testing.assert_array_equal(
        gap.in_context(gap.missing), gap.frames[GIVEN - 1 : len(gap.frames) - GIVEN + 1]
    )


def test_a_cross_fade_mixes_the_given_frames_evenly() -> None:
    dark, light = np.full((8, 8, 8, 3), 10, np.uint8), np.full((8, 8, 8, 3), 100, np.uint8)
    levels = Gap(np.concatenate([dark, light]), "").faded[:, 0, 0, 0]
    assert levels.tolist() == [20, 30, 40, 50, 60, 70, 80, 90]


def test_what_moves_is_what_differs_from_either_given_frame() -> None:
    gap = clip()
    assert not gap.moving[:, :12].any()
    assert not gap.moving[:, 20:].any()
    row = gap.moving[0, 15]  # the square has left one column of frame 3, and is not yet at frame 12's place
    assert row.nonzero()[0].tolist() == list(range(3, 20))
    assert not Gap(np.repeat(gap.frames[:1], 16, 0), "").moving.any()


def test_the_truth_is_nearer_than_the_baselines() -> None:
    gap = clip()
    assert ssim(gap.missing, gap.missing) == pytest.approx(1)
    assert ssim(gap.held, gap.missing) < 0.97
    assert ssim(gap.faded, gap.missing) < 0.97


@pytest.mark.parametrize("name", WAYS)
def test_each_way_gives_the_frames_that_are_missing(fake_engine: Any, name: str) -> None:
    gap = clip()
    made = WAYS[name](fake_engine, gap, seed=0)
    assert made.shape == gap.missing.shape
    assert made.dtype == np.uint8
    assert not np.array_equal(made, WAYS[name](fake_engine, gap, seed=1)), "it is made of noise"


def test_every_figure_comes_with_its_ceiling_and_its_baselines(
    make_fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    perfect = {"between, joined": lambda engine, gap, *, seed: gap.missing}
    monkeypatch.setattr(between, "WAYS", perfect)
    engine, calls = make_fake_engine(), []
    engine.spec.width = engine.spec.height = 64
    found = evaluate_between(engine, clips=2, progress=lambda: calls.append(None))
    for measure in ("SSIM", "SSIM where it moves"):
        columns = found.scores()[f"between, joined: {measure}"]
        assert columns.keys() == {MADE, CODED, RIVAL, TRIVIAL, "clips"}
        assert columns[MADE] == pytest.approx(1)
        assert columns[TRIVIAL] < 1
        assert columns[RIVAL] < 1
    assert len(calls) == steps_of(["between"], clips=2) == 2
    assert len(found.sheets["between"]) == 2 * 3
