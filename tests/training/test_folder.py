"""A folder of clips: what is read, how it is cut to size, and what is said of what cannot be read."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from videogen.conditions.pose import write_pose
from videogen.errors import RequestError
from videogen.media.image import write_image
from videogen.media.video import write_video
from videogen.skeleton import BODY, KEYPOINTS
from videogen.training.folder import OwnClip, crop_points, fit, read_folder, with_trigger
from videogen.types import Frame, Pose


def frames(count: int, *, height: int = 32, width: int = 48) -> list[Frame]:
    """Return grey frames whose middle third is white, brighter from frame to frame."""
    made = []
    for number in range(count):
        frame = np.full((height, width, 3), 40 + 20 * number, np.uint8)
        frame[:, width // 3 : 2 * width // 3] = 220
        made.append(frame)
    return made


def read(folder: Path, *, trigger: str | None = None) -> list[OwnClip]:
    return read_folder(folder, height=32, width=32, fps=8.0, trigger=trigger)


def test_videos_animations_folders_and_pictures_are_clips_in_the_order_of_names(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames(5), fps=Fraction(12))
    write_video(tmp_path / "b.gif", frames(4), fps=Fraction(10))
    write_video(tmp_path / "c", frames(3), fps=Fraction(6))
    write_image(tmp_path / "d.png", frames(1)[0])
    write_video(tmp_path / "e.webp", frames(2), fps=Fraction(8))
    (tmp_path / "a.txt").write_text("zorp  waves\n", encoding="utf-8")
    found = read(tmp_path)
    assert [clip.name for clip in found] == ["a.mp4", "b.gif", "c", "d.png", "e.webp"]
    assert [len(clip.pictures) for clip in found] == [5, 4, 3, 1, 2]
    assert [clip.fps for clip in found] == [12, 10, 6, 8, 8]
    assert [clip.caption for clip in found] == ["zorp waves", "", "", "", ""]
    for clip in found:
        assert clip.pictures.shape[1:] == (3, 32, 32)
        assert -1 <= clip.pictures.min() < 0 < clip.pictures.max() <= 1
        assert clip.points is None


@pytest.mark.parametrize(("height", "width"), [(32, 48), (90, 30), (17, 61), (32, 32), (200, 500)])
def test_a_picture_is_cut_to_its_middle_and_never_squashed(height: int, width: int) -> None:
    disc = (
        np.hypot(*np.mgrid[0.5 - height / 2 : height / 2, 0.5 - width / 2 : width / 2])
        < min(height, width) / 4
    )
    fitted = fit(np.repeat(disc[..., None], 3, 2).astype(np.uint8) * 255, height=32, width=32)
    assert fitted.shape == (1, 3, 32, 32)
    seen = fitted[0, 0] > 0
    rows, columns = seen.any(1).nonzero().flatten(), seen.any(0).nonzero().flatten()
    assert len(rows) == pytest.approx(16, abs=2)
    assert len(columns) == pytest.approx(16, abs=2)
    assert rows.float().mean() == pytest.approx(15.5, abs=0.6)
    assert columns.float().mean() == pytest.approx(15.5, abs=0.6)


def test_a_pose_beside_a_clip_is_cut_like_its_pictures(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames(4), fps=Fraction(8))
    points = np.zeros((2, KEYPOINTS, 3), np.float32)
    points[:, BODY["nose"]] = [1 / 3, 0.25, 1.0]
    write_pose(tmp_path / "a.json", Pose(points, fps=Fraction(4)), width=48, height=32)
    (clip,) = read(tmp_path)
    assert clip.points is not None
    nose = clip.points[:, BODY["nose"]]
    assert nose[:3].tolist() == [pytest.approx([0.25, 0.25, 1.0], abs=1e-4)] * 3, "two frames for each of its"
    assert clip.points[:, BODY["neck"], 2].eq(0).all()


def test_points_lie_where_the_cut_leaves_them() -> None:
    points = torch.tensor([[[0.5, 0.5, 1.0], [0.25, 0.0, 1.0]]])
    assert torch.allclose(
        crop_points(points, source=(20, 40), height=32, width=32)[0, :, 0], torch.tensor([0.5, 0])
    )


def test_a_pose_that_ends_early_says_nothing_of_the_rest(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames(4), fps=Fraction(8))
    points = np.full((2, KEYPOINTS, 3), 0.5, np.float32)
    write_pose(tmp_path / "a.json", Pose(points), width=48, height=32)
    (clip,) = read(tmp_path)
    assert clip.points is not None
    assert (clip.points[..., 2].amax(1) > 0).tolist() == [True, True, False, False]


def test_what_cannot_be_read_among_good_clips_is_a_warning_that_names_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_video(tmp_path / "good.mp4", frames(3), fps=Fraction(8))
    (tmp_path / "bad.mp4").write_bytes(b"no video at all")
    (tmp_path / "empty.webm").write_bytes(b"")
    (tmp_path / "lost.txt").write_text("nobody waves")
    write_image(tmp_path / "odd.png", frames(1)[0])
    (tmp_path / "odd.txt").write_bytes(b"\xff\xfe\x00z")
    write_image(tmp_path / "posed.png", frames(1)[0])
    (tmp_path / "posed.json").write_text("{")
    with caplog.at_level(logging.WARNING):
        assert [clip.name for clip in read(tmp_path)] == ["good.mp4"]
    told = [record.getMessage() for record in caplog.records]
    for name in ("bad.mp4", "empty.webm", "lost.txt", "odd.txt", "posed.json"):
        assert sum(name in line for line in told) == 1, name
    assert all("\n" not in line for line in told)


def test_a_folder_without_a_usable_clip_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("a ball")
    with pytest.raises(RequestError, match=r"holds no clips; expected files \(\.mp4"):
        read(tmp_path)
    (tmp_path / "bad.mp4").write_bytes(b"no video at all")
    with pytest.raises(RequestError, match=r"none of the 1 clips .* is usable: .*bad\.mp4"):
        read(tmp_path)
    for missing in (tmp_path / "nowhere", tmp_path / "notes.txt"):
        with pytest.raises(RequestError, match="cannot be read as a folder of clips"):
            read(missing)


def test_a_very_long_clip_is_read_in_part(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("videogen.training.folder.MOST_FRAMES", 4)
    write_video(tmp_path / "a.mp4", frames(6), fps=Fraction(8))
    assert len(read(tmp_path)[0].pictures) == 4
    assert "only the first 4 frames" in caplog.text


def test_the_trigger_is_put_before_sentences_that_lack_it(tmp_path: Path) -> None:
    assert with_trigger("", "zorp") == "zorp"
    assert with_trigger("waves", "zorp") == "zorp waves"
    assert with_trigger("Zorp waves", "zorp") == "Zorp waves"
    assert with_trigger("zorps wave", "zorp") == "zorp zorps wave"
    assert with_trigger("waves", None) == "waves"
    write_image(tmp_path / "a.png", frames(1)[0])
    assert [clip.caption for clip in read(tmp_path, trigger="zorp")] == ["zorp"]
