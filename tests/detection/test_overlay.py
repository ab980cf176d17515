"""Keypoints drawn over a picture."""

from __future__ import annotations

import numpy as np

from videogen.detection.overlay import overlay
from videogen.skeleton import BODY, COLOURS, KEYPOINTS, RIGHT_HAND_SLICE

GREY = np.full((90, 160, 3), 90, np.uint8)


def test_points_are_drawn_where_they_are_and_lines_between_them() -> None:
    points = np.zeros((KEYPOINTS, 3), dtype=np.float32)
    points[BODY["right_shoulder"]] = 0.25, 0.5, 1
    points[BODY["right_elbow"]] = 0.75, 0.5, 1
    shown = overlay(GREY, points)
    assert shown.dtype == np.uint8
    assert tuple(shown[45, 40]) == COLOURS[BODY["right_shoulder"]]
    assert tuple(shown[45, 120]) == COLOURS[BODY["right_elbow"]]
    assert (shown[45, 45:115] != 90).any(-1).all()
    assert (shown[60:] == 90).all()
    assert (GREY == 90).all()


def test_absent_points_are_not_drawn() -> None:
    points = np.zeros((KEYPOINTS, 3), dtype=np.float32)
    points[:, :2] = 0.5
    np.testing.assert_array_equal(overlay(GREY, points), GREY)


def test_fingers_are_drawn() -> None:
    points = np.zeros((KEYPOINTS, 3), dtype=np.float32)
    points[RIGHT_HAND_SLICE] = [(0.5 + 0.01 * n, 0.5, 1) for n in range(21)]
    assert (overlay(GREY, points) != 90).any()
