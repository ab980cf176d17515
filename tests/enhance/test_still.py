"""A still background is kept, what moves over it stays, and a camera that moves is left alone."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from videogen.enhance.still import StillBackground, keep_background
from videogen.errors import RequestError

SIZES = [(120, 160), (121, 157), (65, 64)]
SIDE = 24
COLOUR = (230, 40, 40)


def texture(height: int, width: int, *, seed: int = 0) -> NDArray[np.float64]:
    """A picture with edges of many sizes, 0…255."""
    rough = np.random.default_rng(seed).uniform(0, 255, (height, width, 3))
    coarse = ndimage.gaussian_filter(rough, (6, 6, 0))
    fine = ndimage.gaussian_filter(rough, (1, 1, 0))
    mixed = 6 * (coarse - coarse.mean()) + fine
    return np.clip(mixed, 20, 235)


def square_at(number: int, height: int, width: int) -> tuple[slice, slice]:
    left, top = (number * 5) % (width - SIDE), (number * 3) % (height - SIDE)
    return slice(top, top + SIDE), slice(left, left + SIDE)


def shot(
    background: NDArray[np.float64], numbers: range, *, noise: float, pan: int = 0, seed: int = 1
) -> Iterator[NDArray[np.uint8]]:
    """What a camera sees of a square that moves over a background, which slides by `pan` pixels a frame."""
    random = np.random.default_rng(seed)
    for number in numbers:
        frame = np.roll(background, pan * number, axis=1)
        frame[square_at(number, *background.shape[:2])] = COLOUR
        yield np.rint(frame + random.normal(0, noise, frame.shape)).clip(0, 255).astype(np.uint8)


def generated(
    background: NDArray[np.float64], numbers: range, *, drift: float = 6.0, seed: int = 2
) -> list[NDArray[np.uint8]]:
    """New frames as a network makes them: soft, flickering, drifting in colour; and the square."""
    random = np.random.default_rng(seed)
    made = []
    for step, number in enumerate(numbers):
        frame = ndimage.gaussian_filter(background, (1, 1, 0)) + drift * step / len(numbers)
        frame += ndimage.gaussian_filter(random.normal(0, 1, frame.shape), (3, 3, 0)) * 20
        frame[square_at(number, *background.shape[:2])] = COLOUR
        made.append(np.rint(frame).clip(0, 255).astype(np.uint8))
    return made


def away(number: int, height: int, width: int, *, by: int) -> NDArray[np.bool_]:
    """Where the square is not, nor near."""
    there = np.zeros((height, width), bool)
    there[square_at(number, height, width)] = True
    return ~ndimage.binary_dilation(there, iterations=by)


def psnr(frame: NDArray[Any], truth: NDArray[Any], where: NDArray[np.bool_]) -> float:
    return float(10 * np.log10(255**2 / np.mean((frame[where].astype(float) - truth[where]) ** 2)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("noise", [0.0, 1.5, 4.0])
def test_the_background_comes_back_sharp_and_steady_and_the_square_stays(
    size: tuple[int, int], noise: float
) -> None:
    background, numbers = texture(*size), range(40, 60)
    new = generated(background, numbers)
    kept = list(keep_background(new, shot(background, range(40), noise=noise)))
    before, after, flicker, steady = [], [], [], []
    for index, number in enumerate(numbers):
        where = away(number, *size, by=10)
        before.append(psnr(new[index], background, where))
        after.append(psnr(kept[index], background, where))
        inside = square_at(number, *size)
        np.testing.assert_array_equal(kept[index][inside], new[index][inside])
        if index:
            both = where & away(number - 1, *size, by=10)
            flicker.append(np.abs(new[index][both].astype(float) - new[index - 1][both]).mean())
            steady.append(np.abs(kept[index][both].astype(float) - kept[index - 1][both]).mean())
    assert np.mean(after) > np.mean(before) + 8, f"{np.mean(before):.1f} {np.mean(after):.1f} dB"
    assert np.mean(steady) < 0.3 * np.mean(flicker), f"{np.mean(flicker):.2f} {np.mean(steady):.2f}"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("noise", [0.0, 4.0])
def test_where_the_camera_moves_nothing_is_changed(size: tuple[int, int], noise: float) -> None:
    background = texture(*size)
    found = StillBackground.find(shot(background, range(40), noise=noise, pan=3))
    assert not found.is_there
    new = generated(background, range(40, 43))
    for frame in new:
        np.testing.assert_array_equal(found.keep(frame), frame)


def test_confidence_is_high_where_it_was_seen_and_low_where_something_never_stops() -> None:
    background = texture(120, 160)
    frames = list(shot(background, range(40), noise=1.5))
    random = np.random.default_rng(5)
    for frame in frames:
        frame[:30, :30] = random.integers(0, 256, (30, 30, 3))
    found = StillBackground.find(frames)
    assert found.confidence[:30, :30].mean() < 0.05
    assert found.confidence[40:, 40:].mean() > 0.9
    assert 1 < found.noise < 4
    new = generated(background, range(40, 41))[0]
    np.testing.assert_array_equal(found.keep(new)[2:28, 2:28], new[2:28, 2:28])


def test_a_thing_in_the_backgrounds_own_colour_inside_an_outline_is_not_punched_through() -> None:
    background = np.full((120, 160, 3), 100.0)
    background[:, ::8] = 200
    frame = background.copy()
    frame[40:80, 50:90] = 0
    frame[50:70, 60:80] = background[50:70, 60:80] + 3
    found = StillBackground.find(shot(background, range(30), noise=0.0))
    np.testing.assert_array_equal(found.keep(frame.astype(np.uint8))[42:78, 52:88], frame[42:78, 52:88])


def test_floats_are_kept_as_floats_and_softly() -> None:
    background = texture(120, 160)
    found = StillBackground.find(shot(background, range(30), noise=1.0))
    new = generated(background, range(40, 41))[0]
    exact = found.keep(new.astype(np.float32))
    assert exact.dtype == np.float32
    assert np.abs(exact - found.keep(new)).max() <= 0.5001
    plain = np.zeros_like(new, dtype=np.float32)
    np.testing.assert_array_equal(found.keep(plain)[5:-5, 5:-5], plain[5:-5, 5:-5])


def test_a_mask_says_what_the_background_is() -> None:
    background, size = texture(120, 160), (120, 160)
    mask = np.zeros(size, bool)
    mask[:, 80:] = True
    new = generated(background, range(40, 44))
    kept = list(keep_background(new, shot(background, range(30), noise=1.0), mask=mask))
    for frame, made in zip(kept, new, strict=True):
        np.testing.assert_array_equal(frame[:, :70], made[:, :70])
        assert (frame[:, 100:] != made[:, 100:]).any()
    with pytest.raises(RequestError, match="mask has 160x120 pixels, the frames have 64x65"):
        StillBackground.find(shot(texture(65, 64), range(5), noise=0), mask=mask)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_frames_tell_nothing(count: int) -> None:
    assert not StillBackground.find(shot(texture(65, 64), range(count), noise=0)).is_there


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(RequestError, match="no known frames"):
        StillBackground.find([])
    with pytest.raises(RequestError, match="differ in size"):
        StillBackground.find([np.zeros((8, 8, 3), np.uint8), np.zeros((8, 9, 3), np.uint8)])
    found = StillBackground.find(shot(texture(65, 64), range(5), noise=0))
    with pytest.raises(RequestError, match="8x8 pixels has another background than one of 64x65"):
        found.keep(np.zeros((8, 8, 3), np.uint8))


def test_memory_does_not_grow_with_the_known_frames() -> None:
    background = texture(120, 160)

    def peak(count: int) -> int:
        tracemalloc.start()
        StillBackground.find(shot(background, range(count), noise=1.0))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(300) < 1.3 * peak(60)
