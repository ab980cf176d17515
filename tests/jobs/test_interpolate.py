"""Interpolate, from the request to the file, with networks without weights."""

from __future__ import annotations

import threading
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import videogen as vg
from tests.bettering import Blend, enhancer_of, without_weights
from tests.media.clicks import click_film, click_times, flash_times, offsets, packets, seconds_of
from videogen.cli import main
from videogen.jobs.interpolate import generate
from videogen.jobs.ledger import Ledger
from videogen.media.video import probe, read_video, write_video
from videogen.types import Frames

PLAIN: dict[str, Any] = {"video": "film"}
CHANGES: dict[str, Any] = {
    "video": "other",
    "fps": "30000/1001",
    "factor": 3,
    "slow_motion": 2.5,
    "scale": 2,
    "cuts": False,
    "checkpoint": Path("rife.pth"),
    "audio": "none",
    "device": "cpu",
    "precision": "bfloat16",
}
COUNT, RATE = 12, Fraction(8)


def film(*, shift: int = 0) -> Frames:
    """Two shots of six frames, in each of which a square moves."""
    frames = np.zeros((COUNT, 32, 48, 3), np.uint8)
    rng = np.random.default_rng(shift)
    grounds = rng.integers(0, 256, (2, 8, 12, 3), np.uint8).repeat(4, 1).repeat(4, 2)
    for number in range(COUNT):
        frames[number] = grounds[number // 6]
        frames[number, 8:16, 3 * number : 3 * number + 8] = (250, 40, 40)
    return frames


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with two films."""
    monkeypatch.chdir(tmp_path)
    without_weights(monkeypatch)
    write_video("film", iter(film()), fps=RATE)
    write_video("other", iter(film(shift=1)), fps=RATE)
    return tmp_path


def frames_of(**fields: Any) -> Frames:
    request = vg.Interpolate(**{**PLAIN, **fields})
    return np.stack(list(generate(request, enhancer_of(request))))


@pytest.mark.parametrize("name", sorted(CHANGES.keys() - {"audio", "device", "slow_motion"}))
def test_every_field_changes_the_frames(name: str) -> None:
    plain, changed = frames_of(), frames_of(**{name: CHANGES[name]})
    assert plain.shape != changed.shape or (plain != changed).any()


def test_the_device_is_where_the_networks_are() -> None:
    assert enhancer_of(vg.Interpolate("film", device="cpu")).device.type == "cpu"
    for device in ("cuda", "mps"):
        if not __import__("torch").get_device_module(device).is_available():
            with pytest.raises(vg.RequestError, match=device):
                vg.run(vg.Interpolate("film", device=device))


@pytest.mark.parametrize(
    ("fields", "count", "rate"),
    [
        ({}, 24, Fraction(16)),
        ({"factor": 5}, 60, Fraction(40)),
        ({"fps": "24"}, 36, Fraction(24)),
        ({"fps": 23.976}, 36, Fraction("23.976")),
        ({"fps": "60000/1001"}, 90, Fraction(60000, 1001)),
        ({"fps": 3}, 5, Fraction(3)),
        ({"slow_motion": 2}, 24, Fraction(8)),
        ({"slow_motion": "5/2", "factor": 2}, 60, Fraction(16)),
    ],
)
def test_the_clip_lasts_as_long_as_the_video_or_as_is_asked(
    fields: dict[str, Any], count: int, rate: Fraction
) -> None:
    clip = vg.run(vg.Interpolate("film", **fields))
    assert (len(clip.frames), clip.fps) == (count, rate)
    assert abs(count / rate - Fraction(fields.get("slow_motion", 1)) * COUNT / RATE) <= 1 / rate


def test_the_video_s_own_frames_stay_and_nothing_mixes_two_shots() -> None:
    made = frames_of(factor=4)
    np.testing.assert_array_equal(made[::4], film())
    own = film()
    for number in (20, 21, 22, 23):
        np.testing.assert_array_equal(made[number], own[5])
    assert (made[2] != own[0]).any()
    assert (made[2] != own[1]).any()
    mixed = frames_of(factor=4, cuts=False)
    assert (mixed[22] != own[5]).any()


def test_the_sound_stays_or_is_stretched_with_the_picture_or_dropped(
    make_sound: Callable[..., Path],
) -> None:
    sound = make_sound(Path("click.wav"), seconds=1.5)
    write_video("loud.mp4", iter(film()), fps=RATE, audio=sound)
    for fields, tempo in (({}, 1), ({"slow_motion": 2}, Fraction(1, 2)), ({"fps": 60}, 1)):
        [part] = vg.Interpolate("loud.mp4", **fields).sound().parts
        assert (part.path, part.tempo) == (Path("loud.mp4"), tempo)
    assert vg.Interpolate("loud.mp4", slow_motion=2, audio="none").sound() is None
    assert vg.Interpolate("film").sound() is None
    [part] = vg.Interpolate("film", slow_motion=2, audio="click.wav").sound().parts
    assert (part.path, part.tempo) == (sound, 1)
    vg.render(vg.Interpolate("loud.mp4", fps=24), "out.mp4")
    assert probe("out.mp4").has_audio


def test_a_file_says_how_it_was_made_and_is_made_again_from_that(tmp_path: Path) -> None:
    record = vg.render(vg.Interpolate("film", fps="24000/1001", scale=2), "out.mp4")
    assert record["request"]["job"] == "interpolate"
    assert "seed" not in record["request"]
    assert record["weights"].keys() == {"interpolator", "upscaler"}
    assert record["numbers"]
    info = probe("out.mp4")
    assert (info.width, info.height, info.fps) == (96, 64, Fraction(24000, 1001))
    assert main(["run", "out.mp4", "-o", "again.mp4"]) == 0
    assert Path("again.mp4").read_bytes() == Path("out.mp4").read_bytes()


def test_how_many_frames_there_will_be_is_known_before() -> None:
    ledger, seen = Ledger(), []
    request = vg.Interpolate("film", factor=3)
    next(generate(request, enhancer_of(request), ledger=ledger))
    assert ledger.expected == 36
    vg.render(request, "out.gif", progress=lambda *stage: seen.append(stage))
    assert seen[0][0] == "loading"
    assert [stage for stage in seen if stage[0] == "frames"] == [("frames", n, 36) for n in range(1, 37)]


def test_frames_pass_while_the_video_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from videogen.media import video

    pulled, original = [0], video.VideoReader.__iter__

    def counting(reader: Any) -> Any:
        for frame in original(reader):
            pulled[0] += 1
            yield frame

    monkeypatch.setattr(video.VideoReader, "__iter__", counting)
    request = vg.Interpolate("film")
    made = generate(request, enhancer_of(request))
    for number in range(1, 9):
        next(made)
        assert pulled[0] <= number / 2 + 6
    made.close()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"fps": 24, "factor": 2}, "--fps and --factor were both given"),
        ({"factor": 1}, "--factor was given as 1; expected a whole number, at least 2 and at most 8"),
        ({"factor": 9}, "at most 8"),
        ({"fps": 0}, "--fps was given as 0"),
        ({"fps": 241}, "--fps was given as 241"),
        ({"fps": "1e9"}, "expected a rate such as 24, 23.976 or 30000/1001"),
        ({"slow_motion": 0.5}, "--slow-motion was given as"),
        ({"slow_motion": 17}, "--slow-motion was given as"),
        ({"scale": 3}, "--scale: expected 1, 2 or 4, not 3"),
        ({"seed": 1}, "there is no setting 'seed'"),
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(vg.RequestError) as caught:
        vg.Interpolate("film", **fields)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kept", [False, True])
def test_ctrl_c_leaves_nothing_half_made_and_says_how_to_go_on(
    kept: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["interpolate", "film", "-o", "out.mp4", *(["--job", "my job"] if kept else [])]

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    threads = threading.active_count()
    with monkeypatch.context() as patch:
        patch.setattr(Blend, "forward", stop)
        assert main(words) == 130
    told = capsys.readouterr().err
    assert ("videogen resume 'my job'" if kept else "with --job DIR it goes on") in told
    assert "seed" not in told
    assert {path.name for path in Path().iterdir()} == {"film", "other", *(["my job"] if kept else [])}
    assert threading.active_count() <= threads
    assert main(["resume", "my job"] if kept else words) == 0
    assert capsys.readouterr().out.partition(":")[0].endswith("out.mp4")


def test_what_nobody_names_is_named_after_the_video(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("interpolate-film.mp4", "interpolate-film-2.mp4"):
        assert main(["interpolate", "film"]) == 0
        assert capsys.readouterr().out.startswith(f"{name}: flicker")


def test_a_sweep_goes_over_its_fields_and_variations_have_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    vg.render(vg.Interpolate("film"), "a.mp4")
    assert main(["sweep", "a.mp4", "--over", "factor=2,3", "-o", "many"]) == 0
    assert sorted(probe(path).fps for path in Path("many").glob("*.mp4")) == [16, 24]
    assert main(["variations", "a.mp4", "-o", "more"]) == 2
    assert "draws no noise" in capsys.readouterr().err


def test_a_video_of_one_frame_has_nothing_between(tmp_path: Path) -> None:
    write_video("one", iter(film()[:1]), fps=RATE)
    with pytest.raises(vg.RequestError, match=r"one. has 1 frame, and nothing lies between"):
        vg.render(vg.Interpolate("one"), "out.mp4")
    assert not Path("out.mp4").exists()


def test_networks_that_are_given_must_be_those_asked_for(fake_engine: Any) -> None:
    request = vg.Interpolate("film", scale=2)
    assert len(vg.run(request, engine=enhancer_of(request)).frames) == 24
    with pytest.raises(vg.RequestError, match="names the scale '2', but the engine given holds '1'"):
        vg.run(request, engine=enhancer_of(vg.Interpolate("film")))
    with pytest.raises(vg.RequestError, match="interpolate is not done by a FakeEngine"):
        vg.run(request, engine=fake_engine)
    with pytest.raises(vg.RequestError, match="text-to-video is not done by a Enhancer"):
        vg.run(vg.TextToVideo("a red ball"), engine=enhancer_of(request))


def test_a_film_at_its_own_rate_costs_no_network() -> None:
    np.testing.assert_array_equal(frames_of(fps=RATE), film())
    assert not Blend.calls


def test_what_is_written_is_what_was_made() -> None:
    vg.render(vg.Interpolate("film", factor=2), "out")
    with read_video("out") as video:
        np.testing.assert_array_equal(np.stack(list(video)), frames_of())


SOURCES = (Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(50), Fraction(60000, 1001))
WANTED = ({"factor": 2}, {"fps": 24}, {"fps": 60})


def bright_times(path: Path) -> list[float]:
    """When the picture begins to be brighter than it mostly is, in seconds."""
    rate, levels = probe(path).fps, [20.0]
    with read_video(path) as video:
        levels.extend(float(frame[::8, ::8].mean()) for frame in video)
    return [
        float((number - 1) / rate)
        for number, (before, here) in enumerate(pairwise(levels), start=1)
        if here > 40 >= before
    ]


def check_in_step(source: Fraction, wanted: dict[str, Any], *, seconds: int) -> None:
    """Make a film smoother whose sound clicks where its picture flashes, and compare the two to the end."""
    film, out = Path("clicks.mp4"), Path("out.mp4")
    click_film(film, fps=source, seconds=seconds)
    vg.render(vg.Interpolate(film, **wanted), out)
    rate = probe(out).fps
    assert rate == wanted.get("fps", 2 * source)
    picture, sound = seconds_of(out)
    assert abs(picture - round(seconds * source) / source) <= 1 / rate
    assert abs(sound - seconds) <= max(1 / rate, 0.025)
    assert packets(out) == packets(film)
    assert click_times(out) == pytest.approx(click_times(film), abs=0.001)
    own, flashes = bright_times(film), bright_times(out)
    assert len(own) == seconds - 1
    # At a lower rate some flashes of one frame fall between two others.
    assert seconds - 1 >= len(flashes) >= (seconds - 1) * (1 if rate >= source else 0.4)
    assert flashes[-1] > seconds - 4
    for flash in flashes:
        # Frames drawn before it are bright already; at a lower rate the first that shows it comes after.
        late = min((flash - each for each in own), key=abs)
        assert -1 / source < late < 1 / rate


@pytest.mark.parametrize("source", SOURCES, ids=str)
@pytest.mark.parametrize("wanted", WANTED, ids=str)
def test_sound_and_picture_stay_in_step(source: Fraction, wanted: dict[str, Any]) -> None:
    check_in_step(source, wanted, seconds=6)


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES, ids=str)
@pytest.mark.parametrize("wanted", WANTED, ids=str)
def test_sound_and_picture_are_in_step_at_the_end_of_five_minutes(
    source: Fraction, wanted: dict[str, Any]
) -> None:
    check_in_step(source, wanted, seconds=300)


def test_in_slow_motion_the_sound_is_stretched_with_the_picture() -> None:
    click_film(Path("clicks.mp4"), fps=Fraction(25), seconds=6)
    vg.render(vg.Interpolate("clicks.mp4", slow_motion=2), "slow.mp4")
    picture, sound = seconds_of(Path("slow.mp4"))
    assert (picture, sound) == pytest.approx((12, 12), abs=0.05)
    assert len(flash_times(Path("slow.mp4"))) == 5
    assert max(abs(apart) for apart in offsets(Path("slow.mp4"))) <= 2.5 / 25
