"""Poses that the tests of this folder share: the shipped dancer and a plain face in the picture's middle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from videogen.conditions.face_model import FACE_MODEL
from videogen.conditions.pose import read_pose
from videogen.skeleton import BODY, FACE_SLICE, KEYPOINTS
from videogen.types import Pose

INPUTS = Path(__file__).parents[2] / "samples" / "inputs"


@pytest.fixture
def dance() -> Pose:
    return read_pose(INPUTS / "dance.json")


@pytest.fixture
def head() -> Pose:
    return read_pose(INPUTS / "head.json")


@pytest.fixture
def portrait() -> Pose:
    return read_pose(INPUTS / "portrait.json")


@pytest.fixture
def face() -> np.ndarray:
    """A plain face with shoulders, `k 3`."""
    points = np.zeros((KEYPOINTS, 3), dtype=np.float32)
    points[FACE_SLICE, :2] = np.array(FACE_MODEL)[:, :2] * 0.12 + [0.5, 0.4]
    points[FACE_SLICE, 2] = 1
    for name, x, y in (("neck", 0.5, 0.72), ("right_shoulder", 0.25, 0.74), ("left_shoulder", 0.75, 0.74)):
        points[BODY[name]] = x, y, 1
    return points


@pytest.fixture
def figure() -> np.ndarray:
    """Somebody who stands with the right arm across the body and the left arm hanging aside, `k 3`."""
    points = np.zeros((KEYPOINTS, 3), dtype=np.float32)
    for name, x, y in (
        ("nose", 0.5, 0.18), ("neck", 0.5, 0.28), ("right_eye", 0.48, 0.16), ("left_eye", 0.52, 0.16),
        ("right_shoulder", 0.4, 0.29), ("right_elbow", 0.37, 0.44), ("right_wrist", 0.52, 0.44),
        ("left_shoulder", 0.6, 0.29), ("left_elbow", 0.7, 0.42), ("left_wrist", 0.74, 0.55),
        ("right_hip", 0.44, 0.55), ("right_knee", 0.43, 0.72), ("right_ankle", 0.43, 0.9),
        ("left_hip", 0.56, 0.55), ("left_knee", 0.57, 0.72), ("left_ankle", 0.57, 0.9),
    ):  # fmt: skip
        points[BODY[name]] = x, y, 1
    return points
