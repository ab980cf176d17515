"""The judge of portraits: what it measures, and that it tells a good clip from a bad one."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from videogen.bench import portrait
from videogen.conditions.pose import read_pose
from videogen.media.image import read_image
from videogen.types import Pose

INPUTS = Path(__file__).parents[2] / "samples" / "inputs"


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return read_image(INPUTS / "portrait.png")


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return read_pose(INPUTS / "portrait.json", size=(512, 512)).points[0]


def mesh() -> np.ndarray:
    """An upright face 200 pixels tall whose points lie where arithmetic can follow."""
    face = np.zeros((478, 2))
    face[[10, 152]] = [[300, 100], [300, 300]]
    face[[234, 454, 1]] = [[220, 200], [380, 200], [300, 210]]
    face[[33, 133, 159, 145]] = [[240, 170], [280, 170], [260, 165], [260, 175]]
    face[[263, 362, 386, 374]] = [[360, 170], [320, 170], [340, 165], [340, 175]]
    face[[13, 14]] = [[300, 250], [300, 260]]
    return face


def test_measures_are_shares_of_the_face_and_degrees() -> None:
    mouth, eyes, turn, nod, tilt = portrait._measure(mesh())
    assert (mouth, eyes, turn, tilt) == pytest.approx((0.05, 0.25, 0.0, 0.0))
    assert nod == pytest.approx(-0.05)


def test_a_face_that_is_tilted_and_larger_has_the_same_measures_but_the_tilt() -> None:
    angle = np.radians(10)
    turned = 1.7 * mesh() @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    before, after = portrait._measure(mesh()), portrait._measure(turned)
    assert after[:4] == pytest.approx(before[:4])
    assert after[4] == pytest.approx(10)


def test_a_plain_warp_without_motion_is_the_photograph(photograph: np.ndarray, points: np.ndarray) -> None:
    still = Pose(points[None], fps=Fraction(8), aspect=1.0)
    [frame] = portrait.plain_warp(photograph, points, still)
    assert np.abs(frame.astype(int) - photograph).max() <= 1


def test_a_plain_warp_carries_the_face_and_pins_the_edges(photograph: np.ndarray, points: np.ndarray) -> None:
    moved = points.copy()
    moved[:, 0] += 10 / 512
    driver = Pose(np.stack([points, moved]), fps=Fraction(8), aspect=1.0)
    _, frame = portrait.plain_warp(photograph, points, driver)
    x, y = (points[18 + 30, :2] * 512).astype(int)
    patch, other = photograph[y - 8 : y + 8, x - 8 : x + 8], frame[y - 8 : y + 8, x + 2 : x + 18]
    assert np.abs(patch.astype(int) - other).mean() < 8
    assert np.abs(frame[0].astype(int) - photograph[0]).mean() < 3


def test_the_judge_likes_the_same_face_moving_with_the_driver(
    photograph: np.ndarray, points: np.ndarray
) -> None:
    pytest.importorskip("mediapipe", reason="the judge is mediapipe")
    tilts = np.radians([0, 3, 6, 3, 0, -4, -7, -3])
    middle = points[18:88, :2].mean(0)
    turned = np.repeat(points[None], len(tilts), 0)
    for face, angle in zip(turned, tilts, strict=True):
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        face[:, :2] = (face[:, :2] - middle) @ turn + middle
    driver = Pose(turned.astype(np.float32), fps=Fraction(8), aspect=1.0)
    frames = list(portrait.plain_warp(photograph, points, driver))
    faces = portrait.read_faces(frames)
    assert np.isfinite(faces.values).all()
    figures = portrait.judge(frames, photograph, faces)
    assert figures["face found"] == 1
    assert figures["tilt: correlation"] == pytest.approx(1)
    assert 0.5 < figures["sharpness of the face"] < 1.1
    backwards = portrait.judge(frames, photograph, portrait.Faces(faces.values[::-1], faces.sharpness))
    assert backwards["tilt: correlation"] < 0.8
    assert figures["background: PSNR"] < 60
    assert portrait.judge([photograph] * 3, photograph, faces)["background: flicker"] == 0


def test_five_readings_of_a_still_clip_agree_with_one(photograph: np.ndarray) -> None:
    often = portrait.read_often([photograph] * 2)
    once = portrait.read_faces([photograph] * 2).values
    assert often.shape == once.shape == (2, 5)
    assert np.abs(often - once)[:, :4].max() < 0.05, "a mirror image turns and tilts the other way"
    assert np.abs(often - once)[:, 4].max() < 2
