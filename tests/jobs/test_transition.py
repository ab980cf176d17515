"""Transition, from the request to the frames, on an engine without networks."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import videogen as vg
from tests.moving import (
    HEIGHT,
    LENGTH,
    RATE,
    WIDTH,
    Frames,
    drawing_the_ground,
    ground,
    red_places,
    source,
    square_over,
    write_two_clips,
)
from videogen.extras import Extras
from videogen.jobs.ledger import Ledger
from videogen.jobs.transition import generate
from videogen.media.video import write_video

PLAIN: dict[str, Any] = {"first": "clip", "second": "other", "prompt": "a red ball", "seed": 1}
CHANGES: dict[str, Any] = {
    "first": "other",
    "second": "clip",
    "seconds": 0.5,
    "prompt": "a blue ball",
    "carry": False,
    "keep_background": True,
    "background_mask": Path("mask.png"),
    "audio": "none",
    "width": 142,
    "height": 90,
    "num_inference_steps": 5,
    "guidance_scale": 3.5,
    "window_batch": 4,
    "windows": "original",
    "window": 8,
    "overlap": 1,
    "window_weights": "flat",
    "anchor_frame": True,
    "noise": "freenoise",
    "guidance_start": 0.4,
    "guidance_end": 0.6,
    "cache_interval": 2,
    "mode": "outpaint",
    "context": 2,
    "resamplings": 3,
    "colour_anchor": 0.9,
    "interpolate": 2,
    "upscale": 2,
    "seed": 2,
    "fps": "30000/1001",
    "model": "another",
    "device": "cpu",
    "precision": "float32",
    "offload": True,
    "compile": True,
    "weights": Path("files"),
    "motion_modules": Path("mm.ckpt"),
    "lora": ("a.safetensors@0.5", "b.ckpt"),
    "controlnet": ("openpose@0.8@0-0.5",),
    "ip_adapter": "ip-adapter.bin@0.6",
}
SAME_CLIP = {"window_batch", "interpolate", "upscale"}  # finished outside of the job: test_making
SOUND = {"audio"}
OF_PIECES = {"context", "colour_anchor"}
MORE = {name: {"carry": False} for name in ("guidance_start", "guidance_end")}
STILL = {"keep_background", "background_mask"}
CHOOSES_THE_ENGINE = {
    "model", "device", "precision", "offload", "compile", "weights", "motion_modules",
}  # fmt: skip
ADDED = {"lora", "ip_adapter"}
REFUSED = {"controlnet"}
OTHERS = SAME_CLIP | OF_PIECES | SOUND | STILL | CHOOSES_THE_ENGINE | ADDED | REFUSED


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with two clips."""
    monkeypatch.chdir(tmp_path)
    write_two_clips()
    return tmp_path


def frames_of(engine: Any, **fields: Any) -> Frames:
    return np.stack(list(generate(vg.Transition(**{**PLAIN, **fields}), engine)))


@pytest.mark.parametrize("name", sorted(CHANGES.keys() - OTHERS))
def test_every_field_changes_the_clip(name: str, fake_engine: Any) -> None:
    more = MORE.get(name, {})
    plain, changed = frames_of(fake_engine, **more), frames_of(fake_engine, **more, **{name: CHANGES[name]})
    assert plain.shape != changed.shape or (plain != changed).any()


@pytest.mark.parametrize("name", sorted(OF_PIECES))
def test_what_says_how_pieces_go_on_changes_them(name: str, fake_engine: Any) -> None:
    more = {"mode": "outpaint", "window": 8}
    plain, changed = frames_of(fake_engine, **more), frames_of(fake_engine, **more, **{name: CHANGES[name]})
    assert (plain != changed).any()


@pytest.mark.parametrize("name", sorted(CHOOSES_THE_ENGINE))
def test_what_says_which_networks_chooses_the_engine(name: str, asked_engines: list[dict[str, Any]]) -> None:
    vg.run(vg.Transition(**{**PLAIN, name: CHANGES[name]}))
    [asked] = asked_engines
    assert asked[name] == CHANGES[name]


@pytest.mark.parametrize("name", sorted(ADDED))
def test_what_is_added_to_the_model_reaches_the_engine(
    name: str, asked_engines: list[dict[str, Any]]
) -> None:
    vg.run(vg.Transition(**PLAIN, **{name: CHANGES[name]}))
    assert [asked["extras"] for asked in asked_engines] == [Extras(**{name: CHANGES[name]})]


def test_window_batch_changes_the_work_and_not_the_clip(fake_engine: Any) -> None:
    one, four = (frames_of(fake_engine, mode="joint", window_batch=number) for number in (1, 4))
    assert max(fake_engine.rows) == 4
    np.testing.assert_array_equal(one, four)


def test_both_videos_come_back_bit_for_bit_and_in_place(fake_engine: Any) -> None:
    for mode in ("auto", "outpaint"):
        made = frames_of(fake_engine, mode=mode)
        assert made.shape == (LENGTH + 8 + LENGTH, HEIGHT, WIDTH, 3)
        np.testing.assert_array_equal(made[:LENGTH], source())
        np.testing.assert_array_equal(made[-LENGTH:], source("other"))


@pytest.mark.parametrize(
    ("rate", "seconds", "frames"), [("30000/1001", 0.5, 15), ("24000/1001", 0.25, 6), ("8", 0.01, 1)]
)
def test_seconds_become_frames_at_any_rate_and_one_at_least(
    rate: str, seconds: float, frames: int, fake_engine: Any
) -> None:
    for name in ("clip", "other"):
        write_video(f"fast-{name}", iter(source(name)), fps=Fraction(rate))
    made = frames_of(fake_engine, first="fast-clip", second="fast-other", seconds=seconds)
    assert len(made) == 2 * LENGTH + frames
    assert vg.Transition("fast-clip", "other").rate(Fraction(1)) == Fraction(rate)


def test_the_second_video_takes_the_size_and_the_rate_of_the_first(fake_engine: Any) -> None:
    large = np.repeat(np.repeat(source("other"), 2, 1), 2, 2)
    write_video("large", iter(large), fps=16)
    made = frames_of(fake_engine, second="large")
    assert made.shape == (LENGTH + 8 + LENGTH // 2, HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(made[:LENGTH], source())
    gap = np.abs(made[-LENGTH // 2 :].astype(int) - source("other")[::2])
    assert gap.mean() < 4


def test_a_second_video_of_another_shape_is_cut_and_not_stretched(fake_engine: Any) -> None:
    tall = np.concatenate([np.full((LENGTH, 40, WIDTH, 3), 255, np.uint8), source("other")] * 1, 1)
    tall = np.concatenate([tall, np.full((LENGTH, 40, WIDTH, 3), 255, np.uint8)], 1)
    write_video("tall", iter(tall), fps=RATE)
    made = frames_of(fake_engine, second="tall")
    np.testing.assert_array_equal(made[-LENGTH:], source("other"))


@pytest.mark.parametrize("mode", ["auto", "outpaint"])
def test_the_ledger_is_told_where_the_new_frames_begin_and_end_and_where_pieces_meet(
    mode: str, fake_engine: Any
) -> None:
    ledger = Ledger()
    list(generate(vg.Transition(**PLAIN, mode=mode), fake_engine, ledger=ledger))
    assert ledger.seams == [LENGTH, LENGTH + 8]
    assert bool(ledger.joins) == (mode == "outpaint")
    assert all(LENGTH < number < LENGTH + 8 for number in ledger.joins)


def test_a_thing_that_both_show_goes_from_the_one_to_the_other(fake_engine: Any) -> None:
    back = ground(HEIGHT, WIDTH)
    write_video("there", iter(square_over(back, length=8, at=(12, 22), by=(2, 0), side=13)), fps=RATE)
    write_video("later", iter(square_over(back, length=8, at=(44, 22), by=(2, 0), side=13)), fps=RATE)
    made = frames_of(fake_engine, first="there", second="later", prompt=None)
    places = red_places(made)
    assert (np.diff(places[:, 0]) > 0.5).all()
    assert np.abs(places[:, 1] - 21.5).max() < 2


def test_videos_of_one_frame_are_enough(fake_engine: Any) -> None:
    for name in ("clip", "other"):
        write_video(f"one-{name}", iter(source(name)[:1]), fps=RATE)
    made = frames_of(fake_engine, first="one-clip", second="one-other")
    assert len(made) == 1 + 8 + 1
    np.testing.assert_array_equal(made[[0, -1]], [source()[0], source("other")[0]])


def test_without_carrying_nothing_is_told_and_the_network_draws_it_all(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    plain = fake_engine.denoiser
    monkeypatch.setattr(
        fake_engine, "denoiser", lambda one, line, **more: told.append(one) or plain(one, line, **more)
    )
    made = frames_of(fake_engine, carry=False)
    assert all(one.carried is None for one in told)
    assert np.isnan(red_places(made[LENGTH:-LENGTH])).all(), "this network draws in grey"


def test_the_background_of_both_is_kept_where_it_is_asked_for(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = drawing_the_ground(fake_engine, monkeypatch, back=ground(HEIGHT, WIDTH))
    Image.new("L", (WIDTH, HEIGHT)).save("mask.png")
    drawn, kept, none = (
        frames_of(fake_engine, carry=False, **more)[LENGTH:-LENGTH]
        for more in (
            {}, {"keep_background": True}, {"keep_background": True, "background_mask": "mask.png"}
        )
    )  # fmt: skip
    corner = np.s_[:, -6:, :8]
    assert (drawn[corner] != back[corner[1:]]).mean() > 0.5
    np.testing.assert_array_equal(kept[corner], np.stack([back] * 8)[corner])
    np.testing.assert_array_equal(none, drawn)


def test_the_sounds_of_both_meet_between_them(make_sound: Callable[..., Path], folder: Path) -> None:
    make_sound(folder / "s.wav", seconds=LENGTH / 8)
    write_video("loud.mp4", iter(source()[:, :44, :70]), fps=RATE, audio=folder / "s.wav")
    both = vg.Transition("loud.mp4", "loud.mp4", seconds=0.5).sound()
    assert both is not None
    first, second = both.parts
    own, between = Fraction(LENGTH, 8), Fraction(1, 2)
    assert (first.at, first.length, first.fade_out) == (0, own + between, between)
    assert (second.at, second.start, second.fade_in) == (own, -between, between)
    late = vg.Transition("clip", "loud.mp4").sound()
    assert late is not None
    assert [part.at for part in late.parts] == [own]
    assert vg.Transition("loud.mp4", "loud.mp4", audio="none").sound() is None
    assert vg.Transition("clip", "other").sound() is None
    named = vg.Transition("clip", "other", audio=str(folder / "s.wav")).sound()
    assert named is not None
    assert named.asked
    with pytest.raises(vg.MediaError, match="No such file"):
        vg.Transition("clip", "other", audio="missing.wav").sound()


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ({}, {"controlnet": ("a.pth",)}, "--controlnet reads a pose"),
        ({}, {"second": "missing.mp4"}, "No such file"),
        ({}, {"seconds": 0}, "more than 0"),
        ({}, {"audio": "loop"}, "--audio loop is for one video"),
        ({"reads_words": False}, {}, "reads no words; leave --prompt out"),
        ({"reads_carried": False}, {"carry": False}, "--no-carry has no effect on pocket"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_line(
    kind: dict[str, bool], fields: dict[str, Any], message: str, fake_engine: Any
) -> None:
    for name, value in kind.items():
        setattr(fake_engine, name, value)
    with pytest.raises(vg.VideogenError, match=message) as caught:
        frames_of(fake_engine, **fields)
    assert "\n" not in str(caught.value)
