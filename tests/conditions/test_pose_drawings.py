"""Drawn skeletons, our own and other people's, come back as the joints they were drawn from."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from videogen.conditions.pose_drawings import is_drawing, pose_from_drawings
from videogen.errors import MediaError
from videogen.media.video import read_video, write_video
from videogen.skeleton import BODY, BODY_SLICE, FACE_SLICE, KEYPOINTS, LEFT_HAND_SLICE
from videogen.skeleton_style import SkeletonStyle, draw_frames
from videogen.types import Frame, Pose

SHARED = Path(__file__).parents[3] / "shared" / "media" / "poses"


def drawn(points: np.ndarray, size: tuple[int, int], style: SkeletonStyle = "dwpose") -> list[Frame]:
    return list(draw_frames(points, height=size[0], width=size[1], style=style))


def through_mp4(frames: list[Frame], folder: Path) -> list[Frame]:
    """Encode and decode, with all the harm that this does to colours."""
    write_video(folder / "skeleton.mp4", iter(frames), fps=Fraction(12))
    with read_video(folder / "skeleton.mp4") as video:
        return list(video)


def within(points: np.ndarray) -> np.ndarray:
    """Which joints of the body are there and in the picture, `t 18`."""
    body = points[:, BODY_SLICE]
    return (body[..., 2] > 0) & (body[..., :2] > 0).all(-1) & (body[..., :2] < 1).all(-1)


def errors(found: Pose, points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Distances from where the joints are, in heights of the picture; infinite where they were not found."""
    away = (found.points[:, BODY_SLICE, :2] - points[:, BODY_SLICE, :2]) * [size[1] / size[0], 1]
    away = np.where(found.points[:, BODY_SLICE, 2:] > 0, away, np.inf)
    gaps: np.ndarray = np.linalg.norm(away, axis=-1)[within(points)]
    return gaps


@pytest.fixture(scope="module")
def people() -> np.ndarray:
    """People of the world with hands, one of them sitting, `t k 3`."""
    import torch

    from videogen.world.clips import render_clips

    seeds = torch.tensor([5, 9, 47, 58])
    clips = render_clips("person", seeds, size=16, num_frames=3, fps=8)
    points: np.ndarray = clips.points.flatten(0, 1).numpy()
    assert (points[:, LEFT_HAND_SLICE, 2] > 0).any()
    return points


@pytest.mark.parametrize("style", ["own", "openpose", "dwpose", "mimicmotion"])
@pytest.mark.parametrize("size", [(512, 768), (768, 512)])
def test_a_skeleton_video_gives_back_its_joints(
    people: np.ndarray, size: tuple[int, int], style: SkeletonStyle, tmp_path: Path
) -> None:
    found = pose_from_drawings(through_mp4(drawn(people, size, style), tmp_path), fps=Fraction(12))
    gaps = errors(found, people, size)
    fine = style == "mimicmotion"  # lines of one pixel
    assert (gaps < 0.02).mean() > (0.95 if fine else 0.99)
    assert gaps[gaps < 0.02].mean() < (0.006 if fine else 0.003)
    assert found.aspect == pytest.approx(size[1] / size[0])
    assert found.fps == 12
    assert not found.points[:, BODY_SLICE.stop :].any(), "faces, hands and feet are not read"


@pytest.mark.parametrize("style", ["own", "dwpose"])
@pytest.mark.parametrize(("side", "share"), [(256, 0.99), (192, 0.99), (128, 0.95), (96, 0.87)])
def test_a_small_skeleton_video_gives_back_its_joints(
    people: np.ndarray, side: int, share: float, style: SkeletonStyle, tmp_path: Path
) -> None:
    found = pose_from_drawings(through_mp4(drawn(people, (side, side), style), tmp_path))
    gaps = errors(found, people, (side, side))
    assert (gaps < 0.03).mean() > share
    assert gaps[gaps < 0.03].mean() < 0.02 * 96 / side


def test_a_large_picture_is_read_as_well(people: np.ndarray) -> None:
    size = (1440, 1080)
    gaps = errors(pose_from_drawings(drawn(people[::3], size)), people[::3], size)
    assert (gaps < 0.01).mean() > 0.97


def test_a_dance_is_read_back_without_one_wrong_joint(dance: Pose, tmp_path: Path) -> None:
    points = dance.points[::6]
    for size in ((512, 768), (256, 256)):
        found = pose_from_drawings(through_mp4(drawn(points, size, "own"), tmp_path))
        assert errors(found, points, size).max() < 0.01


def test_reading_drawing_and_reading_again_changes_next_to_nothing(
    people: np.ndarray, tmp_path: Path
) -> None:
    size = (768, 512)
    once = pose_from_drawings(through_mp4(drawn(people, size), tmp_path))
    again = pose_from_drawings(through_mp4(drawn(once.points, size), tmp_path))
    gaps = errors(again, once.points, size)
    assert (gaps < 0.01).mean() > 0.99
    assert gaps[np.isfinite(gaps)].mean() < 0.002


def with_face(people: np.ndarray, head: Pose) -> np.ndarray:
    """The people with a face drawn over nose and eyes, nearer to the camera."""
    points = people.copy()
    eyes = [BODY["right_eye"], BODY["left_eye"]]
    face = head.points[0, FACE_SLICE, :2] - head.points[0, BODY["nose"], :2]
    apart = np.linalg.norm(np.diff(head.points[0, eyes, :2], axis=0))
    for person in points:
        scale = np.linalg.norm(np.diff(person[eyes, :2], axis=0)) / apart
        person[FACE_SLICE, :2], person[FACE_SLICE, 2] = face * scale + person[BODY["nose"], :2], 1
    points[..., :2] = (points[..., :2] - [0.5, 0.35]) * 1.3 + [0.5, 0.42]
    return points


def test_a_head_is_read_under_the_dots_of_its_face(people: np.ndarray, head: Pose, tmp_path: Path) -> None:
    points, size = with_face(people, head), (768, 512)
    frames = through_mp4(drawn(points, size), tmp_path)
    assert (frames[0].min(-1) > 200).sum() > 300, "the dots are there"
    found = pose_from_drawings(frames)
    points[:, [n for n in range(18) if n not in (0, 1, 14, 15)], 2] = 0
    gaps = errors(found, points, size)
    assert (gaps < 0.02).mean() > 0.9
    assert np.median(gaps) < 0.01


def test_a_drawn_head_gives_its_shoulders_and_few_limbs_that_it_lacks(head: Pose, tmp_path: Path) -> None:
    points = head.points[::8]
    for style in ("own", "dwpose"):
        found = pose_from_drawings(through_mp4(drawn(points, (512, 512), style), tmp_path))
        assert (errors(found, points, (512, 512)) < 0.03).mean() > 0.94
        absent = points[:, BODY_SLICE, 2] == 0
        assert (found.points[:, BODY_SLICE, 2] > 0)[absent].mean() < 0.05


def test_a_limb_that_leaves_the_picture_has_no_joint_at_its_edge(people: np.ndarray) -> None:
    near = people.copy()
    near[..., :2] = (near[..., :2] - [0.5, 0.3]) * 2.2 + [0.5, 0.4]
    knees = [BODY["right_knee"], BODY["left_knee"]]
    beyond = near[:, knees, 1] > 1.05
    assert beyond.any()
    found = pose_from_drawings(drawn(near, (512, 512)))
    assert (found.points[:, knees, 2] > 0)[beyond].mean() < 0.2


def test_a_frame_without_a_skeleton_is_without_a_person(people: np.ndarray) -> None:
    black = np.zeros((256, 256, 3), np.uint8)
    found = pose_from_drawings([black, *drawn(people[:1], (256, 256)), black])
    assert (found.points[..., 2] > 0).any(1).tolist() == [False, True, False]


def test_drawings_are_told_from_photographs(people: np.ndarray) -> None:
    for style in ("own", "dwpose", "mimicmotion"):
        for side in (96, 256, 512):
            assert is_drawing(drawn(people[:1], (side, side), style)[0])
    random = np.random.default_rng(0)
    assert not is_drawing(random.integers(0, 255, (64, 64, 3), dtype=np.uint8))
    assert not is_drawing(np.zeros((64, 64, 3), dtype=np.uint8))
    grey = np.repeat(random.integers(0, 255, (64, 64, 1), dtype=np.uint8), 3, -1)
    assert not is_drawing(grey)


def test_a_video_without_a_skeleton_is_refused() -> None:
    with pytest.raises(MediaError, match="no frames"):
        pose_from_drawings([])
    with pytest.raises(MediaError, match="no skeleton"):
        pose_from_drawings([np.zeros((64, 64, 3), dtype=np.uint8)])


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 300, 3), (16, 16, 3)])
def test_any_picture_is_read_or_refused(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    for picture in (random.integers(0, 256, shape, dtype=np.uint8), np.full(shape, (255, 0, 0), np.uint8)):
        with suppress(MediaError):
            assert pose_from_drawings([picture]).points.shape == (1, KEYPOINTS, 3)


@pytest.mark.parametrize("name", ["anyone-video-1_kps.mp4", "anyone-video-2_kps.mp4"])
def test_dwposes_own_videos_are_read_whole_and_drawn_alike(name: str, tmp_path: Path) -> None:
    if not (SHARED / name).exists():
        pytest.skip("the shared videos are not here")
    with read_video(SHARED / name) as video:
        frames = [frame for number, frame in enumerate(video) if number % 20 == 0]
    once = pose_from_drawings(frames)
    assert (once.points[:, :14, 2] > 0).all()
    size = frames[0].shape[0], frames[0].shape[1]
    again = drawn(once.points, size)
    gaps = errors(pose_from_drawings(through_mp4(again, tmp_path)), once.points, size)
    assert gaps[np.isfinite(gaps)].mean() < 0.002
    assert np.isfinite(gaps).mean() > 0.99
    below = [slice(round(once.points[n, 1, 1] * size[0]) + 8, None) for n in range(len(frames))]
    for original, own, rows in zip(frames, again, below, strict=True):
        hand = (original[..., 2] > 150) & (original[..., 0] < 60) & (original[..., 1] < 60)
        one, two = ((picture.max(-1) > 90)[rows] & ~hand[rows] for picture in (original, own))
        assert (one & two).sum() / (one | two).sum() > 0.8, "the body is painted where it was"
