"""Loop, from the request to the frames, on an engine without networks."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
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
from videogen.jobs.ledger import Ledger
from videogen.jobs.loop import generate
from videogen.media.video import write_video
from videogen.sound import FADE

PLAIN: dict[str, Any] = {"video": "clip", "prompt": "a red ball", "seed": 1}
CHANGES: dict[str, Any] = {
    "video": "other",
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
MORE = {name: {"carry": False} for name in ("guidance_start", "guidance_end", "window_weights", "windows")}
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
    return np.stack(list(generate(vg.Loop(**{**PLAIN, **fields}), engine)))


@pytest.mark.parametrize("name", sorted(CHANGES.keys() - OTHERS))
def test_every_field_changes_the_clip(name: str, fake_engine: Any) -> None:
    more = MORE.get(name, {})
    plain, changed = frames_of(fake_engine, **more), frames_of(fake_engine, **more, **{name: CHANGES[name]})
    assert plain.shape != changed.shape or (plain != changed).any()


@pytest.mark.parametrize(
    "name", sorted(CHANGES.keys() - OTHERS - OF_PIECES - {"video", "carry", "mode", "context", "resamplings"})
)
def test_every_field_changes_a_loop_from_words(name: str, fake_engine: Any) -> None:
    value = {"width": 48, "height": 48}.get(name, CHANGES[name])
    plain, changed = (frames_of(fake_engine, video=None, **more) for more in ({}, {name: value}))
    assert plain.shape != changed.shape or (plain != changed).any()


@pytest.mark.parametrize("name", sorted(OF_PIECES))
def test_what_says_how_pieces_go_on_changes_them(name: str, fake_engine: Any) -> None:
    more = {"mode": "outpaint", "window": 8}
    plain, changed = frames_of(fake_engine, **more), frames_of(fake_engine, **more, **{name: CHANGES[name]})
    assert (plain != changed).any()


@pytest.mark.parametrize("name", sorted(CHOOSES_THE_ENGINE))
def test_what_says_which_networks_chooses_the_engine(name: str, asked_engines: list[dict[str, Any]]) -> None:
    vg.run(vg.Loop(**{**PLAIN, name: CHANGES[name]}))
    [asked] = asked_engines
    assert asked[name] == CHANGES[name]


@pytest.mark.parametrize("name", sorted(ADDED))
def test_what_is_added_to_the_model_reaches_the_engine(
    name: str, asked_engines: list[dict[str, Any]]
) -> None:
    vg.run(vg.Loop(**PLAIN, **{name: CHANGES[name]}))
    assert [asked["extras"] for asked in asked_engines] == [Extras(**{name: CHANGES[name]})]


def test_window_batch_changes_the_work_and_not_the_clip(fake_engine: Any) -> None:
    one, four = (frames_of(fake_engine, mode="joint", window_batch=number) for number in (1, 4))
    assert max(fake_engine.rows) == 4
    np.testing.assert_array_equal(one, four)


def test_the_video_s_own_frames_come_back_bit_for_bit_and_new_ones_lead_back(fake_engine: Any) -> None:
    for mode in ("auto", "outpaint"):
        made = frames_of(fake_engine, mode=mode)
        assert made.shape == (LENGTH + 8, HEIGHT, WIDTH, 3)
        np.testing.assert_array_equal(made[:LENGTH], source())


def test_what_moves_comes_back_to_where_it_began(fake_engine: Any) -> None:
    places = red_places(frames_of(fake_engine, prompt=None, seconds=2))[:, 0]
    steps = np.abs(np.diff([*places, places[0]]))
    assert not np.isnan(places).any()
    assert steps.max() < 8, "no jump, and none where the end meets the beginning"


@pytest.mark.parametrize(
    ("rate", "seconds", "frames"),
    [("30000/1001", 0.5, 15), ("24000/1001", None, 24), ("8", 0.01, 1)],
)
def test_seconds_become_frames_at_any_rate_and_one_at_least(
    rate: str, seconds: float | None, frames: int, fake_engine: Any
) -> None:
    write_video("fast", iter(source()), fps=Fraction(rate))
    assert len(frames_of(fake_engine, video="fast", seconds=seconds)) == LENGTH + frames
    assert vg.Loop("fast").rate(Fraction(1)) == Fraction(rate)


@pytest.mark.parametrize("mode", ["auto", "outpaint"])
def test_the_ledger_is_told_of_the_ring_and_where_new_frames_begin(mode: str, fake_engine: Any) -> None:
    ledger = Ledger()
    list(generate(vg.Loop(**PLAIN, mode=mode), fake_engine, ledger=ledger))
    assert ledger.ring
    assert ledger.seams == [LENGTH]
    assert bool(ledger.joins) == (mode == "outpaint")
    assert all(LENGTH < number < LENGTH + 8 for number in ledger.joins)


def test_a_video_of_one_frame_is_a_still_loop(fake_engine: Any) -> None:
    write_video("one", iter(source()[:1]), fps=RATE)
    made = frames_of(fake_engine, video="one", seconds=0.5)
    np.testing.assert_array_equal(made, np.stack([source()[0]] * 5))


def watched(engine: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    """What every denoiser of an engine is made of from now on."""
    told: list[tuple[Any, Any]] = []
    plain = engine.denoiser
    monkeypatch.setattr(
        engine, "denoiser", lambda one, line, **more: told.append((one, line)) or plain(one, line, **more)
    )
    return told


def test_without_carrying_nothing_is_told_and_the_network_draws_it_all(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = watched(fake_engine, monkeypatch)
    made = frames_of(fake_engine, carry=False)
    assert all(one.carried is None for one, _ in told)
    assert np.isnan(red_places(made[LENGTH:])).all(), "this network draws in grey"


def test_a_loop_from_words_is_a_ring_whose_motion_goes_there_and_back(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = fake_engine.plan

    def plan(prompt: str, *, length: int, **more: Any) -> Any:
        made = plain(prompt, length=length, **more)
        made.tracks.state[0, :, 0, 0] = torch.linspace(0.2, 0.8, length)
        return made

    monkeypatch.setattr(fake_engine, "plan", plan)
    told = watched(fake_engine, monkeypatch)
    ledger = Ledger()
    frames = list(generate(vg.Loop(prompt="a red ball", seed=1, seconds=1), fake_engine, ledger=ledger))
    near, told = [one for one in told if not one[1].ring], [one for one in told if one[1].ring]
    assert [one.prompt for one, _ in near] == [None, "a red ball"], "the ball is drawn from near, too"
    assert len(frames) == 8
    assert ledger.ring
    assert not ledger.seams
    assert [one.prompt for one, _ in told] == [None, "a red ball"]
    for one, line in told:
        assert line.ring
        maps = one.pose_maps[0].amax(0)
        assert all(torch.equal(maps[number], maps[8 - number]) for number in range(1, 4))
        assert not torch.equal(maps[0], maps[1])
        assert not torch.equal(maps[7], maps[0])


def test_windows_of_a_loop_from_words_go_over_its_end(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[list[int]] = []
    plain = fake_engine.denoiser

    def denoiser(one: Any, line: Any, **more: Any) -> Any:
        inner = plain(one, line, **more)

        def denoise(latents: torch.Tensor, timestep: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
            rows.extend(frames.tolist())
            return inner(latents, timestep, frames)

        return denoise

    monkeypatch.setattr(fake_engine, "denoiser", denoiser)
    list(generate(vg.Loop(prompt="a red ball", seed=1, seconds=1), fake_engine))
    assert any(7 in row and 0 in row for row in rows)


def test_the_background_is_kept_where_it_is_asked_for(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = drawing_the_ground(fake_engine, monkeypatch, back=ground(HEIGHT, WIDTH))
    Image.new("L", (WIDTH, HEIGHT)).save("mask.png")
    drawn, kept, none = (
        frames_of(fake_engine, carry=False, **more)[LENGTH:]
        for more in (
            {}, {"keep_background": True}, {"keep_background": True, "background_mask": "mask.png"}
        )
    )  # fmt: skip
    corner = np.s_[:, -6:, :8]
    assert (drawn[corner] != back[corner[1:]]).mean() > 0.5
    np.testing.assert_array_equal(kept[corner], np.stack([back] * 8)[corner])
    np.testing.assert_array_equal(none, drawn)


def test_the_sound_stays_beside_the_video_s_own_frames(make_sound: Callable[..., Path], folder: Path) -> None:
    make_sound(folder / "s.wav", seconds=LENGTH / 8)
    write_video("loud.mp4", iter(source()[:, :44, :70]), fps=RATE, audio=folder / "s.wav")
    kept = vg.Loop("loud.mp4").sound()
    assert kept is not None
    [part] = kept.parts
    assert (part.at, part.length, part.fade_in, part.fade_out) == (0, Fraction(LENGTH, 8), 0, FADE)
    looped = vg.Loop("loud.mp4", seconds=2, audio="loop").sound()
    assert looped is not None
    assert len(looped.parts) == 3
    assert vg.Loop("loud.mp4", audio="none").sound() is None
    assert vg.Loop("clip").sound() is None
    assert vg.Loop(prompt="a red ball").sound() is None
    named = vg.Loop("clip", audio=str(folder / "s.wav")).sound()
    assert named is not None
    assert named.asked


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ({}, {"video": None, "prompt": None}, "nothing to loop; give a video, or --prompt"),
        ({}, {"video": None, "carry": False}, "are for loops of a video; leave them out"),
        ({}, {"video": None, "keep_background": True}, "are for loops of a video"),
        ({}, {"video": None, "audio": "none"}, "are for loops of a video"),
        ({}, {"video": None, "mode": "outpaint"}, "are for loops of a video"),
        ({}, {"video": None, "context": 4}, "are for loops of a video"),
        ({}, {"video": None, "resamplings": 4}, "are for loops of a video"),
        ({}, {"video": None, "colour_anchor": 0.5}, "are for loops of a video"),
        ({}, {"video": None, "width": 20}, "multiple of 16"),
        ({}, {"video": None, "width": 2048, "height": 2048, "seconds": 600}, "shorter or smaller"),
        ({}, {"controlnet": ("a.pth",)}, "--controlnet reads a pose"),
        ({}, {"video": "missing.mp4"}, "No such file"),
        ({"reads_words": False}, {}, "reads no words; leave --prompt out"),
        ({"reads_words": False}, {"video": None}, "reads no words"),
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
