"""A clip is parted into the ground and what moves before it: clips that are drawn, so that all is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.moving import ground, square_over
from videogen.conditions.camera_path import camera_path
from videogen.conditions.moving_things import part

HEIGHT, WIDTH, SIDE = 64, 80, 14
BACK = ground(HEIGHT, WIDTH)


def pictures(frames: NDArray[Any]) -> NDArray[np.float64]:
    return frames.astype(np.float64) / 255


def star(angle: float, *, at: tuple[float, float], radius: float = 15.0) -> NDArray[np.bool_]:
    """Where a star of three points is, `h w`."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    across, along = columns - at[0], rows - at[1]
    turn = np.arctan2(along, across) - angle
    return np.hypot(across, along) < radius * (0.55 + 0.45 * np.cos(3 * turn))


def test_a_square_over_a_ground_is_one_thing_with_its_mask_and_its_path() -> None:
    frames = square_over(BACK, length=10, at=(14, 30), by=(4, 0), side=SIDE)
    parted = part(pictures(frames))
    [thing] = parted.things
    true = np.zeros((HEIGHT, WIDTH), bool)
    true[23 : 23 + SIDE, 43 : 43 + SIDE] = True
    found = thing.mask > 0.5
    assert (found & true).sum() / (found | true).sum() > 0.8
    wanted = (14 + 4 * np.arange(10)[-len(thing.path) :]) / WIDTH
    np.testing.assert_allclose(thing.path[:, 0], wanted, atol=1.5 / WIDTH)
    np.testing.assert_allclose(thing.path[:, 1], 30 / HEIGHT, atol=1.5 / HEIGHT)
    np.testing.assert_allclose(thing.path[:, 3], 0, atol=1e-6)
    assert not parted.camera.any()
    assert not parted.wild[:, :10].any()


def test_the_ground_is_what_the_camera_saw_where_nothing_was_before_it() -> None:
    frames = square_over(BACK, length=10, at=(14, 30), by=(4, 0), side=SIDE)
    parted = part(pictures(frames))
    known = parted.known > 0
    assert known.mean() > 0.9
    np.testing.assert_allclose(parted.ground[known], pictures(BACK)[known], atol=0.02)


def test_what_a_slow_thing_hides_all_along_is_filled_from_around_it() -> None:
    plain = np.full_like(BACK, 90)
    parted = part(pictures(square_over(plain, length=8, at=(40, 30), by=(2, 0), side=20)))
    np.testing.assert_allclose(parted.ground[30, 43:48], 90 / 255, atol=0.03)
    assert (parted.known[30, 43:48] < 1).all()
    assert parted.known.min() > 0.5


def test_a_hole_that_is_most_of_the_picture_is_not_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videogen.conditions.moving_things._LARGEST_HOLE", 0.005)
    parted = part(pictures(square_over(BACK, length=8, at=(40, 30), by=(2, 0), side=20)))
    assert not parted.known[30, 43:48].any()
    assert parted.known[30, 5] == 1


def test_a_star_that_spins_is_a_thing_that_turns() -> None:
    frames = np.stack([BACK] * 12).copy()
    for number, frame in enumerate(frames):
        frame[star(np.radians(10 * number), at=(16 + 4 * number, 32))] = (230, 200, 20)
    parted = part(pictures(frames))
    [thing] = parted.things
    turned = np.degrees(np.diff(thing.path[:, 3]))
    assert np.median(turned) == pytest.approx(10, abs=2.5)


def test_a_camera_that_pans_is_found_and_moves_nothing() -> None:
    wide = ground(HEIGHT, WIDTH + 40)
    frames = np.stack([wide[:, 2 * number : 2 * number + WIDTH] for number in range(8)])
    path = camera_path(pictures(frames))
    np.testing.assert_allclose(np.diff(path[:, 0]) * WIDTH, 2, atol=0.4)
    np.testing.assert_allclose(path[:, 1:], 0, atol=0.02)
    assert not path[-1].any()
    parted = part(pictures(frames))
    assert not parted.things
    assert parted.wild.mean() < 0.1


@pytest.mark.parametrize("noise", [0.0, 2.0, 5.0])
def test_noise_alone_moves_nothing(noise: float) -> None:
    random = np.random.default_rng(0)
    frames = BACK + random.normal(0, noise, (8, *BACK.shape))
    parted = part(pictures(frames.clip(0, 255)))
    assert not parted.things
    assert not parted.wild.any()
    assert not parted.camera.any()
    assert parted.known.all()


def test_one_picture_alone_is_all_ground() -> None:
    parted = part(pictures(BACK[None]))
    np.testing.assert_array_equal(parted.ground, pictures(BACK))
    assert parted.known.all()
    assert not parted.things
    assert not parted.wild.any()
    assert not parted.camera.any()
