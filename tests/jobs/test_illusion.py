"""Illusions, from the request to the frames, on an engine without networks and on a tiny one."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import videogen as vg
from tests.tiny import export_tiny_with_planner
from videogen.engine import Conditions
from videogen.jobs.illusion import generate
from videogen.sampling import VIEWS

PLAIN: dict[str, Any] = {"prompt": "a red ball", "other_prompt": "a blue square", "seed": 1}
CHANGES: dict[str, Any] = {
    "prompt": "a blue ball",
    "other_prompt": "a green square",
    "view": "reverse",
    "balance": 0.8,
    "negative_prompt": "a green square",
    "plan": False,
    "seconds": 0.25,
    "num_frames": 3,
    "width": 48,
    "height": 48,
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
CHOOSES_THE_ENGINE = {
    "model", "device", "precision", "offload", "compile", "weights", "motion_modules",
}  # fmt: skip
ADDED = {"lora"}
REFUSED = {"controlnet", "ip_adapter"}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> vg.Engine:
    """Return an engine of a few thousand random weights."""
    folder = tmp_path_factory.mktemp("tiny")
    export_tiny_with_planner(folder)
    return vg.Engine(folder)


def frames_of(engine: Any, **fields: Any) -> np.ndarray:
    return np.stack(list(generate(vg.Illusion(**{**PLAIN, **fields}), engine)))


@pytest.mark.parametrize("name", sorted(CHANGES.keys() - SAME_CLIP - CHOOSES_THE_ENGINE - ADDED - REFUSED))
def test_every_field_changes_the_clip(name: str, fake_engine: Any) -> None:
    plain, changed = frames_of(fake_engine), frames_of(fake_engine, **{name: CHANGES[name]})
    assert plain.shape != changed.shape or (plain != changed).any()


@pytest.mark.parametrize("name", sorted(CHOOSES_THE_ENGINE | ADDED))
def test_what_says_which_networks_chooses_the_engine(name: str, asked_engines: list[dict[str, Any]]) -> None:
    vg.run(vg.Illusion(**{**PLAIN, name: CHANGES[name]}))
    [asked] = asked_engines
    assert (asked["extras"].lora if name == "lora" else asked[name]) == CHANGES[name]


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_reads_pictures_is_refused(name: str) -> None:
    with pytest.raises(vg.RequestError, match=f"--{name.replace('_', '-')} .*leave it out"):
        vg.Illusion(**{**PLAIN, name: CHANGES[name]})


def test_window_batch_changes_the_work_and_not_the_clip(fake_engine: Any) -> None:
    one = frames_of(fake_engine, num_frames=12)
    assert set(fake_engine.rows) == {1}
    four = frames_of(fake_engine, num_frames=12, window_batch=4)
    assert max(fake_engine.rows) == 4
    np.testing.assert_array_equal(one, four)


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_every_view_makes_a_clip_of_its_own(view: str, fake_engine: Any) -> None:
    spec, others = fake_engine.spec, [name for name in VIEWS if name != view]
    made = frames_of(fake_engine, view=view)
    assert made.shape == (spec.num_frames, spec.height, spec.width, 3)
    for other in others:
        assert (made != frames_of(fake_engine, view=other)).any(), other


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_a_tiny_model_makes_the_same_clip_from_the_same_seed(view: str, tiny: vg.Engine) -> None:
    fields = {"view": view, "num_frames": 4, "num_inference_steps": 2, "plan": False}
    made = frames_of(tiny, **fields)
    assert made.shape == (4, 64, 64, 3)
    np.testing.assert_array_equal(made, frames_of(tiny, **fields))


def test_a_long_clip_played_backwards_is_denoised_in_windows_of_its_own_frames(fake_engine: Any) -> None:
    seen: list[list[int]] = []
    plain = fake_engine.denoiser

    def watched(conditions: Conditions, timeline: Any, **which: Any) -> Any:
        denoise = plain(conditions, timeline, **which)

        def denoise_and_look(latents: torch.Tensor, timestep: torch.Tensor, frames: torch.Tensor) -> Any:
            seen.extend(frames.tolist())
            return denoise(latents, timestep, frames)

        return denoise_and_look

    fake_engine.denoiser = watched
    frames_of(fake_engine, num_frames=9, view="reverse")
    assert {number for row in seen for number in row} == set(range(9))
    assert all(row == list(range(row[0], row[0] + fake_engine.spec.window)) for row in seen)


def test_both_sentences_are_told_with_their_own_maps_and_steered_from_the_same(fake_engine: Any) -> None:
    told: list[Conditions] = []
    plain = fake_engine.denoiser

    def watched(conditions: Conditions, timeline: Any, **which: Any) -> Any:
        told.append(conditions)
        return plain(conditions, timeline, **which)

    fake_engine.denoiser = watched
    frames_of(fake_engine, negative_prompt="a green ball")
    assert [one.prompt for one in told] == ["a green ball", "a red ball", "a green ball", "a blue square"]
    first, second = told[1].pose_maps, told[3].pose_maps
    assert first is not None
    assert second is not None
    torch.testing.assert_close(first[:, :2].flip(-2), second[:, :2], atol=1e-4, rtol=0.0)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"view": "rotate-90", "width": 32, "height": 48}, "squares"),
        ({"view": "rotate-90", "width": 48}, "squares"),
        ({"view": "reverse", "num_frames": 1}, "backwards"),
        ({"view": "reverse", "seconds": 0.01}, "backwards"),
        ({"view": "sideways"}, "flip"),
        ({"balance": 0}, "more than 0"),
        ({"balance": 1}, "less than 1"),
        ({"prompt": " "}, "empty"),
        ({"other_prompt": " "}, "empty"),
        ({"negative_prompt": "a ball", "guidance_scale": 1}, "no effect"),
        ({"guidance_start": 0.4, "guidance_scale": 1}, "no effect"),
        ({"width": 20}, "multiple of 16"),
        ({"num_frames": 4800, "width": 2048, "height": 2048}, "shorter or smaller"),
    ],
)
def test_what_cannot_be_seen_in_two_ways_is_refused_in_one_line(
    fields: dict[str, Any], reason: str, fake_engine: Any
) -> None:
    with pytest.raises(vg.RequestError, match=reason) as caught:
        frames_of(fake_engine, **fields)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("reads", ["words", "motion"])
def test_a_model_that_cannot_be_told_two_sentences_is_refused(reads: str, fake_engine: Any) -> None:
    setattr(fake_engine, f"reads_{reads}", reads == "motion")
    with pytest.raises(vg.RequestError, match="reads no words"):
        frames_of(fake_engine)


def test_unknown_words_of_both_sentences_are_named(
    fake_engine: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="videogen"):
        frames_of(fake_engine, prompt="a red zebra", other_prompt="a blue gnu")
    assert "zebra" in caplog.text
    assert "gnu" in caplog.text
