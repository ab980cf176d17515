"""Poses from and to any file: what a path is follows from its name."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import videogen as vg
from videogen.errors import MediaError, RequestError
from videogen.jobs.driving import read_driving
from videogen.media.video import probe, read_video, write_video
from videogen.poses import all_people, rate_of, read_pose, write_pose
from videogen.skeleton import KEYPOINTS
from videogen.types import Pose

INPUTS = Path(__file__).parents[1] / "samples" / "inputs"


@pytest.fixture
def dance() -> Pose:
    pose = read_pose(INPUTS / "dance.json")
    return replace(pose, points=pose.points[:6])


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "a.webp"])
@pytest.mark.parametrize("style", ["own", "dwpose"])
def test_a_skeleton_video_is_a_pose(tmp_path: Path, dance: Pose, name: str, style: Any) -> None:
    write_pose(tmp_path / name, dance, width=321, height=481, style=style)
    info = probe(tmp_path / name)
    assert (info.width, info.height, info.num_frames) == (321, 481, 6)
    found = read_pose(tmp_path / name)
    assert found.fps == rate_of(tmp_path / name) == 12
    assert found.aspect == pytest.approx(321 / 481)
    np.testing.assert_allclose(found.points[:, :14, :2], dance.points[:, :14, :2], atol=0.012)


def test_a_layout_draws_into_a_folder_where_keypoints_would_be_written(tmp_path: Path, dance: Pose) -> None:
    write_pose(tmp_path / "pictures", dance, width=256, height=256, layout="skeleton")
    write_pose(tmp_path / "keypoints", dance, width=256, height=256)
    for folder, suffix in (("pictures", ".png"), ("keypoints", ".json")):
        assert {file.suffix for file in (tmp_path / folder).iterdir()} == {suffix}
        found = read_pose(tmp_path / folder)
        np.testing.assert_allclose(found.points[:, :14, :2], dance.points[:, :14, :2], atol=0.012)


@pytest.mark.parametrize("name", ["a.json", "a.npz", "a"])
def test_keypoints_are_written_and_read_as_such(tmp_path: Path, dance: Pose, name: str) -> None:
    write_pose(tmp_path / name, dance, width=512, height=512)
    np.testing.assert_allclose(read_pose(tmp_path / name).points, dance.points, atol=1e-4)
    assert rate_of(tmp_path / name) == 12


def test_a_style_decides_what_is_drawn(tmp_path: Path, dance: Pose) -> None:
    pictures = []
    for style in ("own", "dwpose", "mimicmotion"):
        write_pose(tmp_path / "a.webp", dance, width=256, height=256, style=style)  # type: ignore[arg-type]
        with read_video(tmp_path / "a.webp") as video:
            pictures.append(next(iter(video)))
    assert (pictures[0] != pictures[1]).any()
    assert (pictures[1] != pictures[2]).any()


def test_a_person_of_several_drives_a_clip(tmp_path: Path, dance: Pose) -> None:
    small = dance.points.copy()
    small[..., :2] = small[..., :2] * 0.3 + 0.6
    people = [np.stack(pair) for pair in zip(small, dance.points, strict=True)]
    np.savez(
        tmp_path / "two.npz",
        keypoints=np.stack(people),
        fps="12",
        width=100,
        height=100,
        coordinates="fractions",
    )
    assert len(all_people(tmp_path / "two.npz")) == 2
    for person, expected in ((1, dance.points), (2, small)):
        driving = read_driving(
            tmp_path / "two.npz", rate=Fraction(12), smoothing=0, seconds=None, person=person
        )
        np.testing.assert_allclose(driving.points, expected * (expected[..., 2:] > 0), atol=1e-5)
    with pytest.raises(RequestError, match=r"two\.npz shows 2 people, and person 3 is not among them"):
        read_pose(tmp_path / "two.npz", person=3)


def test_a_skeleton_video_shows_one_person(tmp_path: Path, dance: Pose) -> None:
    write_pose(tmp_path / "a.mp4", dance, width=128, height=128)
    with pytest.raises(RequestError, match="shows 1 person, and person 2 is not"):
        read_pose(tmp_path / "a.mp4", person=2)


def test_a_video_needs_a_rate_and_a_pose_of_the_right_shape(tmp_path: Path, dance: Pose) -> None:
    with pytest.raises(RequestError, match=r"does not say its frame rate, and a\.mp4 needs one"):
        write_pose(tmp_path / "a.mp4", replace(dance, fps=None), width=128, height=128)
    with pytest.raises(RequestError, match="expected t 136 3"):
        write_pose(
            tmp_path / "a.mp4", Pose(np.zeros((2, 18, 3), np.float32), fps=Fraction(8)), width=8, height=8
        )
    with pytest.raises(RequestError, match="expected t 136 3"):
        write_pose(tmp_path / "a.mp4", replace(dance, points=dance.points[:0]), width=128, height=128)
    with pytest.raises(MediaError, match="cannot be written"):
        write_pose(tmp_path / "none" / "a.mp4", dance, width=128, height=128)
    assert not list(tmp_path.iterdir())


def test_a_plain_video_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    write_video(tmp_path / "people.mp4", iter(noise), fps=Fraction(8))
    with pytest.raises(RequestError, match=r"people\.mp4 is not a skeleton video"):
        read_pose(tmp_path / "people.mp4")


def test_the_package_has_them_by_name(tmp_path: Path, dance: Pose) -> None:
    vg.write_pose(tmp_path / "a.json", dance, width=64, height=64)
    assert vg.read_pose(tmp_path / "a.json").points.shape == (6, KEYPOINTS, 3)
    assert len(vg.all_people(tmp_path / "a.json")) == 1
