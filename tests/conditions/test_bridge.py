"""Between two clips: it begins like the one, ends like the other, and nothing is seen through anything."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.moving import RED, Frames, ground, psnr, red_places, square_over
from videogen.conditions.bridge import Bridge, _turning
from videogen.conditions.onward import Onward

HEIGHT, WIDTH, SIDE, SEEN, STEPS, FPS = 96, 128, 20, 10, 8, 10.0


def carried(frames: Frames, *, steps: int = STEPS) -> Onward:
    pictures = torch.from_numpy(frames.copy()).permute(0, 3, 1, 2).float() / 127.5 - 1
    small = F.interpolate(pictures, scale_factor=0.5, mode="bicubic", antialias=True).clamp(-1, 1)
    return Onward.of(small, frames, steps=steps, fps=FPS)


def between(first: Frames, second: Frames, *, steps: int = STEPS, seed: int = 0) -> Bridge:
    backwards = np.ascontiguousarray(second[::-1])
    return Bridge.of(carried(first, steps=steps), carried(backwards, steps=steps), seed=seed)


def shown(bridge: Bridge, step: int) -> tuple[np.ndarray, np.ndarray]:
    picture, seen = bridge.full(step)
    return ((picture.permute(1, 2, 0) + 1) * 127.5).numpy(), seen.numpy()


def test_it_begins_like_the_first_and_ends_like_the_second() -> None:
    first, second = (np.stack([ground(HEIGHT, WIDTH, seed=seed)] * SEEN) for seed in (0, 1))
    bridge = between(first, second, steps=30)
    assert bridge.steps == 30
    begins, ends = shown(bridge, 0), shown(bridge, 29)
    assert psnr(begins[0], first[0], begins[1] > 0.9) > 30
    assert psnr(ends[0], second[0], ends[1] > 0.9) > 30
    assert min((begins[1] > 0.9).mean(), (ends[1] > 0.9).mean()) > 0.8


def test_away_from_the_front_every_pixel_is_of_one_picture() -> None:
    first, second = (np.stack([ground(HEIGHT, WIDTH, seed=seed)] * SEEN) for seed in (0, 1))
    bridge = between(first, second)
    for step in range(STEPS):
        picture, seen = shown(bridge, step)
        nearer = np.minimum(*(np.abs(picture - each[0]).max(-1) for each in (first, second)))
        different = np.abs(first[0].astype(int) - second[0]).mean(-1) > 64
        assert np.quantile(nearer[different & (seen > 0.9)], 0.99) < 12
    unsure = np.mean([shown(bridge, step)[1] < 0.5 for step in range(STEPS)])
    assert 0 < unsure < 0.35, "the front is a band"


def test_alike_clips_are_sure_everywhere() -> None:
    still = np.stack([ground(HEIGHT, WIDTH)] * SEEN)
    bridge = between(still, still)
    for step in range(STEPS):
        picture, seen = shown(bridge, step)
        assert psnr(picture, still[0]) > 40
        assert seen.min() > 0.99


def test_a_thing_in_both_goes_along_one_path_and_is_never_there_twice() -> None:
    back = ground(HEIGHT, WIDTH)
    first = square_over(back, length=SEEN, at=(14, 48), by=(3, 0), side=SIDE)
    second = square_over(back, length=SEEN, at=(80, 48), by=(3, 0), side=SIDE)
    bridge = between(first, second)
    frames = np.stack([shown(bridge, step)[0] for step in range(STEPS)])
    places = red_places(frames)
    assert (np.diff([red_places(first)[-1, 0], *places[:, 0], red_places(second)[0, 0]]) > 1).all()
    assert np.abs(places[:, 1] - 47.5).max() < 2
    for frame in frames:
        red = (frame[..., 0] - frame[..., 1] > 100) & (frame[..., 0] - frame[..., 2] > 100)
        columns = np.flatnonzero(red.any(0))
        assert columns[-1] - columns[0] < 1.4 * SIDE
        assert 0.6 < red.sum() / SIDE**2 < 1.4


def bars(length: int, *, at: Callable[[float], tuple[float, float, float, float, float]]) -> Frames:
    """A red bar where `at` says for each moment: x, y, half its width, half its height, angle."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    frames = np.stack([ground(HEIGHT, WIDTH)] * length)
    for number, frame in enumerate(frames):
        x, y, wide, tall, angle = at(number)
        across, along = columns - x, rows - y
        u = np.cos(angle) * across + np.sin(angle) * along
        v = np.cos(angle) * along - np.sin(angle) * across
        frame[(np.abs(u) < wide) & (np.abs(v) < tall)] = RED
    return frames


def overlap(made: Frames, true: Frames) -> float:
    """How far what is red in the one is red in the other, 0…1, in the mean over frames."""
    one, two = ((each[..., 0] - each[..., 1] > 100) for each in (made.astype(int), true.astype(int)))
    return float(np.mean((one & two).sum((1, 2)) / (one | two).sum((1, 2))))


@pytest.mark.parametrize(
    ("motion", "least"),
    [
        (lambda t: (64, 48, 9 * 1.07**t, 9 * 1.07**t, 0.0), 0.85),  # grows to three times its area
        (lambda t: (64, 48, 22.0, 11.0, np.radians(12) * t), 0.75),
        (lambda t: (64 + 32 * np.cos(0.2 * t), 48 + 32 * np.sin(0.2 * t), 10.0, 10.0, 0.0), 0.75),
    ],
    ids=["grows", "turns", "goes round"],
)
def test_a_thing_does_between_what_it_does_at_both_ends(
    motion: Callable[[float], tuple[float, float, float, float, float]], least: float
) -> None:
    seen = 6
    true = bars(2 * seen + STEPS, at=motion)
    bridge = between(true[:seen], true[-seen:])
    made = np.stack([shown(bridge, step)[0] for step in range(STEPS)])
    missing = true[seen:-seen]
    assert overlap(made, missing) > least
    assert overlap(np.repeat(true[seen - 1 : seen], STEPS, 0), missing) < least - 0.1, "it does move"


def test_a_thing_that_turns_one_way_and_then_the_other_is_not_turned() -> None:
    assert _turning(0.2, -0.2) == 0
    assert _turning(0.2, 0.02) == 0
    assert _turning(-0.2, -0.3) == pytest.approx(-0.25)


def test_the_small_pictures_are_grey_where_nothing_is_told() -> None:
    first, second = (np.stack([ground(HEIGHT, WIDTH, seed=seed)] * SEEN) for seed in (0, 1))
    bridge = between(first, second)
    pictures, seen = bridge.at_small(range(2, 6))
    assert pictures.shape == (4, 3, HEIGHT // 2, WIDTH // 2)
    assert pictures.abs().amax(1)[seen < 0.02].max() < 0.05
    all_small, _ = bridge.at_small(range(STEPS))
    torch.testing.assert_close(all_small[2:6], pictures)


def test_a_seed_bends_the_front_and_the_same_one_gives_the_same() -> None:
    first, second = (np.stack([ground(HEIGHT, WIDTH, seed=seed)] * 2) for seed in (0, 1))
    one, same, other = (between(first, second, seed=seed).order for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.min() == 0
    assert one.max() == 1


def test_ground_that_one_clip_hides_all_along_is_known_from_the_other() -> None:
    back = ground(HEIGHT, WIDTH)
    slow = {"length": 4, "by": (0.0, -1.5), "side": SIDE}
    first, second = square_over(back, at=(40, 70), **slow), square_over(back, at=(40, 52), **slow)
    bridge = between(first, second)
    picture, seen = shown(bridge, STEPS // 2)
    below = np.s_[70:75, 34:46]  # hidden in the first clip from its beginning to its end
    assert seen[below].min() > 0.79
    assert psnr(picture[below], back[below]) > 30
    truth = square_over(back, length=13, at=(40, 70), by=(0.0, -1.5), side=SIDE)[4 + STEPS // 2]
    assert psnr(picture, truth, seen > 0.9) > 25


def test_another_place_lends_no_ground() -> None:
    first, second = (
        square_over(ground(HEIGHT, WIDTH, seed=seed), length=4, at=(40, 60), by=(0.0, -1.5), side=SIDE)
        for seed in (0, 1)
    )
    alone, other = carried(first), carried(np.ascontiguousarray(second[::-1]))
    np.testing.assert_array_equal(alone.beside(other).parted.known, alone.parted.known)
    torch.testing.assert_close(alone.beside(other).behind, alone.behind)
