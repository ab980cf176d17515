"""Who is where in a portrait: found masks are taken where they show the one with keypoints."""

from pathlib import Path

import numpy as np
import pytest

from videogen.errors import MissingExtra
from videogen.jobs.portraying import find_person
from videogen.skeleton import BODY, FACE_SLICE, KEYPOINTS

PICTURE = np.zeros((40, 60, 3), dtype=np.uint8)


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
    found(monkeypatch, slice(10, 30))
    mask = find_person(PICTURE, points, None)
    assert mask is not None
    assert mask[20, 20] == 1


def test_a_mask_of_somebody_else_is_not(monkeypatch: pytest.MonkeyPatch, points: np.ndarray) -> None:
    found(monkeypatch, slice(40, 60))
    assert find_person(PICTURE, points, None) is None
    assert find_person(PICTURE, np.zeros_like(points), None) is None


def test_whole_bodies_are_not_sought(monkeypatch: pytest.MonkeyPatch, points: np.ndarray) -> None:
    found(monkeypatch, slice(10, 30))
    points[BODY["right_hip"]] = 0.3, 0.9, 1
    assert find_person(PICTURE, points, None) is None


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
