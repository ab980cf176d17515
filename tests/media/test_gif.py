"""GIFs that are written frame by frame, and WebPs that are not."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from videogen.errors import MediaError
from videogen.media.ahead import SIZE
from videogen.media.provenance import GrowingRecord, read_record
from videogen.media.video import read_video, write_video


def boxes(count: int) -> list[np.ndarray]:
    """A red box that moves over grey, which a GIF holds exactly."""
    frames = []
    for number in range(count):
        frame = np.full((48, 64, 3), 90, np.uint8)
        frame[10:20, 2 * number : 2 * number + 10] = (200, 10, 30)
        frames.append(frame)
    return frames


def test_a_gif_of_few_colours_comes_back_exactly_and_small(folder: Path) -> None:
    frames = boxes(20)
    write_video(folder / "a.gif", frames, fps=Fraction(20))
    with read_video(folder / "a.gif") as video:
        assert all(np.array_equal(one, other) for one, other in zip(video, frames, strict=True))
    assert (folder / "a.gif").stat().st_size < 20 * 1000


def test_the_frames_of_a_gif_are_not_kept(folder: Path) -> None:
    made: list[weakref.ref[np.ndarray]] = []

    def film() -> Iterator[np.ndarray]:
        for number in range(25):
            frame = boxes(number + 1)[-1]
            made.append(weakref.ref(frame))
            assert sum(each() is not None for each in made) <= 3 + SIZE
            yield frame

    assert write_video(folder / "a.gif", film(), fps=Fraction(20)) == 25


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(7), Fraction(50)])
def test_delays_of_a_gif_add_up_and_repeated_frames_count(folder: Path, fps: Fraction) -> None:
    frames = [frame for frame in boxes(20) for _ in range(3)]
    assert write_video(folder / "a.gif", frames, fps=fps) == 60
    with Image.open(folder / "a.gif") as image:
        total = 0
        for number in range(image.n_frames):
            image.seek(number)
            total += image.info["duration"]
        assert image.info["loop"] == 0
    assert abs(total / 1000 - 60 / fps) <= 0.005
    with read_video(folder / "a.gif") as video:
        assert len(list(video)) == 60


def test_a_growing_record_is_filled_in_at_the_end(folder: Path) -> None:
    record = GrowingRecord({"prompt": "x" * 1000}, lambda: {"drift": 0.25})
    write_video(folder / "a.gif", boxes(3), fps=Fraction(20), record=record)
    assert read_record(folder / "a.gif") == {"prompt": "x" * 1000, "drift": 0.25}


def test_a_webp_that_would_fill_the_memory_is_refused_in_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, failure_of: Callable[..., MediaError | None]
) -> None:
    monkeypatch.setattr("videogen.media.animation.MOST_HELD", 48 * 64 * 5)
    error = failure_of(lambda: write_video(folder / "a.webp", boxes(6), fps=Fraction(20)))
    assert "more than 5 frames of 64x48 pixels" in str(error)
    assert "\n" not in str(error)
    assert not list(folder.iterdir())
    write_video(folder / "a.webp", boxes(5), fps=Fraction(20))
