"""Motion goes on as it was: against the closed forms of rest, steady, falling and circling things."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from videogen.conditions.going_on import go_on

SEEN, LATER = np.arange(-19.0, 1.0), np.arange(1.0, 9.0)
PLACE = st.floats(0.1, 0.9)
SPEED = st.floats(-0.03, 0.03)


def column(*values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack(values, 1)


@settings(deadline=None, max_examples=25)
@given(PLACE, PLACE)
def test_what_rests_stays_at_rest(x: float, y: float) -> None:
    found = go_on(np.tile([x, y], (20, 1)), LATER)
    np.testing.assert_allclose(found, np.tile([x, y], (8, 1)), atol=1e-5)


@settings(deadline=None, max_examples=25)
@given(PLACE, SPEED, SPEED)
def test_what_goes_steadily_goes_on_steadily(x: float, across: float, along: float) -> None:
    found = go_on(column(x + across * SEEN, 0.5 + along * SEEN), LATER)
    np.testing.assert_allclose(found, column(x + across * LATER, 0.5 + along * LATER), atol=0.012)


@pytest.mark.parametrize("fall", [0.001, 0.002, -0.001])
def test_what_falls_goes_on_faster_and_faster(fall: float) -> None:
    def path(time: NDArray[np.float64]) -> NDArray[np.float64]:
        return column(0.4 + 0.01 * time, 0.5 + 0.02 * time + fall / 2 * time**2)

    np.testing.assert_allclose(go_on(path(SEEN), LATER), path(LATER), atol=0.01)


@pytest.mark.parametrize("period", [7.0, 10.0, 11.0, 16.0, 24.0])
def test_what_circles_goes_round(period: float) -> None:
    def path(time: NDArray[np.float64]) -> NDArray[np.float64]:
        angle = 2 * np.pi * time / period
        return column(0.5 + 0.2 * np.cos(angle), 0.5 + 0.2 * np.sin(angle))

    np.testing.assert_allclose(go_on(path(SEEN), LATER), path(LATER), atol=0.03)


def test_noise_that_nobody_sees_does_not_turn_rest_into_motion() -> None:
    noise = np.random.default_rng(0).normal(0, 1e-3, (20, 2))
    found = go_on(0.5 + noise, np.arange(1.0, 40.0))
    assert np.abs(found - 0.5).max() < 0.01


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 30), st.integers(0, 2**31 - 1))
def test_whatever_was_seen_it_begins_near_the_last_moment_and_is_finite(length: int, seed: int) -> None:
    seen = np.random.default_rng(seed).uniform(0, 1, (length, 2))
    found = go_on(seen, np.array([0.0, 1.0, 100.0]))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[0], seen[-1], atol=1e-9)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_of_few_moments_it_rests_or_goes_on_steadily(length: int) -> None:
    seen = column(0.1 * np.arange(length), np.full(length, 0.5))
    speed = 0.0 if length == 1 else 0.1
    wanted = column(seen[-1, 0] + speed * LATER, np.full(8, 0.5))
    np.testing.assert_allclose(go_on(seen, LATER), wanted, atol=1e-9)


def test_a_straight_line_at_most_is_a_straight_line() -> None:
    seen = column(0.002 * SEEN**2, 0 * SEEN)
    found = go_on(seen, np.arange(20.0, 40.0), degree=1, longest=0.1)
    np.testing.assert_allclose(np.diff(found[:, 0], 2), 0, atol=1e-3)
