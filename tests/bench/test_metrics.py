"""Distances between pictures against figures worked out by hand, and joints sought in pictures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from videogen.bench.frames import to_frames
from videogen.bench.metrics import joint_errors, pck, psnr, psnr_where, ssim, ssim_where
from videogen.world.clips import Clips, render_clips


def noise(*shape: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def flat(level: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.full((2, 16, 16, 3), level, np.uint8)


@pytest.fixture(scope="module")
def people() -> Clips:
    return render_clips("person", torch.arange(4), size=64, num_frames=3, fps=8)


def test_psnr_of_a_pair_known_by_hand() -> None:
    frames = flat(100)
    frames[0, 0, 0, 0] = 110  # one error of 10 among 2 * 16 * 16 * 3 values
    assert psnr(frames, flat(100)) == pytest.approx(10 * math.log10(255**2 * 1536 / 100))


def test_psnr_does_not_wrap_around_where_the_frame_is_darker_than_the_truth() -> None:
    # As uint8, 0 - 255 is 1, which would pass for 48 dB.
    assert psnr(flat(0), flat(255)) == pytest.approx(0)
    assert psnr(flat(90), flat(100)) == psnr(flat(100), flat(90)) == pytest.approx(28.1308, abs=1e-4)


def test_psnr_of_equal_frames_is_infinite() -> None:
    assert psnr(noise(2, 8, 8, 3), noise(2, 8, 8, 3)) == math.inf


def test_ssim_is_one_for_equal_frames_and_low_for_unrelated_ones() -> None:
    frames = noise(2, 32, 32, 3)
    assert ssim(frames, frames) == pytest.approx(1)
    assert ssim(frames, frames[::-1]) < 0.1


def test_figures_of_a_region_look_at_nothing_else() -> None:
    truth = noise(2, 32, 32, 3)
    frames, where = truth.copy(), np.zeros((2, 32, 32), bool)
    frames[:, :, 16:] = noise(2, 32, 16, 3)[:, ::-1]
    where[:, :, :12] = True  # the 7x7 pixels around these are all right
    assert psnr_where(frames, truth, where) == math.inf
    assert ssim_where(frames, truth, where) == pytest.approx(1)
    where = ~where
    assert psnr_where(frames, truth, where) < psnr(frames, truth)
    assert ssim_where(frames, truth, where) < ssim(frames, truth)
    everywhere, nowhere = np.ones((2, 32, 32), bool), np.zeros((2, 32, 32), bool)
    assert psnr_where(frames, truth, everywhere) == pytest.approx(psnr(frames, truth))
    assert math.isnan(psnr_where(frames, truth, nowhere))
    assert math.isnan(ssim_where(frames, truth, nowhere))


def test_ssim_needs_as_many_frames_on_both_sides() -> None:
    with pytest.raises(ValueError, match="zip"):
        ssim(noise(2, 16, 16, 3), noise(3, 16, 16, 3))


def test_joints_of_a_clip_are_where_they_are(people: Clips) -> None:
    frames, points = to_frames(people.video[0]), people.points[0, :, :18].numpy()
    errors = joint_errors(frames, frames, points)
    assert np.isfinite(errors).mean() > 0.8
    assert np.nanmax(errors) == 0


@pytest.mark.parametrize(("down", "right"), [(3, 0), (0, -4), (-5, 6)])
def test_joints_of_a_shifted_clip_are_off_by_the_shift(people: Clips, down: int, right: int) -> None:
    truth, points = to_frames(people.video[1]), people.points[1, :, :18].numpy()
    errors = joint_errors(np.roll(truth, (down, right), (1, 2)), truth, points)
    right_ones = np.isclose(errors[np.isfinite(errors)], math.hypot(down, right) / 64)
    assert right_ones.mean() > 0.9


def test_distances_are_fractions_of_the_height_also_in_a_wide_picture() -> None:
    truth = noise(1, 64, 128, 3)
    errors = joint_errors(np.roll(truth, 6, 2), truth, np.array([[[0.5, 0.5, 1]]], np.float32))
    assert errors.tolist() == [[6 / 64]]


def test_joints_of_a_figure_in_another_pose_are_far_off(people: Clips) -> None:
    correct = []
    for video, still, points in zip(people.video, people.reference, people.points, strict=True):
        truth = to_frames(video)
        repeated = np.repeat(to_frames(still[:, None]), len(truth), 0)
        correct.append(pck(joint_errors(repeated, truth, points[:, :18].numpy()), threshold=0.05))
    assert np.mean(correct) < 0.75


def test_joints_that_are_absent_or_at_the_edge_are_not_counted() -> None:
    points = np.array([[[0.5, 0.5, 0], [0.01, 0.5, 1], [0.5, 0.99, 1], [0.5, 0.5, 1]]], np.float32)
    errors = joint_errors(noise(1, 64, 64, 3), noise(1, 64, 64, 3), points)
    np.testing.assert_array_equal(np.isnan(errors), [[True, True, True, False]])


def test_correct_keypoints_are_those_up_to_the_threshold() -> None:
    errors = np.array([[0.0, 0.05, 0.1, 0.11, np.nan]])
    assert pck(errors, threshold=0.1) == 0.75
    assert math.isnan(pck(np.full((2, 3), np.nan), threshold=0.1))
