"""Hands found in a picture, and whose they are."""

from __future__ import annotations

import numpy as np

from videogen.detection.hands import own_hands

SIZE = (100, 200)


def hand(x: float, y: float, *, size: float = 0.1) -> np.ndarray:
    """A hand whose wrist lies at x, y and whose fingers point down."""
    points = np.zeros((21, 4), dtype=np.float32)
    points[:, 0] = x + np.linspace(0, size / 2, 21)
    points[:, 1] = y + np.linspace(0, size, 21)
    return points


def pose(left: tuple[float, float], right: tuple[float, float]) -> np.ndarray:
    points = np.zeros((33, 4), dtype=np.float32)
    points[15, :2], points[16, :2] = left, right
    return points


def test_a_hand_goes_to_the_wrist_that_it_hangs_on_whatever_it_looks_like() -> None:
    found = [("left", hand(0.2, 0.5)), ("right", hand(0.8, 0.5))]
    own = own_hands(found, pose(left=(0.81, 0.5), right=(0.2, 0.51)), size=SIZE)
    assert own["right"] is found[0][1]
    assert own["left"] is found[1][1]


def test_a_hand_far_from_both_wrists_is_somebody_else_s() -> None:
    found = [("left", hand(0.5, 0.1))]
    assert own_hands(found, pose(left=(0.8, 0.5), right=(0.2, 0.5)), size=SIZE) == {}


def test_two_hands_at_one_wrist_are_one() -> None:
    near, far = hand(0.8, 0.51), hand(0.8, 0.54)
    own = own_hands([("left", far), ("left", near)], pose(left=(0.8, 0.5), right=(0.1, 0.5)), size=SIZE)
    assert own == {"left": near}


def test_without_a_body_the_larger_hand_of_each_side_is_taken() -> None:
    large, small, right = hand(0.2, 0.2), hand(0.5, 0.2, size=0.05), hand(0.7, 0.2)
    own = own_hands([("left", large), ("left", small), ("right", right)], None, size=SIZE)
    assert own["left"] is large
    assert own["right"] is right
