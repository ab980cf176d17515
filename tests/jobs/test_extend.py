"""Extend, from the request to the frames, on an engine without networks."""

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
    write_two_clips,
)
from videogen.extras import Extras
from videogen.jobs.extend import generate
from videogen.jobs.ledger import Ledger
from videogen.media.video import write_video
from videogen.sound import FADE

PLAIN: dict[str, Any] = {"video": "clip", "after": 1.0, "prompt": "a red ball", "seed": 1}
CHANGES: dict[str, Any] = {
    "video": "other",
    "before": 0.5,
    "after": 0.5,
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
    "mode": "joint",
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
STILL = {"keep_background", "background_mask"}
CHOOSES_THE_ENGINE = {
    "model", "device", "precision", "offload", "compile", "weights", "motion_modules",
}  # fmt: skip
ADDED = {"lora", "ip_adapter"}
REFUSED = {"controlnet"}
OTHERS = SAME_CLIP | SOUND | STILL | CHOOSES_THE_ENGINE | ADDED | REFUSED


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with two clips."""
    monkeypatch.chdir(tmp_path)
    write_two_clips()
    return tmp_path


def frames_of(engine: Any, **fields: Any) -> Frames:
    return np.stack(list(generate(vg.Extend(**{**PLAIN, **fields}), engine)))


@pytest.mark.parametrize("name", sorted(CHANGES.keys() - OTHERS))
def test_every_field_changes_the_clip(name: str, fake_engine: Any) -> None:
    more = {"carry": False} if name.startswith("guidance_") else {}
    plain, changed = frames_of(fake_engine, **more), frames_of(fake_engine, **more, **{name: CHANGES[name]})
    assert plain.shape != changed.shape or (plain != changed).any()


@pytest.mark.parametrize("name", sorted(CHOOSES_THE_ENGINE))
def test_what_says_which_networks_chooses_the_engine(name: str, asked_engines: list[dict[str, Any]]) -> None:
    vg.run(vg.Extend(**{**PLAIN, name: CHANGES[name]}))
    [asked] = asked_engines
    assert asked[name] == CHANGES[name]


@pytest.mark.parametrize("name", sorted(ADDED))
def test_what_is_added_to_the_model_reaches_the_engine(
    name: str, asked_engines: list[dict[str, Any]]
) -> None:
    vg.run(vg.Extend(**PLAIN, **{name: CHANGES[name]}))
    assert [asked["extras"] for asked in asked_engines] == [Extras(**{name: CHANGES[name]})]


def test_window_batch_changes_the_work_and_not_the_clip(fake_engine: Any) -> None:
    one, four = (frames_of(fake_engine, mode="joint", window_batch=number) for number in (1, 4))
    assert max(fake_engine.rows) == 4
    np.testing.assert_array_equal(one, four)


@pytest.mark.parametrize("mode", ["auto", "joint", "outpaint"])
@pytest.mark.parametrize("added", [(0, 1), (0.5, 0), (0.5, 1)])
def test_the_video_s_own_frames_come_back_bit_for_bit_and_in_place(
    mode: str, added: tuple[float, float], fake_engine: Any
) -> None:
    before, after = (round(8 * each) for each in added)
    made = frames_of(fake_engine, before=added[0], after=added[1], mode=mode)
    assert made.shape == (before + LENGTH + after, HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(made[before : before + LENGTH], source())


@pytest.mark.parametrize(
    ("rate", "seconds", "frames"),
    [("30000/1001", 0.5, 15), ("30000/1001", 1, 30), ("24000/1001", 0.25, 6), ("8", 0.01, 1)],
)
def test_seconds_become_frames_at_any_rate_and_one_at_least(
    rate: str, seconds: float, frames: int, fake_engine: Any
) -> None:
    write_video("fast", iter(source()), fps=Fraction(rate))
    assert len(frames_of(fake_engine, video="fast", after=seconds)) == LENGTH + frames
    assert len(frames_of(fake_engine, video="fast", before=seconds, after=0)) == LENGTH + frames
    assert vg.Extend("fast", after=seconds).rate(Fraction(1)) == Fraction(rate)


def test_a_video_at_another_rate_is_shown_at_it(fake_engine: Any) -> None:
    made = frames_of(fake_engine, fps=16, after=0.25)
    assert len(made) == 2 * LENGTH + 4
    np.testing.assert_array_equal(made[: 2 * LENGTH : 2], source())


def test_the_ledger_is_told_where_pieces_meet_and_where_the_given_frames_begin_and_end(
    fake_engine: Any,
) -> None:
    ledger = Ledger()
    request = vg.Extend(**PLAIN, before=1, context=2)
    made = list(generate(request, fake_engine, ledger=ledger))
    assert len(made) == 8 + LENGTH + 8
    assert ledger.seams == [8, 20]
    assert sorted(ledger.joins) == [2, 4, 6, 22, 24, 26]
    assert not ledger.ring


def test_things_go_on_along_their_paths_on_both_sides(fake_engine: Any) -> None:
    made = frames_of(fake_engine, video="clip", before=0.5, after=1)
    places = red_places(made)
    np.testing.assert_allclose(places[:, 0], 14 + 2 * (np.arange(len(made)) - 4) - 0.5, atol=1.5)
    np.testing.assert_allclose(places[:, 1], 21.5, atol=1.5)


def test_without_carrying_nothing_is_told_and_the_network_draws_it_all(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    plain = fake_engine.denoiser
    monkeypatch.setattr(
        fake_engine, "denoiser", lambda one, line, **more: told.append(one) or plain(one, line, **more)
    )
    frames_of(fake_engine)
    assert all(one.carried.shape[2] == one.visibility.shape[2] > 1 for one in told)
    told.clear()
    made = frames_of(fake_engine, carry=False)
    assert all(one.carried is None for one in told)
    assert np.isnan(red_places(made[LENGTH:])).all(), "this network draws in grey"


def test_a_video_of_one_frame_goes_on_too(fake_engine: Any) -> None:
    write_video("one", iter(source()[:1]), fps=RATE)
    made = frames_of(fake_engine, video="one", before=0.5, after=0.5)
    assert len(made) == 4 + 1 + 4
    np.testing.assert_array_equal(made, np.stack([source()[0]] * 9))


def test_other_models_find_the_given_frames_imposed_on_them(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_engine.reads_carried = False
    lines: list[Any] = []
    plain = fake_engine.denoiser
    monkeypatch.setattr(
        fake_engine, "denoiser", lambda one, line, **more: lines.append(line) or plain(one, line, **more)
    )
    made = frames_of(fake_engine)
    assert lines[0].mask[0, 0, :, 0, 0].tolist() == [1, 1, 1, 0]
    np.testing.assert_array_equal(made[:LENGTH], source())


def test_the_background_is_kept_where_it_is_asked_for_and_a_mask_is_white(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = drawing_the_ground(fake_engine, monkeypatch, back=ground(HEIGHT, WIDTH))
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[:, 40:] = 255
    Image.fromarray(mask).save("mask.png")
    drawn, kept, half = (
        frames_of(fake_engine, carry=False, **more)[LENGTH:]
        for more in (
            {}, {"keep_background": True}, {"keep_background": True, "background_mask": "mask.png"}
        )
    )  # fmt: skip
    corner = np.s_[:, -6:, :8]
    assert (drawn[corner] != back[corner[1:]]).mean() > 0.5
    np.testing.assert_array_equal(kept[corner], np.stack([back] * 8)[corner])
    np.testing.assert_array_equal(half[:, :, :20], drawn[:, :, :20])
    right = np.s_[:, :8, -8:]
    np.testing.assert_array_equal(half[right], np.stack([back] * 8)[right])


def loud(folder: Path, make_sound: Callable[..., Path]) -> Path:
    path = folder / "loud.mp4"
    audio = make_sound(folder / "s.wav", seconds=LENGTH / 8)
    write_video(path, iter(source()[:, :44, :70]), fps=RATE, audio=audio)
    return path


def test_the_sound_stays_beside_the_video_s_own_frames(make_sound: Callable[..., Path], folder: Path) -> None:
    path, own = loud(folder, make_sound), Fraction(LENGTH, 8)
    kept = vg.Extend(path, before=1, after=1).sound()
    assert kept is not None
    [part] = kept.parts
    assert (part.at, part.length, part.fade_in, part.fade_out) == (1, own, FADE, FADE)
    [part] = vg.Extend(path, after=1).sound().parts  # type: ignore[union-attr]
    assert (part.at, part.fade_in, part.fade_out) == (0, 0, FADE)
    looped = vg.Extend(path, before=1, after=2, audio="loop").sound()
    assert looped is not None
    assert len(looped.parts) >= 3
    assert any(abs(part.at - part.start - 1) < FADE for part in looped.parts), "in step with its pictures"
    assert vg.Extend(path, after=1, audio="none").sound() is None
    assert vg.Extend("clip", after=1).sound() is None
    named = vg.Extend("clip", after=1, audio=str(folder / "s.wav")).sound()
    assert named is not None
    assert named.asked
    with pytest.raises(vg.MediaError, match="No such file"):
        vg.Extend("clip", after=1, audio="missing.wav").sound()


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ({}, {"after": 0}, "nothing is to be added; give --after SECONDS"),
        ({}, {"controlnet": ("a.pth",)}, "--controlnet reads a pose"),
        ({}, {"background_mask": "mask.png"}, "--background-mask is read by --keep-background"),
        ({}, {"prompt": None, "guidance_scale": 3}, "strengthens words, and there are none"),
        ({}, {"mode": "joint", "context": 2}, "--context is for pieces"),
        ({}, {"width": 64, "height": 64}, "would stretch a picture of 71x45"),
        ({"reads_words": False}, {}, "reads no words; leave --prompt out"),
        ({"needs_poses": True}, {}, "cannot go on from a video"),
        ({"reads_motion": True}, {}, "cannot go on from a video"),
        ({"reads_carried": False}, {"carry": False}, "--no-carry has no effect on pocket"),
        ({}, {"video": "missing.mp4"}, "No such file"),
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
