"""What goes beside a driven clip: the driver's sound in step with it, or another; and how long it may be."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import videogen as vg
from videogen.clip import render
from videogen.conditions.pose import write_pose
from videogen.jobs import driving
from videogen.jobs.driving import read_driving
from videogen.media.provenance import read_record
from videogen.media.video import probe, read_video, write_video
from videogen.skeleton import draw_skeleton
from videogen.sound import Sound
from videogen.types import Pose
from videogen.world.clips import render_clips

MakeSound = Callable[..., Path]
Hear = Callable[[Path], tuple[np.ndarray, int]]
LENGTH, RATE = 16, Fraction(8)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_sound: MakeSound) -> Path:
    """A portrait, and a skeleton video of two seconds whose sound has a click after 0.5 s and a tone."""
    monkeypatch.chdir(tmp_path)
    clip = render_clips("person", torch.tensor([5]), size=64, num_frames=LENGTH, fps=float(RATE))
    person = clip.video[0, :, 0].add(1).mul(127.5).round().to(torch.uint8).permute(1, 2, 0)
    Image.fromarray(person.numpy()).save("person.png")
    points = clip.points[0]
    write_pose("person.json", Pose(points[:1].numpy(), aspect=1.0), width=64, height=64)
    write_pose("dance.json", Pose(points.numpy(), fps=RATE, aspect=1.0), width=64, height=64)
    drawn = draw_skeleton(points, height=256, width=256).mul(255).round().to(torch.uint8)
    frames = drawn.permute(0, 2, 3, 1).numpy()
    write_video("silent.mp4", iter(frames), fps=RATE)
    sound = make_sound(tmp_path / "sound.wav", seconds=3)
    write_video("dance.mp4", iter(frames), fps=RATE, audio=sound)
    make_sound(tmp_path / "other.wav", seconds=0.9, click=0.3)
    return tmp_path


def asked(**fields: Any) -> vg.Animate:
    return vg.Animate(**{"portrait": "person.png", "pose": "dance.mp4", "seed": 1, **fields})


def made(name: str, engine: Any, **fields: Any) -> Path:
    render(asked(**fields), name, engine=engine)
    return Path(name)


def click(heard: tuple[np.ndarray, int]) -> float:
    """Seconds from the beginning to the loudest sample."""
    samples, rate = heard
    return float(np.abs(samples).argmax() / rate)


@pytest.mark.parametrize("name", ["a.mp4", "a.webm"])
@pytest.mark.parametrize(("fields", "seconds"), [({}, 2), ({"fps": 12}, 2), ({"seconds": 1.0}, 1)])
def test_the_driver_s_sound_is_kept_in_step_and_cut_to_the_clip(
    name: str, fields: dict[str, Any], seconds: float, fake_engine: Any, hear: Hear
) -> None:
    path = made(name, fake_engine, **fields)
    samples, rate = hear(path)
    assert len(samples) / rate == pytest.approx(seconds, abs=0.06)
    assert click((samples, rate)) == pytest.approx(0.5, abs=0.02)
    assert probe(path).duration == seconds
    record = read_record(path)["request"]
    assert (record["pose"], record["audio"]) == ("dance.mp4", "keep")


def test_another_file_s_sound_may_take_its_place_or_none(fake_engine: Any, hear: Hear) -> None:
    samples, rate = hear(made("a.mp4", fake_engine, audio="other.wav"))
    assert click((samples, rate)) == pytest.approx(0.3, abs=0.02)
    assert len(samples) / rate == pytest.approx(0.9, abs=0.06)
    assert probe("a.mp4").duration == 2
    assert not probe(made("b.mp4", fake_engine, audio="none")).has_audio
    assert click(hear(made("c.mp4", fake_engine, audio="dance.mp4", pose="dance.json"))) == pytest.approx(
        0.5, abs=0.02
    )


@pytest.mark.parametrize("pose", ["silent.mp4", "dance.json"])
def test_a_driver_without_sound_makes_a_silent_clip(
    pose: str, fake_engine: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert not probe(made("a.mp4", fake_engine, pose=pose)).has_audio
    assert not caplog.messages


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "pictures"])
def test_a_format_without_sound_says_so_only_of_sound_that_was_named(
    name: str, fake_engine: Any, caplog: pytest.LogCaptureFixture
) -> None:
    made(name, fake_engine, seconds=0.2)
    assert not caplog.messages
    made(name, fake_engine, seconds=0.2, audio="other.wav")
    assert caplog.messages == [f"'{name}' cannot hold sound; it is left out"]


def test_a_clip_in_memory_knows_its_sound(fake_engine: Any, hear: Hear) -> None:
    clip = vg.run(asked(), engine=fake_engine)
    assert clip.audio == Sound.of("dance.mp4", asked=False)
    assert click(hear(clip.save("a.mp4"))) == pytest.approx(0.5, abs=0.02)
    clip.save("a.gif")
    assert vg.run(asked(audio="none"), engine=fake_engine).audio is None
    assert vg.run(asked(audio="other.wav"), engine=fake_engine).audio == Sound.of("other.wav", asked=True)


def test_a_file_named_like_a_word_is_given_with_its_folder(fake_engine: Any) -> None:
    Path("other.wav").rename("none")
    assert asked(audio="none").sound() is None
    assert asked(audio="./none").sound() == Sound.of("none", asked=True)


def test_sound_that_cannot_be_read_is_told_and_left_out_or_refused_before_any_work(
    fake_engine: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: object) -> None:
        raise vg.MediaError("'dance.mp4' cannot be read as sound: it is broken")

    monkeypatch.setattr("videogen.media.soundtrack.check_sound", broken)
    with caplog.at_level(logging.WARNING, logger="videogen"):
        assert asked().sound() is None
    assert caplog.messages == ["'dance.mp4' cannot be read as sound: it is broken; the clip has no sound"]
    for ask in (vg.run, lambda request, engine: render(request, "a.mp4", engine=engine)):
        with pytest.raises(vg.MediaError, match="broken"):
            ask(asked(audio="dance.mp4"), engine=fake_engine)
    assert fake_engine.rows == []


def test_ctrl_c_while_a_clip_with_sound_is_written_leaves_nothing(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from videogen.cli import main

    before = sorted(folder.iterdir())
    decode = fake_engine.decode_video

    def stopped(latents: torch.Tensor) -> Iterator[torch.Tensor]:
        for number, drawn in enumerate(decode(latents)):
            if number == 5:
                assert [path for path in folder.iterdir() if ".partial" in path.name]
                signal.raise_signal(signal.SIGINT)
            yield drawn

    monkeypatch.setattr(fake_engine, "decode_video", stopped)
    monkeypatch.setattr("videogen.clip.load_engine", lambda *_, **__: fake_engine)
    # Whoever is started in the background of a shell ignores this signal.
    before_us = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert main(["animate", "person.png", "--pose", "dance.mp4", "--seed", "1", "-o", "a.mp4"]) == 130
    finally:
        signal.signal(signal.SIGINT, before_us)
    assert sorted(folder.iterdir()) == before
    assert "no half-made file is left" in capsys.readouterr().err


def test_a_driver_of_twenty_minutes_is_refused_before_any_frame_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_video("long.mp4", iter([np.zeros((16, 16, 3), np.uint8)] * 1200), fps=Fraction(1))

    def look(*_: object, **__: object) -> None:
        raise AssertionError("frames were looked at")

    monkeypatch.setattr(driving, "is_drawing", look)
    with pytest.raises(vg.RequestError, match=r"makes 28800 frames .* at most 14400; give --seconds 600 or"):
        read_driving(Path("long.mp4"), rate=Fraction(24), smoothing=0, seconds=None)
    with pytest.raises(vg.RequestError, match=r"--seconds 1201 is longer than the pose, which lasts 1200"):
        read_driving(Path("long.mp4"), rate=Fraction(1), smoothing=0, seconds=1201)


def test_of_a_long_driver_only_the_beginning_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    with read_video("silent.mp4") as video:
        frames = list(video)
    write_video("long.mp4", iter(frames * 20), fps=RATE)
    whole = read_driving(Path("long.mp4"), rate=RATE, smoothing=0.5, seconds=None)
    looked: list[int] = []
    find = driving.pose_from_drawings

    def counted(frames: Iterator[np.ndarray], **how: Any) -> Pose:
        pose = find(frames, **how)
        looked.append(len(pose.points))
        return pose

    monkeypatch.setattr(driving, "pose_from_drawings", counted)
    part = read_driving(Path("long.mp4"), rate=RATE, smoothing=0.5, seconds=1.0)
    assert looked[0] < 50
    np.testing.assert_allclose(part.points, whole.points[:8], atol=1e-6)


def test_a_clip_that_would_not_fit_in_memory_is_refused(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("videogen.jobs.checks.MOST_PIXELS", 1000)
    with pytest.raises(vg.RequestError, match=r"16 frames of 32x32 .* make it shorter or smaller"):
        vg.run(asked(), engine=fake_engine)


@pytest.mark.parametrize("size", [(64, 64), (61, 99), (99, 61), (63, 64)])
def test_an_odd_size_is_padded_in_the_file_and_comes_back_as_it_was(
    size: tuple[int, int], fake_engine: Any
) -> None:
    import av

    width, height = size
    Image.open("person.png").resize(size).save("odd.png")
    fields = {"portrait": "odd.png", "keypoints": "person.json", "seconds": 0.3}
    path = made("odd.mp4", fake_engine, **fields)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (width + width % 2, height + height % 2)
    with read_video(path) as video:
        frames = list(video)
    exact = vg.run(asked(**fields), engine=fake_engine).frames
    assert np.stack(frames).shape == exact.shape == (2, height, width, 3)
    assert np.abs(np.stack(frames).astype(int) - exact).mean() < 6
