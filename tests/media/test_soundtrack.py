"""Sound beside the picture: length, place, and that the record survives it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from videogen.errors import MediaError
from videogen.media.provenance import read_record
from videogen.media.video import probe, read_video, write_video

Clip = Callable[..., list[np.ndarray]]
MakeSound = Callable[..., Path]
Hear = Callable[[Path], tuple[np.ndarray, int]]


@pytest.mark.parametrize("name", ["a.mp4", "a.webm"])
@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (8_000, 1), (48_000, 2)])
def test_sound_is_cut_to_the_picture_and_stays_in_its_place(
    folder: Path, clip: Clip, make_sound: MakeSound, hear: Hear, name: str, rate: int, channels: int
) -> None:
    sound = make_sound(folder / "s.wav", seconds=3, rate=rate, channels=channels)
    fps = Fraction(30000, 1001)
    assert write_video(folder / name, clip(45), fps=fps, audio=sound, record={"seed": 1}) == 45
    samples, heard_rate = hear(folder / name)
    assert abs(len(samples) / heard_rate - 45 / fps) <= 1 / fps
    assert abs(np.abs(samples).argmax() / heard_rate - 0.5) < 0.01
    assert 0.015 < np.abs(samples[: heard_rate // 4]).mean() < 0.03
    assert read_record(folder / name) == {"seed": 1}
    assert probe(folder / name).has_audio
    with read_video(folder / name) as video:
        assert video.info.fps == fps
        assert len(list(video)) == 45


def test_shorter_sound_ends_before_the_picture(
    folder: Path, clip: Clip, make_sound: MakeSound, hear: Hear
) -> None:
    sound = make_sound(folder / "s.wav", seconds=0.75)
    write_video(folder / "a.mp4", clip(16), fps=Fraction(8), audio=sound)
    samples, rate = hear(folder / "a.mp4")
    assert abs(len(samples) / rate - 0.75) < 0.06
    with read_video(folder / "a.mp4") as video:
        assert len(list(video)) == 16


def test_sound_passes_from_clip_to_clip(folder: Path, clip: Clip, make_sound: MakeSound, hear: Hear) -> None:
    sound = make_sound(folder / "s.wav", seconds=2)
    write_video(folder / "a.mp4", clip(16), fps=Fraction(8), audio=sound)
    write_video(folder / "b.webm", clip(16), fps=Fraction(8), audio=folder / "a.mp4")
    write_video(folder / "c.mp4", clip(16), fps=Fraction(8), audio=folder / "b.webm")
    samples, rate = hear(folder / "c.mp4")
    assert abs(len(samples) / rate - 2) < 0.05
    assert abs(np.abs(samples).argmax() / rate - 0.5) < 0.01


@pytest.mark.parametrize("late", [Fraction(1, 4), Fraction(-1, 4)])
def test_sound_that_begins_beside_its_own_picture_keeps_its_offset(
    folder: Path, clip: Clip, hear: Hear, late: Fraction
) -> None:
    rate = 48_000
    samples = np.zeros((1, rate), np.float32)
    samples[:, rate // 2 : rate // 2 + 200] = 0.9
    with av.open(str(folder / "source.mkv"), "w") as container:
        picture = container.add_stream("libx264", rate=25)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("flac", rate=rate, layout="mono")
        block = av.AudioFrame.from_ndarray((samples * 32767).astype(np.int16), format="s16", layout="mono")
        block.sample_rate, block.time_base = rate, Fraction(1, rate)
        block.pts = round(max(late, 0) * rate)
        container.mux(sound.encode(block))
        container.mux(sound.encode(None))
        for index, pixels in enumerate(clip(50)):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.time_base = Fraction(1, 100)
            frame.pts = index * 4 + round(max(-late, 0) * 100)
            picture.codec_context.time_base = frame.time_base
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
    write_video(folder / "a.mp4", clip(16), fps=Fraction(8), audio=folder / "source.mkv")
    heard, heard_rate = hear(folder / "a.mp4")
    assert abs(np.abs(heard).argmax() / heard_rate - (0.5 + late)) < 0.02


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "pictures"])
def test_formats_without_sound_say_so(
    folder: Path, clip: Clip, make_sound: MakeSound, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    write_video(folder / name, clip(2), fps=Fraction(8), audio=make_sound(folder / "s.wav", seconds=1))
    assert "cannot hold sound" in caplog.text


def test_a_file_without_sound_is_refused(folder: Path, clip: Clip) -> None:
    write_video(folder / "silent.mp4", clip(2), fps=Fraction(8))
    (folder / "text.wav").write_text("no sound")
    for name, reason in {
        "silent.mp4": "no sound",
        "text.wav": "cannot be read as sound",
        "none.wav": "none.wav",
    }.items():
        with pytest.raises(MediaError, match=reason):
            write_video(folder / "a.mp4", clip(2), fps=Fraction(8), audio=folder / name)
    assert not (folder / "a.mp4").exists()


def test_damaged_sound_is_one_line_and_leaves_no_file(
    folder: Path, clip: Clip, make_sound: MakeSound, failure_of: Callable[..., MediaError | None]
) -> None:
    write_video(folder / "a.mp4", clip(16), fps=Fraction(8), audio=make_sound(folder / "s.wav", seconds=2))
    whole = (folder / "a.mp4").read_bytes()
    rng = np.random.default_rng(0)

    def write() -> None:
        write_video(folder / "b.mp4", clip(16), fps=Fraction(8), audio=folder / "bad.mp4")

    for _ in range(20):
        mutant = bytearray(whole)
        for place in rng.integers(0, len(whole), 30):
            mutant[place] = rng.integers(256)
        (folder / "bad.mp4").write_bytes(mutant)
        error = failure_of(write)
        assert error is None or "\n" not in str(error)
        assert (folder / "b.mp4").exists() is (error is None)
        (folder / "b.mp4").unlink(missing_ok=True)
