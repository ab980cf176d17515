"""A clip carried on is what the clip really was later, as far as that could be known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.moving import Frames, ground, psnr, square_over
from videogen.conditions.onward import Onward

HEIGHT, WIDTH, SIDE, SEEN, STEPS, FPS = 96, 128, 20, 10, 6, 10.0
BACK = ground(HEIGHT, WIDTH)


def onward(frames: Frames, *, steps: int = STEPS, fps: float = FPS) -> Onward:
    """Frames carried on, half as large on the network's grid."""
    pictures = torch.from_numpy(frames.copy()).permute(0, 3, 1, 2).float() / 127.5 - 1
    small = F.interpolate(pictures, scale_factor=0.5, mode="bicubic", antialias=True).clamp(-1, 1)
    return Onward.of(small, frames, steps=steps, fps=fps)


def shown(clip: Onward, step: int) -> tuple[np.ndarray, np.ndarray]:
    picture, seen = clip.full(step)
    return ((picture.permute(1, 2, 0) + 1) * 127.5).numpy(), seen.numpy()


def test_a_thing_that_goes_by_is_where_it_later_was() -> None:
    true = square_over(BACK, length=SEEN + STEPS, at=(20, 48), by=(5, 0), side=SIDE)
    clip = onward(true[:SEEN])
    for step in range(STEPS):
        picture, seen = shown(clip, step)
        assert psnr(picture, true[SEEN + step], seen > 0.9) > 28
        assert (seen > 0.9).mean() > 0.9


def test_the_small_pictures_are_the_full_ones_made_small() -> None:
    clip = onward(square_over(BACK, length=SEEN, at=(20, 48), by=(5, 0), side=SIDE))
    pictures, seen = clip.at_small(range(1, 4))
    assert pictures.shape == (3, 3, HEIGHT // 2, WIDTH // 2)
    assert seen.shape == (3, HEIGHT // 2, WIDTH // 2)
    large, _ = clip.full(2)
    small = F.interpolate(large[None], scale_factor=0.5, mode="bicubic", antialias=True)[0]
    sure = seen[1] > 0.95
    assert (pictures[1] - small).abs()[:, sure].mean() < 0.03


def test_what_is_uncovered_is_filled_and_known_less_surely() -> None:
    clip = onward(square_over(BACK, length=6, at=(40, 48), by=(4, 0), side=40), steps=8)
    _, seen = clip.at_small(range(7, 8))
    assert (seen[0][15:33, 21:29] < 0.9).all(), "the ground that the square hid all along"
    assert seen.min() > 0.5
    assert clip.full(7)[1].min() > 0.5


def test_what_is_too_large_to_fill_is_unseen_and_told_as_grey(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videogen.conditions.moving_things._LARGEST_HOLE", 0.005)
    clip = onward(square_over(BACK, length=6, at=(40, 48), by=(4, 0), side=40), steps=8)
    pictures, seen = clip.at_small(range(7, 8))
    hidden = seen[0] < 0.01
    assert hidden[15:33, 21:29].all(), "the ground that the square hid all along"
    assert pictures[0][:, hidden].abs().max() < 0.01
    rows, columns = torch.nonzero(hidden, as_tuple=True)
    assert 8 <= rows.min() <= rows.max() < 40
    assert 14 <= columns.min() <= columns.max() < 36


def test_other_motion_goes_back_as_it_came() -> None:
    frames = np.stack([BACK] * SEEN).copy()
    blobs = np.random.default_rng(1).integers(0, 255, (SEEN, 6, 5, 3), dtype=np.uint8)
    for frame, blob in zip(frames, blobs, strict=True):
        frame[24:72, 44:84] = np.kron(blob, np.ones((8, 8, 1), np.uint8))
    clip = onward(frames, steps=3 * SEEN)
    assert clip.parted.wild.any()
    middle = np.s_[32:64, 52:76]
    for step, before in ((0, 1), (3, 4), (SEEN - 2, SEEN - 1), (SEEN - 1, SEEN - 2), (2 * SEEN - 3, 0)):
        picture, seen = shown(clip, step)
        assert psnr(picture[middle], frames[SEEN - 1 - before][middle]) > 30, step
        assert seen[middle].min() > 0.9


def test_a_camera_that_pans_goes_on_and_what_comes_into_view_is_guessed() -> None:
    wide = ground(HEIGHT, WIDTH + 80)
    true = np.stack([wide[:, 3 * number : 3 * number + WIDTH] for number in range(SEEN + 3)])
    clip = onward(true[:SEEN], steps=3)
    picture, seen = shown(clip, 1)
    assert (seen[:, -3:] < 0.9).all()
    assert (seen[:, -3:] > 0.3).all()
    assert (np.diff(seen[:, -4:], axis=1) <= 0).all(), "less surely farther out"
    assert (seen[:, : WIDTH - 12] > 0.9).all()
    repeated = np.repeat(picture[:, -7:-6], 6, axis=1)
    assert psnr(picture[:, -6:], true[SEEN + 1][:, -6:]) > psnr(repeated, true[SEEN + 1][:, -6:])
    assert psnr(picture, true[SEEN + 1], seen > 0.9) > 28


def test_one_frame_alone_stays_as_it_is() -> None:
    clip = onward(BACK[None], steps=20)
    for step in (0, 19):
        picture, seen = shown(clip, step)
        np.testing.assert_allclose(picture, BACK, atol=0.01)
        assert seen.min() == 1


def test_paths_are_trusted_less_the_further_they_go() -> None:
    clip = onward(square_over(BACK, length=SEEN, at=(40, 48), by=(0.0, 0), side=SIDE), steps=60)
    assert clip.full(59)[1].min() == 1, "what rests is sure"
    moving = onward(square_over(BACK, length=SEEN, at=(12, 48), by=(2, 0), side=SIDE), steps=45)
    ends = moving.paths[0][-1]
    row, column = int(ends[1] * HEIGHT), int(ends[0] * WIDTH)
    assert 0 <= column < WIDTH
    assert moving.full(44)[1][row, column] < 0.01
