"""The evaluation of carried pictures: its cases are what they say, and its figures tell good from bad."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from videogen.bench.figures import CODED, MADE, TRIVIAL
from videogen.bench.frames import to_frames
from videogen.bench.metrics import psnr_where, ssim_where
from videogen.bench.photographs import SETS, Case, evaluate_photographs, make_cases, smaller, with_detail
from videogen.bench.suite import steps_of
from videogen.conditions.geometry import pixel_centres
from videogen.conditions.motion_field import MotionField, warp
from videogen.conditions.reference import to_picture


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return make_cases(4, share=0.0, side=64)


def plain(case: Case) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return to_frames(warp(to_picture(case.picture), case.field)[0])


def test_the_plain_warp_is_right_where_the_picture_is_seen_and_wrong_elsewhere(cases: list[Case]) -> None:
    some = [case for case in cases if (~case.seen).any()]
    assert some
    for case in some:
        assert case.frames.shape == (8, 64, 64, 3)
        assert case.seen.shape == (8, 64, 64)
        frames = plain(case)
        seen = psnr_where(frames, case.frames, case.seen)
        assert math.isfinite(seen), "the truth is not made by the warp itself"
        assert seen > psnr_where(frames, case.frames, ~case.seen) + 6


def test_pictures_are_the_same_each_time_and_of_the_set_asked_for(cases: list[Case]) -> None:
    [again] = make_cases(1, share=0.0, side=64)
    np.testing.assert_array_equal(again.frames, cases[0].frames)
    [photograph] = make_cases(1, share=1.0, side=64)
    assert not np.array_equal(photograph.picture, again.picture)
    assert torch.equal(photograph.field.grid, again.field.grid)
    assert set(SETS.values()) == {0.0, 1.0}


def test_a_smaller_field_looks_at_the_same_places_and_trusts_what_is_wholly_seen() -> None:
    grid = (pixel_centres(8, 8, like=torch.zeros(1)) * 2 - 1)[None, None] + 0.25
    visible = torch.ones(1, 1, 8, 8)
    visible[..., 7] = 0
    field = smaller(MotionField(grid, visible, torch.ones(1)), factor=2)
    expected = pixel_centres(4, 4, like=torch.zeros(1)) * 2 - 1 + 0.25
    torch.testing.assert_close(field.grid[0, 0], expected)
    assert field.visibility[0, 0, 0].tolist() == [1, 1, 1, 0]


def test_the_pictures_own_detail_is_shown_where_it_is_seen_and_a_guess_with_the_drawing_elsewhere(
    cases: list[Case],
) -> None:
    case = max(cases, key=lambda one: float((~one.seen).mean()))
    true = [to_picture(frame)[0] for frame in case.frames]
    grey = [torch.zeros_like(one) for one in true]
    with_truth, with_grey = with_detail(case, true), with_detail(case, grey)
    right, wrong = (ssim_where(each, case.frames, ~case.seen) for each in (with_truth, with_grey))
    assert right > wrong + 0.02, "the drawing has a say"
    assert wrong > ssim_where(plain(case), case.frames, ~case.seen) - 0.1, "but not all of it"
    assert psnr_where(with_truth, case.frames, case.seen) > psnr_where(plain(case), case.frames, case.seen)


def test_every_figure_comes_with_its_ceiling_and_its_baseline(make_fake_engine: Any) -> None:
    engine, calls = make_fake_engine(), []
    found = evaluate_photographs(engine, clips=2, progress=lambda: calls.append(None))
    scores = found.scores()
    for name in SETS:
        for measure in ("PSNR", "SSIM"):
            for where in ("seen", "new"):
                assert {MADE, CODED, TRIVIAL} <= scores[f"{name}: {measure} where {where}"].keys()
    assert len(calls) == steps_of(["photographs"], clips=2) == 4
    assert len(found.sheets["photographs"]) == 4 * 4
