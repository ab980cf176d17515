"""Poses are found once for each content of a file, whatever happens to the cache."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from videogen.errors import MediaError, RequestError
from videogen.jobs import remembered as module
from videogen.jobs.remembered import cache_folder, remembered
from videogen.skeleton import KEYPOINTS
from videogen.types import Pose


class Finder:
    """Finds another pose every time."""

    def __init__(self, *, fps: Fraction | None = Fraction(30000, 1001), aspect: float | None = 1.7) -> None:
        self.times, self.fps, self.aspect = 0, fps, aspect

    def __call__(self) -> Pose:
        self.times += 1
        points = np.random.default_rng(self.times).random((4, KEYPOINTS, 3), dtype=np.float32)
        return Pose(points, fps=self.fps, aspect=self.aspect)


@pytest.fixture(autouse=True)
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIDEOGEN_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"a clip")
    return path


def kept() -> list[Path]:
    return sorted((cache_folder() / "poses").iterdir())


@pytest.mark.parametrize(("fps", "aspect"), [(Fraction(30000, 1001), 1.7), (None, None)])
def test_the_second_time_gives_the_same_to_the_bit(
    clip: Path, fps: Fraction | None, aspect: float | None
) -> None:
    find = Finder(fps=fps, aspect=aspect)
    first, second = (remembered(clip, how="a way", find=find) for _ in range(2))
    assert find.times == 1
    np.testing.assert_array_equal(first.points, second.points)
    assert second.points.dtype == np.float32
    assert (second.fps, second.aspect) == (fps, aspect)


def test_the_content_counts_and_not_the_name(clip: Path) -> None:
    find = Finder()
    remembered(clip, how="a way", find=find)
    clip.rename(clip.with_name("other.mp4"))
    remembered(clip.with_name("other.mp4"), how="a way", find=find)
    assert find.times == 1
    clip.write_bytes(b"another clip")
    remembered(clip, how="a way", find=find)
    assert find.times == 2


def test_another_way_of_looking_is_another_pose(clip: Path) -> None:
    find = Finder()
    one, other = (remembered(clip, how=how, find=find) for how in ("a way", "another"))
    assert (one.points != other.points).any()


@pytest.mark.parametrize("damage", [b"", b"junk", None])
def test_a_damaged_cache_is_no_harm(clip: Path, damage: bytes | None) -> None:
    find = Finder()
    remembered(clip, how="a way", find=find)
    (file,) = kept()
    if damage is None:
        np.savez(file, points=np.zeros((2, 3, 3)), fps=np.array([8, 1]), aspect=np.array(1.0))
    else:
        file.write_bytes(damage)
    assert remembered(clip, how="a way", find=find).points.shape == (4, KEYPOINTS, 3)
    remembered(clip, how="a way", find=find)
    assert find.times == 2


def test_a_cache_that_cannot_be_written_is_no_harm(
    clip: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("VIDEOGEN_CACHE", str(tmp_path / "file"))
    find = Finder()
    for _ in range(2):
        assert len(remembered(clip, how="a way", find=find).points) == 4
    assert find.times == 2


def test_a_search_that_fails_is_not_kept(clip: Path) -> None:
    def fail() -> Pose:
        raise RequestError("nobody")

    with pytest.raises(RequestError, match="nobody"):
        remembered(clip, how="a way", find=fail)
    assert not cache_folder().exists()
    with pytest.raises(MediaError, match="missing"):
        remembered(clip.with_name("missing.mp4"), how="a way", find=Finder())


def test_the_longest_unused_go(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 2)
    find = Finder()
    for number, how in enumerate(("one", "two")):
        remembered(clip, how=how, find=find)
        for file in kept():
            os.utime(file, (number, number))
    remembered(clip, how="one", find=find)
    remembered(clip, how="three", find=find)
    assert len(kept()) == 2
    remembered(clip, how="one", find=find)
    assert find.times == 3


def test_the_cache_lies_where_users_have_theirs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("VIDEOGEN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "videogen"
