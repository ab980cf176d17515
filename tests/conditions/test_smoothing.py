"""Jitter goes and motion stays, by closed forms: cubics, constants, even speeds, waves."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import pi

import numpy as np
import pytest
from scipy.optimize import brentq

from videogen.conditions.smoothing import cutoff, one_euro, savitzky_golay, smooth
from videogen.errors import RequestError
from videogen.skeleton import KEYPOINTS
from videogen.types import Pose

FILTERS = ["savgol", "one-euro", "spline"]


def track(x: np.ndarray, y: np.ndarray | float = 0.5) -> Pose:
    """One point whose coordinates are given for each frame."""
    points = np.zeros((len(x), KEYPOINTS, 3), dtype=np.float32)
    points[:, 0] = np.stack([x, np.broadcast_to(y, x.shape), np.ones(len(x))], -1)
    return Pose(points, fps=Fraction(10), aspect=1.0)


def shaken(pose: Pose, *, by: float) -> Pose:
    """The pose with noise in every frame but the first and the last."""
    points = pose.points.copy()
    noise = np.random.default_rng(0).normal(0, by, (len(points), 2))
    points[1:-1, 0, :2] += noise[1:-1].astype(np.float32)
    return replace(pose, points=points)


def jump(pose: Pose) -> float:
    return float(np.abs(np.diff(pose.points[:, 0, :2], 2, axis=0)).mean())


@pytest.mark.parametrize("by", FILTERS)
def test_jitter_goes_and_motion_stays(by: str) -> None:
    pose = track(np.linspace(0.4, 0.6, 60))
    rough = shaken(pose, by=0.004)
    calm = smooth(rough, strength=1.0, by=by)
    assert jump(calm) < (0.45 if by == "one-euro" else 0.1) * jump(rough)
    assert np.abs(calm.points - pose.points).mean() < np.abs(rough.points - pose.points).mean()
    np.testing.assert_array_equal(smooth(rough, strength=0, by=by).points, rough.points)


@pytest.mark.parametrize("by", FILTERS)
def test_more_strength_leaves_less_jitter(by: str) -> None:
    rough = shaken(track(np.full(80, 0.5)), by=0.004)
    left = [jump(smooth(rough, strength=strength, by=by)) for strength in (0, 0.1, 0.3, 0.6, 1)]
    assert left == sorted(left, reverse=True)
    assert len(set(left)) == 5


@pytest.mark.parametrize("by", FILTERS)
def test_a_strength_halves_a_wave_of_its_own_length(by: str) -> None:
    frames = np.arange(400)
    for strength in (0.4, 0.7, 1.0):
        for faster, least, most in ((0.4, 0.75, 1), (1, 0.3, 0.7), (2, 0, 0.45)):
            wave = track(0.5 + 0.002 * np.sin(faster * frames / (2 * strength)))
            calm = smooth(wave, strength=strength, by=by).points
            share = np.std(calm[100:300, 0, 0]) / np.std(wave.points[100:300, 0, 0])
            assert least <= share <= most, (by, strength, faster)


@pytest.mark.parametrize("by", FILTERS)
def test_a_point_that_stands_still_stays_where_it_is(by: str) -> None:
    still = track(np.full(30, 0.3), 0.7)
    np.testing.assert_allclose(smooth(still, strength=1, by=by).points, still.points, atol=1e-6)


@pytest.mark.parametrize("by", FILTERS)
def test_what_is_absent_stays_absent_and_nothing_reaches_across_it(by: str) -> None:
    points = shaken(track(np.linspace(0, 1, 20)), by=0.02).points
    points[8:12] = 0
    first = smooth(Pose(points), strength=1.0, by=by).points
    assert not first[8:12].any()
    points[12:, 0, 1] = 0.9
    second = smooth(Pose(points), strength=1.0, by=by).points
    np.testing.assert_array_equal(first[:8], second[:8])
    np.testing.assert_allclose(second[12:, 0, 1], 0.9, atol=1e-4)


@pytest.mark.parametrize("by", FILTERS)
@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_runs_of_fewer_than_five_frames_stay_as_they_are(by: str, length: int) -> None:
    pose = shaken(track(np.linspace(0, 1, length)), by=0.1)
    np.testing.assert_allclose(smooth(pose, strength=1, by=by).points, pose.points, atol=1e-7)


@pytest.mark.parametrize("length", [5, 6, 7, 40])
@pytest.mark.parametrize("half", [2, 5, 8])
def test_a_cubic_goes_through_savitzky_and_golay_s_polynomials_unchanged(length: int, half: int) -> None:
    frames = np.arange(length) / length
    cubic = np.stack([1 - 2 * frames + 5 * frames**2 - 3 * frames**3, frames**3], -1)
    np.testing.assert_allclose(savitzky_golay(cubic, half=half), cubic, atol=1e-12)


def test_a_cubic_motion_is_not_changed_by_the_usual_filter() -> None:
    frames = np.linspace(0, 1, 50)
    pose = track(4 * frames * (1 - frames) * (0.5 - frames) + 0.5, frames**3)
    np.testing.assert_allclose(smooth(pose, strength=0.8).points, pose.points, atol=1e-6)


def test_a_spline_holds_the_first_and_the_last_place() -> None:
    rough = shaken(track(np.linspace(0, 1, 60)), by=0.02)
    calm = smooth(rough, strength=1.0, by="spline").points
    np.testing.assert_allclose(calm[[0, -1], 0], rough.points[[0, -1], 0], atol=1e-3)


@pytest.mark.parametrize("speed", [0.001, 0.01, 0.05, 0.2])
def test_a_one_euro_filter_lags_an_even_speed_by_what_its_cut_off_says(speed: float) -> None:
    least, beta = 0.05, 6.0
    places = np.zeros((2000, 1, 2))
    places[:, 0] = np.arange(2000)[:, None] * [speed * 0.6, speed * 0.8]
    calm = one_euro(places, np.ones((2000, 1), bool), min_cutoff=least, beta=beta)
    behind = np.linalg.norm(places[-1, 0] - calm[-1, 0])
    # In the end each step of the filter is the point's own, and the step it sees is speed + behind.
    lag = lambda cut: speed / (2 * pi * cut)  # noqa: E731
    cut = brentq(lambda cut: least + beta * (speed + lag(cut)) - cut, least, least + 100 * beta)
    assert behind == pytest.approx(lag(cut), rel=1e-6)


def test_the_cut_off_of_a_one_euro_filter_rises_with_speed() -> None:
    frames = np.arange(300)
    seen = np.ones((300, 1), bool)
    share = []
    for speed in (0, 0.02, 0.1):
        x = speed * frames + 0.001 * np.sin(frames)
        places = np.stack([x, 0 * x], -1)[:, None]
        calm = one_euro(places, seen, min_cutoff=cutoff(1.0), beta=14.0)[200:, 0, 0]
        left = calm - np.polyval(np.polyfit(frames[200:], calm, 1), frames[200:])
        share.append(np.std(left) / 0.001)
    assert share == sorted(share)
    assert share[-1] > 1.5 * share[0]


def test_both_ways_of_a_one_euro_filter_leave_no_lag() -> None:
    ramp = track(np.linspace(0, 1, 200))
    calm = smooth(ramp, strength=1, by="one-euro").points[50:-50]
    np.testing.assert_allclose(calm, ramp.points[50:-50], atol=1e-4)


def test_a_turned_track_is_smoothed_to_the_turned_result() -> None:
    rough = shaken(track(np.linspace(0.2, 0.8, 40)), by=0.01)
    turned = replace(rough, points=rough.points[..., [1, 0, 2]])
    for by in FILTERS:
        first = smooth(rough, strength=0.5, by=by).points[..., [1, 0, 2]]
        np.testing.assert_allclose(smooth(turned, strength=0.5, by=by).points, first, atol=1e-6)


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan")])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(RequestError, match="outside 0 to 1"):
        smooth(track(np.zeros(5)), strength=strength)
