"""Sprite sheets: frames in rows on one picture, read back as the clip that they were."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from videogen.errors import MediaError
from videogen.media import sprites
from videogen.media.image import is_still, read_image, save_png
from videogen.media.provenance import Layout, read_record
from videogen.media.sprites import columns_of
from videogen.media.video import check_output, probe, read_video, write_video
from videogen.types import Frame


def clip(count: int, *, height: int = 24, width: int = 32) -> list[Frame]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(count)]


@pytest.mark.parametrize("count", [1, 2, 5, 7, 12])
def test_frames_rate_and_record_come_back_bit_for_bit(tmp_path: Path, count: int) -> None:
    path, frames = tmp_path / "walk.Sheet.PNG", clip(count)
    write_video(path, frames, fps=Fraction(24000, 1001), record={"job": "test"})
    info = probe(path)
    assert (info.width, info.height, info.num_frames) == (32, 24, count)
    assert info.fps == Fraction(24000, 1001)
    with read_video(path) as video:
        back = list(video)
    assert len(back) == count
    assert all(np.array_equal(a, b) for a, b in zip(back, frames, strict=True))
    assert read_record(path)["job"] == "test"


def test_frames_lie_in_rows_on_a_sheet_that_is_about_square(tmp_path: Path) -> None:
    path, frames = tmp_path / "a.sheet.png", clip(7)
    write_video(path, frames, fps=Fraction(8))
    sheet = read_image(path)
    assert sheet.shape == (72, 96, 3)
    assert np.array_equal(sheet[24:48, 32:64], frames[4])
    assert not sheet[48:, 32:].any()
    assert columns_of(Layout(Fraction(8), width=160, height=20), 16) == 2
    assert columns_of(Layout(Fraction(8), width=20, height=160), 16) == 12


def test_a_sheet_is_a_clip_and_another_picture_is_not(tmp_path: Path) -> None:
    write_video(tmp_path / "a.sheet.png", clip(3), fps=Fraction(8))
    Image.fromarray(clip(1)[0]).save(tmp_path / "b.sheet.png")
    assert not is_still(tmp_path / "a.sheet.png")
    assert is_still(tmp_path / "b.sheet.png")
    with pytest.raises(MediaError, match="is a still picture"):
        probe(tmp_path / "b.sheet.png")


@pytest.mark.parametrize("layout", [(32, 24, 99), (32, 24, 0), (32, 24, -3), (64, 480, 4), (900, 24, 1)])
def test_a_sheet_that_was_cut_or_resized_is_refused(tmp_path: Path, layout: tuple[int, int, int]) -> None:
    width, height, count = layout
    picture = np.zeros((48, 64, 3), np.uint8)
    save_png(tmp_path / "a.png", picture, layout=Layout(Fraction(8), width, height, count))
    with pytest.raises(MediaError, match="it was resized or cut"):
        probe(tmp_path / "a.png")


def test_a_sheet_that_would_be_too_large_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sprites, "MAX_PIXELS", 6 * 24 * 32)
    write_video(tmp_path / "a.sheet.png", clip(6), fps=Fraction(8))
    with pytest.raises(MediaError, match="a sprite sheet of 7 frames or more"):
        write_video(tmp_path / "b.sheet.png", clip(9), fps=Fraction(8))
    assert [path.name for path in tmp_path.iterdir()] == ["a.sheet.png"]
    with pytest.raises(MediaError, match=r"in \.sheet\.png"):
        check_output(tmp_path / "a.png", fps=Fraction(8))
