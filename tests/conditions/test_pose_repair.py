from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from videogen.conditions.pose_repair import fill_gaps, resample
from videogen.errors import RequestError
from videogen.skeleton import KEYPOINTS
from videogen.types import Pose


def ramp(length: int, *, fps: int = 10) -> Pose:
    """One point that goes from left to right at an even pace."""
    points = np.zeros((length, KEYPOINTS, 3), dtype=np.float32)
    points[:, 0] = np.stack([np.linspace(0, 1, length), np.full(length, 0.5), np.ones(length)], -1)
    return Pose(points, fps=Fraction(fps), aspect=1.0)


def test_short_gaps_are_bridged_and_long_ones_stay_open() -> None:
    pose = ramp(30)
    broken = pose.points.copy()
    broken[4:7, 0] = 0
    broken[10:20, 0] = 0
    broken[:2, 0] = 0
    whole = fill_gaps(replace(pose, points=broken), longest=6).points
    np.testing.assert_allclose(whole[4:7, 0], pose.points[4:7, 0], atol=1e-6)
    assert not whole[10:20, 0].any()
    assert not whole[:2, 0].any()


@pytest.mark.parametrize("rate", [Fraction(5), Fraction(25), Fraction(30000, 1001), Fraction(10)])
def test_another_rate_shows_the_same_motion_in_the_same_time(rate: Fraction) -> None:
    pose = ramp(40)
    other = resample(pose, rate)
    assert other.fps == rate
    assert abs(len(other.points) / rate - 4) <= 1 / rate
    seconds = np.arange(len(other.points)) / float(rate)
    np.testing.assert_allclose(other.points[:, 0, 0], (seconds * 10 / 39).clip(0, 1), atol=1e-4)


def test_resampling_keeps_gaps_open() -> None:
    pose = ramp(10)
    broken = pose.points.copy()
    broken[4:7, 0] = 0
    other = resample(replace(pose, points=broken), Fraction(20)).points
    absent = np.flatnonzero(other[:, 0, 2] == 0)
    np.testing.assert_array_equal(absent, np.arange(7, 13) + (absent[0] - 7))
    assert (other[absent, 0] == 0).all()


def test_a_pose_without_a_rate_cannot_be_resampled() -> None:
    with pytest.raises(RequestError, match="frame rate"):
        resample(replace(ramp(5), fps=None), Fraction(8))
    with pytest.raises(RequestError, match="impossible"):
        resample(ramp(5), Fraction(0))
