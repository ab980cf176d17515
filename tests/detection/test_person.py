"""Real networks on a real portrait: mediapipe's points where they should be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from videogen.conditions.pose import read_pose
from videogen.detection.mask import person_mask
from videogen.detection.person import PersonDetector
from videogen.media.image import read_image
from videogen.skeleton import BODY, BODY_SLICE, FACE_SLICE, KEYPOINTS

pytest.importorskip("mediapipe", reason="mediapipe is not installed: pip install 'videogen[pose]'")

INPUTS = Path(__file__).parents[2] / "samples" / "inputs"
Frame = np.ndarray[Any, np.dtype[np.uint8]]


@pytest.fixture(scope="module")
def portrait() -> Frame:
    return read_image(INPUTS / "portrait.png")


@pytest.fixture(scope="module")
def found(portrait: Frame) -> np.ndarray:
    with PersonDetector(static=True) as detector:
        return detector.detect(portrait)


def test_a_portrait_s_points_are_those_that_were_checked_by_eye(found: np.ndarray) -> None:
    checked = read_pose(INPUTS / "portrait.json").points[0]
    width = np.ptp(checked[FACE_SLICE][:17, 0])
    gaps = np.linalg.norm(found[FACE_SLICE, :2] - checked[FACE_SLICE, :2], axis=1)
    assert gaps.mean() < 0.02 * width
    assert gaps[17:].max() < 0.05 * width
    body = checked[BODY_SLICE, 2] > 0
    assert (found[BODY_SLICE][body, 2] > 0.9).all()
    gaps = np.linalg.norm((found - checked)[BODY_SLICE][body, :2], axis=1)
    assert gaps.max() < 0.12 * width


def test_left_and_right_are_the_person_s(found: np.ndarray) -> None:
    for part in ("eye", "ear", "shoulder"):
        assert found[BODY[f"right_{part}"], 0] < found[BODY[f"left_{part}"], 0]
    assert found[FACE_SLICE][68, 0] < found[FACE_SLICE][69, 0]


def test_a_mask_covers_the_person_and_not_what_is_behind(portrait: Frame) -> None:
    mask = person_mask(portrait)
    assert mask.shape == portrait.shape[:2]
    assert mask.dtype == np.float32
    assert mask[130, 224] > 0.95  # the nose
    assert mask[400, 200] > 0.95  # the suit
    assert mask[100, 330] < 0.05
    assert mask[40, 480] < 0.05


def test_nobody_is_in_noise_or_in_a_blank_picture() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    with PersonDetector(static=True) as detector:
        for frame in (noise, np.zeros((64, 48, 3), np.uint8), np.full((5, 7, 3), 200, np.uint8)):
            points = detector.detect(frame)
            assert points.shape == (KEYPOINTS, 3)
            assert not points.any()


def test_a_grey_picture_shows_the_same_person(portrait: Frame, found: np.ndarray) -> None:
    grey = np.asarray(Image.fromarray(portrait).convert("L"))[..., None]
    with PersonDetector(static=True) as detector:
        points = detector.detect(grey)
    assert np.abs(points[FACE_SLICE, :2] - found[FACE_SLICE, :2]).mean() < 0.005
