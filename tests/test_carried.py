"""A picture moved by a pose: what the network is told, and what its frames are sharpened with."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from videogen.carried import CarriedPicture
from videogen.types import Pose

HEIGHT, WIDTH = 251, 333


@pytest.fixture(scope="module")
def photo() -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.fixture
def carry(photo: np.ndarray[Any, Any], head_moves: np.ndarray[Any, Any], fake_engine: Any) -> Any:
    def make(size: tuple[int, int] = (HEIGHT, WIDTH)) -> CarriedPicture:
        driving = Pose(head_moves, fps=Fraction(8), aspect=WIDTH / HEIGHT)
        return CarriedPicture.make(photo, head_moves[0], driving, size=size, spec=fake_engine.spec)

    return make


def test_everything_lies_on_the_network_s_grid(carry: Any) -> None:
    carried = carry()
    assert carried.num_frames == 8
    assert (carried.canvas.height, carried.canvas.width) == (32, 48)
    assert carried.reference.shape == (1, 3, 32, 48)
    assert carried.frames.shape == (8, 3, 32, 48)
    assert carried.visibility.shape == (1, 1, 8, 8, 12)
    assert carried.pose_maps.shape == (1, 3, 8, 32, 48)
    assert 0 <= carried.visibility.min() <= carried.visibility.max() <= 1
    assert carried.pose_maps.amax((0, 1, 3, 4)).min() > 0.5, "a skeleton is drawn in every frame"


def test_a_picture_in_its_own_pose_is_carried_nowhere(carry: Any) -> None:
    carried = carry()
    seen = carried.visibility[0, 0, 0].repeat_interleave(4, 0).repeat_interleave(4, 1) > 0.99
    assert seen.float().mean() > 0.9
    difference = (carried.frames[0] - carried.reference[0]).abs().amax(0)
    assert difference[seen].max() < 0.02


def test_later_frames_move(carry: Any) -> None:
    frames = carry().frames
    assert (frames[-1] - frames[0]).abs().mean() > 0.02


def test_the_first_frame_is_the_photograph_whatever_the_network_drew(
    carry: Any, photo: np.ndarray[Any, Any]
) -> None:
    frame = carry().sharpen(0, torch.full((3, 32, 48), -1.0))
    assert frame.shape == photo.shape
    assert frame.dtype == np.uint8
    close = np.abs(frame.astype(int) - photo).max(-1) <= 1
    assert close.mean() > 0.9


def test_what_is_hidden_is_as_the_network_drew_it(carry: Any) -> None:
    carried = carry()
    dark, bright = (carried.sharpen(7, torch.full((3, 32, 48), level)).astype(int) for level in (-0.8, 0.8))
    changed = (bright - dark).max(-1) > 10
    assert 0.002 < changed.mean() < 0.3


def test_what_the_network_drew_beyond_the_picture_is_cropped_away(carry: Any) -> None:
    carried = carry()
    drawn = torch.full((3, 32, 48), -0.8)
    plain = carried.sharpen(7, drawn)
    drawn[:, :, carried.canvas.columns :] = 1
    np.testing.assert_array_equal(carried.sharpen(7, drawn), plain)


def test_a_smaller_output_has_its_own_size_and_the_same_proportions(carry: Any) -> None:
    carried = carry((126, 167))
    assert (carried.canvas.height, carried.canvas.width) == (32, 48)
    assert carried.sharpen(0, torch.zeros(3, 32, 48)).shape == (126, 167, 3)


def test_frames_can_be_asked_for_in_any_order(carry: Any) -> None:
    carried, drawn = carry(), torch.zeros(3, 32, 48)
    late = carried.sharpen(5, drawn)
    carried.sharpen(2, drawn)
    np.testing.assert_array_equal(carried.sharpen(5, drawn), late)


def test_what_cannot_be_seen_is_grey_for_the_network(carry: Any) -> None:
    grey = (carry().frames == 0).all(1).flatten(1).float().mean(1)
    assert grey[0] < 0.01
    assert 0.002 < grey[-1] < 0.3


def test_a_long_clip_is_carried_a_few_frames_at_a_time_and_the_same(
    carry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = carry()
    monkeypatch.setattr("videogen.carried._FRAMES_AT_ONCE", 3)
    pieces = carry()
    for name in ("frames", "visibility", "pose_maps"):
        torch.testing.assert_close(getattr(pieces, name), getattr(whole, name))
