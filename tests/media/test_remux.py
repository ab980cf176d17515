"""Sound that is copied: the very packets, at their times, to the end of long films; and sound at a tempo."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.media.clicks import click_film, click_times, offsets, packets, seconds_of
from videogen.media.provenance import read_record
from videogen.media.video import read_video, write_video
from videogen.sound import Part, Sound

RATES = [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(50), Fraction(60000, 1001)]


def pass_on(source: Path, target: Path, *, sound: Sound | Path | None = None) -> Fraction:
    """Read a film and write it again with its sound; its rate."""
    with read_video(source) as video:
        write_video(target, video, fps=video.info.fps, audio=sound or source, record={"seed": 1})
        return video.info.fps


@pytest.mark.parametrize(
    ("source", "target"),
    [("a.mp4", "b.mp4"), ("a.mkv", "b.mp4"), ("a.webm", "b.webm"), ("a.webm", "b.mp4")],
)
def test_sound_whose_timing_is_unchanged_is_copied_bit_for_bit(
    folder: Path, source: str, target: str
) -> None:
    click_film(folder / source, fps=Fraction(25), seconds=4)
    pass_on(folder / source, folder / target)
    before, after = packets(folder / source), packets(folder / target)
    assert len(before) - 2 <= len(after) <= len(before)
    assert after == before[: len(after)]
    assert max(map(abs, offsets(folder / target))) < 0.04
    assert read_record(folder / target) == {"seed": 1}


@pytest.mark.parametrize(("source", "target"), [("a.mp4", "b.webm"), ("a.mkv", "b.webm")])
def test_sound_that_the_format_does_not_hold_is_encoded_again(folder: Path, source: str, target: str) -> None:
    click_film(folder / source, fps=Fraction(25), seconds=4)
    pass_on(folder / source, folder / target)
    assert packets(folder / target) != packets(folder / source)
    assert max(map(abs, offsets(folder / target))) < 0.04


def test_copied_sound_ends_with_the_picture(folder: Path) -> None:
    click_film(folder / "a.mp4", fps=Fraction(25), seconds=4)
    write_video(
        folder / "b.mp4", [np.zeros((64, 64, 3), np.uint8)] * 40, fps=Fraction(25), audio=folder / "a.mp4"
    )
    picture, sound = seconds_of(folder / "b.mp4")
    assert abs(picture - 1.6) < 0.001
    assert 0 <= sound - picture < 0.04


def check_long(folder: Path, *, fps: Fraction, seconds: int) -> None:
    click_film(folder / "a.mp4", fps=fps, seconds=seconds, every=max(1, seconds // 20))
    assert pass_on(folder / "a.mp4", folder / "b.mp4") == fps
    with read_video(folder / "b.mp4") as video:
        assert video.info.fps == fps
        assert video.info.num_frames == round(seconds * fps)
    found = offsets(folder / "b.mp4")
    assert len(found) >= 10
    assert max(map(abs, found)) <= 1 / fps
    picture, sound = seconds_of(folder / "b.mp4")
    assert abs(picture - seconds) <= 1 / fps
    assert abs(sound - picture) <= 1 / fps + Fraction(1024, 48_000)


@pytest.mark.parametrize("fps", RATES)
def test_rate_length_and_offset_are_right_to_within_a_frame(folder: Path, fps: Fraction) -> None:
    check_long(folder, fps=fps, seconds=11)


@pytest.mark.slow
@pytest.mark.parametrize("fps", RATES)
def test_rate_length_and_offset_are_right_at_the_end_of_five_minutes(folder: Path, fps: Fraction) -> None:
    check_long(folder, fps=fps, seconds=300)


@pytest.mark.parametrize("tempo", [Fraction(1, 2), Fraction(2), Fraction(1, 5), Fraction(4, 5), Fraction(5)])
def test_sound_at_a_tempo_stays_in_step_and_at_its_pitch(
    folder: Path,
    tempo: Fraction,
    make_sound: Callable[..., Path],
    hear: Callable[[Path], tuple[np.ndarray, int]],
) -> None:
    source = make_sound(folder / "s.wav", seconds=10, click=8)
    seconds = 10 / tempo
    frames = [np.zeros((64, 64, 3), np.uint8)] * round(10 * seconds)
    sound = Sound.of(source, asked=True, tempo=tempo)
    write_video(folder / "a.mp4", frames, fps=Fraction(10), audio=sound)
    (click,) = click_times(folder / "a.mp4")
    # The filter places its waves to within some hundredths of a second of the source.
    assert abs(click - 8 / tempo) < max(0.04, 0.02 / tempo)
    heard, rate = hear(folder / "a.mp4")
    assert abs(len(heard) / rate - seconds) < 0.1
    middle = heard[len(heard) // 4 :][: rate // 2]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert abs(spectrum.argmax() * rate / len(middle) - 440) < 5


def test_a_tempo_that_nobody_can_hear_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="1/16 to 16"):
        Part(folder / "s.wav", tempo=Fraction(1, 20))
