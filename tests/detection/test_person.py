"""Real networks on a real portrait: mediapipe's points where they should be."""

from __future__ import annotations

import subprocess
import sys
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
    checked = read_pose(Path(__file__).parent / "portrait_checked_by_eye.json").points[0]
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


def moved(
    portrait: Frame, angle: float, scale: float, shift: tuple[float, float]
) -> tuple[Frame, np.ndarray]:
    """The portrait turned, scaled and shifted, `480 x 640`; and the similarity, `2 3`, in pixels."""
    turn = np.radians(angle)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    offset = np.array([320.0, 240.0]) + shift - matrix @ [256, 256]
    inverse = np.linalg.inv(matrix)
    back = -inverse @ offset
    picture = Image.fromarray(portrait).transform(
        (640, 480),
        Image.Transform.AFFINE,
        (*inverse[0], back[0], *inverse[1], back[1]),
        resample=Image.Resampling.BICUBIC,
        fillcolor=(140, 130, 120),
    )
    return np.asarray(picture), np.concatenate([matrix, offset[:, None]], 1)


def test_the_motion_in_a_video_is_the_true_one_and_gaps_are_gaps(portrait: Frame, found: np.ndarray) -> None:
    start = found[FACE_SLICE, :2] * 512
    shoulders = found[[BODY["right_shoulder"], BODY["left_shoulder"]], :2] * 512
    with PersonDetector() as detector:
        for number in range(12):
            turned = 14 * np.sin(number / 3), 0.85 + 0.01 * number, (8 * np.sin(number / 2), 2.0 * number)
            frame, truth = moved(portrait, *turned)
            if number in (5, 6):
                assert not detector.detect(np.zeros_like(frame)).any()
                continue
            points = detector.detect(frame)
            assert points.shape == (KEYPOINTS, 3)
            gaps = points[FACE_SLICE, :2] * [640, 480] - (start @ truth[:, :2].T + truth[:, 2])
            assert np.abs(gaps.mean(0)).max() < 0.01 * 480
            assert np.linalg.norm(gaps, axis=1).mean() < 0.01 * 480
            bodily = points[[BODY["right_shoulder"], BODY["left_shoulder"]], :2] * [640, 480]
            gaps = bodily - (shoulders @ truth[:, :2].T + truth[:, 2])
            assert np.linalg.norm(gaps, axis=1).max() < 0.15 * 480  # a space suit hides them


@pytest.mark.parametrize(("side", "place"), [(300, (900, 100)), (96, (60, 500))])
def test_a_small_face_in_a_wide_picture_is_found(
    side: int, place: tuple[int, int], portrait: Frame, found: np.ndarray
) -> None:
    wide = Image.new("RGB", (1280, 720), (90, 120, 160))
    wide.paste(Image.fromarray(portrait).resize((side, side)), place)
    with PersonDetector(static=True) as detector:
        points = detector.detect(np.asarray(wide))
    width = np.ptp(found[FACE_SLICE][:17, 0]) * side
    gaps = points[FACE_SLICE, :2] * [1280, 720] - place - found[FACE_SLICE, :2] * side
    assert np.linalg.norm(gaps, axis=1).mean() < 0.05 * width


@pytest.mark.parametrize("zoom", [3, 6])
def test_a_face_that_fills_the_picture_is_found(zoom: float, portrait: Frame, found: np.ndarray) -> None:
    half = round(256 / zoom)
    left, top = 224 - half, 125 - half
    close = Image.fromarray(portrait).crop((left, top, left + 2 * half, top + 2 * half)).resize((512, 512))
    with PersonDetector(static=True) as detector:
        points = detector.detect(np.asarray(close))
    wanted = (found[FACE_SLICE, :2] * 512 - [left, top]) / (2 * half)
    width = np.ptp(wanted[:17, 0])
    assert np.linalg.norm(points[FACE_SLICE, :2] - wanted, axis=1).mean() < 0.03 * width


def two_people(portrait: Frame) -> Frame:
    """A large person on the left and a small one on the right."""
    wide = np.full((512, 900, 3), (90, 120, 160), np.uint8)
    wide[:, :512] = portrait
    wide[160:512, 548:] = np.asarray(Image.fromarray(portrait[:, ::-1]).resize((352, 352)))
    return wide


def test_the_largest_person_is_the_first(portrait: Frame) -> None:
    wide = two_people(portrait)
    for person, (left, right) in {1: (0.0, 512 / 900), 2: (548 / 900, 1.0)}.items():
        with PersonDetector(static=True, person=person) as detector:
            points = detector.detect(wide)
        seen = points[points[:, 2] > 0]
        assert len(seen) > 75
        assert left < seen[:, 0].min() < seen[:, 0].max() < right
    with PersonDetector(static=True, person=3) as detector:
        assert not detector.detect(wide).any()


def test_who_is_followed_stays_the_same_when_another_grows_larger(portrait: Frame) -> None:
    wide = two_people(portrait)
    with PersonDetector() as detector:
        before = detector.detect(wide)
        wide[:, :512] = (90, 120, 160)
        wide[200:500, 100:400] = np.asarray(Image.fromarray(portrait).resize((300, 300)))
        after = detector.detect(wide)
    assert before[FACE_SLICE][:, 0].max() < 0.5
    assert after[FACE_SLICE][:, 0].max() < 0.5


def test_nobody_is_seen_in_pictures_of_things() -> None:
    from skimage import data

    with PersonDetector(static=True) as detector:
        for picture in (data.coffee(), data.rocket(), data.chelsea(), data.coins()[..., None]):
            assert not detector.detect(picture).any()


def test_the_console_stays_clean(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from videogen.detection.person import PersonDetector\n"
        "from videogen.detection.mask import person_mask\n"
        "from videogen.media.image import read_image\n"
        "picture = read_image(sys.argv[1])\n"
        "with PersonDetector() as detector: found = [detector.detect(picture) for _ in range(3)]\n"
        "assert found[2].any() and person_mask(picture).any()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(INPUTS / "portrait.png")],
        capture_output=True,
        text=True,
        check=True,
        cwd=INPUTS.parents[1],
    )
    assert (ended.stdout, ended.stderr) == ("", "")
