"""Who is where in a portrait: found masks are taken where they show the one with keypoints."""

from pathlib import Path

import numpy as np
import pytest

from videogen.errors import MissingExtra
from videogen.jobs.cutting_out import find_ground, find_person
from videogen.skeleton import BODY, FACE_SLICE, KEYPOINTS

PICTURE = np.zeros((160, 240, 3), dtype=np.uint8)


@pytest.fixture
def points() -> np.ndarray:
    points = np.zeros((KEYPOINTS, 3), dtype=np.float32)
    points[FACE_SLICE] = 0.35, 0.5, 1
    for name, x in (("nose", 0.3), ("neck", 0.3), ("left_eye", 0.4)):
        points[BODY[name]] = x, 0.5, 1
    return points


def found(monkeypatch: pytest.MonkeyPatch, columns: slice) -> None:
    mask = np.zeros(PICTURE.shape[:2], dtype=np.float32)
    mask[:, columns] = 1
    monkeypatch.setattr("videogen.detection.mask.person_mask", lambda picture: mask)


def test_a_mask_that_holds_the_keypoints_is_taken(
    monkeypatch: pytest.MonkeyPatch, points: np.ndarray
) -> None:
    found(monkeypatch, slice(40, 120))
    mask = find_person(PICTURE, points, None)
    assert mask is not None
    assert mask[80, 80] == 1


def test_a_mask_of_somebody_else_is_not(monkeypatch: pytest.MonkeyPatch, points: np.ndarray) -> None:
    found(monkeypatch, slice(160, 240))
    assert find_person(PICTURE, points, None) is None
    assert find_person(PICTURE, np.zeros_like(points), None) is None


def test_a_whole_body_is_found_by_its_keypoints_too(
    monkeypatch: pytest.MonkeyPatch, points: np.ndarray
) -> None:
    points[BODY["right_hip"]] = 0.3, 0.9, 1
    assert find_person(PICTURE, points, None) is None  # no limb is seen
    for name, x, y in (("left_hip", 0.4, 0.9), ("right_shoulder", 0.25, 0.6), ("left_shoulder", 0.45, 0.6)):
        points[BODY[name]] = x, y, 1
    found(monkeypatch, slice(160, 240))
    alone = find_person(PICTURE, points, None)
    found(monkeypatch, slice(32, 120))
    told = find_person(PICTURE, points, None)
    assert alone is not None
    assert told is not None
    assert alone[120, 80] > 0.9 > 0.1 > alone[120, 200]
    assert told[120, 40] > 0.9 > 0.5 > alone[120, 40]  # a cloak that no limb explains


def test_without_the_software_the_ground_is_not_guessed(
    monkeypatch: pytest.MonkeyPatch, points: np.ndarray
) -> None:
    def absent(picture: np.ndarray, person: np.ndarray) -> None:
        raise MissingExtra("opencv-contrib-python", extra="pose")

    person, body = np.zeros(PICTURE.shape[:2], dtype=np.float32), points.copy()
    body[BODY["right_hip"]] = 0.3, 0.9, 1
    monkeypatch.setattr("videogen.detection.ground.fill_ground", absent)
    assert find_ground(PICTURE, body, person) is None
    monkeypatch.setattr("videogen.detection.ground.fill_ground", lambda picture, person: picture)
    assert find_ground(PICTURE, body, person) is PICTURE
    assert find_ground(PICTURE, body, person[:80, :120]) is PICTURE  # a mask of another size
    assert find_ground(PICTURE, body, None) is None
    assert find_ground(PICTURE, points, person) is None  # a head
    assert find_ground(PICTURE[:64], body, person[:64]) is None  # small


def test_without_mediapipe_there_is_no_mask(monkeypatch: pytest.MonkeyPatch, points: np.ndarray) -> None:
    def absent(picture: np.ndarray) -> None:
        raise MissingExtra("mediapipe", extra="pose")

    monkeypatch.setattr("videogen.detection.mask.person_mask", absent)
    assert find_person(PICTURE, points, None) is None


def test_a_given_mask_of_any_size_is_taken_as_it_is(tmp_path: Path, points: np.ndarray) -> None:
    from PIL import Image

    Image.new("L", (30, 20), 255).save(tmp_path / "mask.png")
    mask = find_person(PICTURE, points, tmp_path / "mask.png")
    assert mask is not None
    assert mask.shape == (20, 30)
    assert mask.min() == 1
