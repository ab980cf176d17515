"""The driving pose at the clip's rate, cut where it is asked for."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from videogen.conditions.pose import read_pose, write_pose
from videogen.errors import MediaError, RequestError
from videogen.jobs.driving import LONGEST, driving_rate, read_driving, read_portrait

PHOTO, POSE = Path("photo.png"), Path("pose.json")
pytestmark = pytest.mark.usefixtures("portrait_folder")


@pytest.mark.parametrize("rate", [Fraction(8), Fraction(5), Fraction(30000, 1001)])
@pytest.mark.parametrize("smoothing", [0.0, 0.7])
@pytest.mark.parametrize("seconds", [0.1, 0.55, 0.9])
def test_a_cut_pose_is_the_beginning_of_the_whole_one(
    rate: Fraction, smoothing: float, seconds: float
) -> None:
    whole = read_driving(POSE, rate=rate, smoothing=smoothing, seconds=None)
    cut = read_driving(POSE, rate=rate, smoothing=smoothing, seconds=seconds)
    assert len(cut.points) == max(1, round(Fraction(seconds) * rate))
    assert cut.fps == whole.fps == rate
    np.testing.assert_allclose(cut.points, whole.points[: len(cut.points)], atol=1e-6)


def test_the_whole_second_is_kept_at_every_rate() -> None:
    for rate in (4, 8, 12, 60):
        pose = read_driving(POSE, rate=Fraction(rate), smoothing=0, seconds=1)
        assert len(pose.points) == rate


def test_gaps_are_filled() -> None:
    pose = read_pose(POSE)
    points = pose.points.copy()
    points[3] = 0
    write_pose(POSE, replace(pose, points=points), width=333, height=251)
    filled = read_driving(POSE, rate=Fraction(8), smoothing=0, seconds=None).points
    np.testing.assert_allclose(filled[3], (filled[2] + filled[4]) / 2, atol=1e-4)


def test_the_rate_is_what_the_pose_says() -> None:
    assert driving_rate(POSE) == 8
    write_pose(POSE, replace(read_pose(POSE), fps=None), width=333, height=251)
    assert driving_rate(POSE) is None


def test_a_clip_longer_than_the_longest_is_refused_with_what_would_do() -> None:
    write_pose(POSE, replace(read_pose(POSE), fps=Fraction(1, 250)), width=333, height=251)
    with pytest.raises(RequestError, match=rf"at most {LONGEST}; give --seconds 1800 or less"):
        read_driving(POSE, rate=Fraction(8), smoothing=0, seconds=None)
    assert len(read_driving(POSE, rate=Fraction(8), smoothing=0, seconds=2).points) == 16


def test_the_portrait_s_keypoints_lie_beside_it_unless_named() -> None:
    frame, points = read_portrait(PHOTO, None)
    assert frame.shape == (251, 333, 3)
    np.testing.assert_allclose(points, read_pose(POSE).points[0], atol=1e-3)
    PHOTO.with_suffix(".json").rename("elsewhere.json")
    np.testing.assert_array_equal(read_portrait(PHOTO, Path("elsewhere.json"))[1], points)


def test_keypoints_whose_first_frame_shows_nobody_are_refused() -> None:
    pose = read_pose(POSE)
    points = pose.points.copy()
    points[0] = 0
    write_pose("photo.json", replace(pose, points=points), width=333, height=251)
    with pytest.raises(RequestError, match="shows nobody"):
        read_portrait(PHOTO, None)


def test_a_name_that_the_system_does_not_allow_is_no_file() -> None:
    for path in (Path("x" * 5000), Path("x" * 5000 + ".json")):
        with pytest.raises(MediaError, match="File name too long"):
            driving_rate(path)
        with pytest.raises(MediaError, match="File name too long"):
            read_portrait(PHOTO, path)
