"""Laid out sound, written and decoded again: every click where it belongs, to a millisecond."""

from __future__ import annotations

import tracemalloc
import wave
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from videogen.errors import MediaError
from videogen.jobs.sounding import sound_across, sound_around
from videogen.media.video import write_video
from videogen.media.voice import sound_span
from videogen.sound import Part, Sound, repeated

Clip = Callable[..., list[np.ndarray]]
Hear = Callable[[Path], tuple[np.ndarray, int]]
NTSC = Fraction(30000, 1001)
WITHIN = 0.001


def write_clicks(
    path: Path, times: Sequence[float], *, seconds: float, rate: int = 48_000, channels: int = 1
) -> Path:
    """A WAV of silence with a short burst around each of the times."""
    clock = np.arange(round(seconds * rate)) / rate
    samples = np.zeros_like(clock)
    for time in times:
        near = np.abs(clock - time) < 0.004
        phase = (clock[near] - time) / 0.004
        samples[near] = 0.8 * np.cos(np.pi / 2 * phase) ** 2 * np.cos(2 * np.pi * 2000 * (clock[near] - time))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat((samples * 32767).astype("<i2"), channels).tobytes())
    return path


def clicks_in(heard: tuple[np.ndarray, int]) -> list[float]:
    """The middles of the bursts, in seconds."""
    samples, rate = heard
    energy = samples.astype(float) ** 2
    numbers = np.flatnonzero(energy > 0.1 * energy.max())
    groups = np.split(numbers, np.flatnonzero(np.diff(numbers) > 0.01 * rate) + 1)
    return [float((group * energy[group]).sum() / energy[group].sum() / rate) for group in groups]


def stay(count: int) -> Iterator[np.ndarray]:
    """A grey picture, so many times."""
    picture = np.full((32, 32, 3), 128, np.uint8)
    return iter([picture] * count)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
@pytest.mark.parametrize("rate", [44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_parts_of_two_files_lie_where_they_were_put(
    folder: Path, hear: Hear, suffix: str, rate: int, channels: int
) -> None:
    one = write_clicks(folder / "one.wav", [0.1, 0.9], seconds=1, rate=rate, channels=channels)
    two = write_clicks(folder / "two.wav", [0.2, 0.5], seconds=1)
    video = folder / f"source{suffix}"
    write_video(video, stay(30), fps=NTSC, audio=one)  # 1.001 s
    sound = Sound(
        (
            Part(video, at=Fraction(1, 3), length=Fraction(3, 4), fade_out=Fraction(1, 50)),
            Part(two, start=Fraction(2, 5), at=Fraction(3, 2)),
            Part(two, start=Fraction(-1, 4), at=Fraction(2)),
        ),
        asked=True,
    )
    out = folder / f"out{suffix}"
    write_video(out, stay(90), fps=NTSC, audio=sound)
    found = clicks_in(hear(out))
    assert found == pytest.approx([1 / 3 + 0.1, 1.6, 2.45, 2.75], abs=WITHIN)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_video_s_own_sound_stays_with_its_pictures_and_is_silent_beside_new_ones(
    folder: Path, hear: Hear, suffix: str
) -> None:
    source = folder / f"source{suffix}"
    wav = write_clicks(folder / "s.wav", [0.05, 1.2], seconds=1.5, rate=44_100)
    write_video(source, stay(60), fps=NTSC, audio=wav)  # its sound ends half a second before its picture
    length, total = 60 / NTSC, 120 / NTSC
    at = 30 / NTSC
    sound = sound_around("keep", source, at=at, length=length, total=total)
    write_video(folder / "out.mp4", stay(120), fps=NTSC, audio=sound)
    samples, rate = hear(folder / "out.mp4")
    assert clicks_in((samples, rate)) == pytest.approx(
        [at + Fraction(1, 20), at + Fraction(6, 5)], abs=WITHIN
    )
    assert np.abs(samples[: round(float(at) * rate) - 1]).max() < 0.01


def test_repeated_sound_comes_again_before_and_after(folder: Path, hear: Hear) -> None:
    source = folder / "source.mp4"
    write_video(source, stay(30), fps=NTSC, audio=write_clicks(folder / "s.wav", [0.5], seconds=2))
    at, length, total = 15 / NTSC, 30 / NTSC, 90 / NTSC
    sound = sound_around("loop", source, at=at, length=length, total=total)
    write_video(folder / "out.mp4", stay(90), fps=NTSC, audio=sound)
    begin, end = sound_span(source)
    period = float(min(end, length) - begin) - 0.02
    own = float(at) + 0.5
    expected = [own + number * period for number in (-1, 0, 1, 2)]
    assert clicks_in(hear(folder / "out.mp4")) == pytest.approx(expected, abs=WITHIN)


def test_two_videos_keep_their_sounds_and_one_may_have_none(folder: Path, hear: Hear) -> None:
    for name, rate, channels in (("a", 44_100, 2), ("b", 48_000, 1)):
        wav = write_clicks(folder / f"{name}.wav", [0.3, 1.8], seconds=2, rate=rate, channels=channels)
        write_video(folder / f"{name}.mp4", stay(30), fps=NTSC, audio=wav)
    write_video(folder / "silent.mp4", stay(30), fps=NTSC)
    times = {"first_length": 30 / NTSC, "second_at": 45 / NTSC, "second_length": 30 / NTSC}
    second = float(45 / NTSC) + 0.3
    both, late, none = (
        sound_across("keep", folder / one, folder / two, **times)
        for one, two in (("a.mp4", "b.mp4"), ("silent.mp4", "b.mp4"), ("silent.mp4", "silent.mp4"))
    )
    assert none is None
    write_video(folder / "both.webm", stay(75), fps=NTSC, audio=both)
    write_video(folder / "late.mp4", stay(75), fps=NTSC, audio=late)
    assert clicks_in(hear(folder / "both.webm")) == pytest.approx([0.3, second], abs=WITHIN)
    assert clicks_in(hear(folder / "late.mp4")) == pytest.approx([second], abs=WITHIN)


def test_a_crossfade_is_as_loud_as_what_it_joins(folder: Path, hear: Hear) -> None:
    for name, seed in (("one", 0), ("two", 1)):
        noise = np.random.default_rng(seed).normal(0, 3000, 48_000).clip(-30_000, 30_000).astype("<i2")
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(48_000)
            file.writeframes(noise.tobytes())
    half = Fraction(1, 2)
    sound = Sound(
        (
            Part(folder / "one.wav", length=Fraction(1), fade_out=half),
            Part(folder / "two.wav", at=half, length=Fraction(1), fade_in=half),
        ),
        asked=True,
    )
    write_video(folder / "a.mp4", stay(12), fps=Fraction(8), audio=sound)
    samples, rate = hear(folder / "a.mp4")
    loud = [samples[rate * n // 10 : rate * (n + 1) // 10].std() for n in range(1, 14)]
    assert max(loud) / min(loud) < 1.25


def test_a_long_layout_takes_no_more_memory_than_a_short_one(folder: Path) -> None:
    wav = write_clicks(folder / "s.wav", [0.5], seconds=1, rate=8_000)

    def peak(seconds: int) -> int:
        parts = repeated(wav, at=Fraction(0), total=Fraction(seconds), span=(Fraction(0), Fraction(1)))
        tracemalloc.start()
        write_video(folder / "a.mp4", stay(seconds), fps=Fraction(1), audio=Sound(parts, asked=True))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(2)
    assert peak(120) < peak(10) + 1_000_000


def test_a_part_without_sound_is_refused_before_anything_is_written(folder: Path, clip: Clip) -> None:
    write_video(folder / "silent.mp4", clip(2), fps=Fraction(8))
    wav = write_clicks(folder / "s.wav", [0.1], seconds=1)
    sound = Sound((Part(wav), Part(folder / "silent.mp4", at=Fraction(1))), asked=True)
    with pytest.raises(MediaError, match=r"silent\.mp4' holds no sound"):
        write_video(folder / "a.mp4", clip(2), fps=Fraction(8), audio=sound)
    assert not (folder / "a.mp4").exists()
