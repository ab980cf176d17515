"""Folders of ModelScope and zeroscope: the same latents and pictures as diffusers' own pipeline makes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import TextToVideoSDPipeline
from torch import Tensor

import videogen as vg
from tests.golden.conftest import difference
from tests.tiny_diffusers import write_modelscope
from videogen.engine import Conditions, Engine
from videogen.errors import CheckpointError, RequestError
from videogen.media.image import write_image
from videogen.sampling import Timeline, draw_noise, guided, sample
from videogen.schedule import Schedule

HEIGHT, WIDTH, FRAMES, STEPS, SEED = 32, 48, 5, 4, 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    where = tmp_path_factory.mktemp("modelscope")
    return where, write_modelscope(where)


def by_diffusers(made: dict[str, Any], *, output: str, negative: str | None) -> Any:
    pipeline = TextToVideoSDPipeline(**made)
    pipeline.set_progress_bar_config(disable=True)
    noise = draw_noise(channels=4, frames=FRAMES, height=HEIGHT // 8, width=WIDTH // 8, seed=SEED)
    return pipeline(
        "a b c", height=HEIGHT, width=WIDTH, num_frames=FRAMES, num_inference_steps=STEPS, latents=noise,
        negative_prompt=negative, output_type=output,
    ).frames  # fmt: skip


def by_videogen(engine: Engine) -> Tensor:
    clip = Timeline.line(FRAMES)
    chain = [engine.denoiser(Conditions(fps=8.0, prompt=text), clip) for text in (None, "a b c")]
    return sample(
        guided(chain, [engine.spec.guidance_scale]), clip, engine.scheduler(), channels=4, height=HEIGHT // 8,
        width=WIDTH // 8, num_inference_steps=STEPS, seed=SEED,
    )  # fmt: skip


def test_a_clip_is_that_of_diffusers_pipeline(folder: Any) -> None:
    where, made = folder
    expected = by_diffusers(made, output="latent", negative=None)
    assert difference(by_videogen(Engine(where)), expected) < 1e-4


def test_text_to_video_makes_the_frames_of_diffusers_pipeline(folder: Any) -> None:
    where, made = folder
    clip = vg.text_to_video(
        "a b c", negative_prompt="d", model=str(where), width=WIDTH, height=HEIGHT, num_frames=FRAMES,
        num_inference_steps=STEPS, seed=SEED,
    )  # fmt: skip
    expected = by_diffusers(made, output="np", negative="d")[0]
    assert np.abs(clip.frames - expected * 255).max() <= 1


def test_its_spec_is_that_of_diffusers_pipeline_and_pictures_are_decoded_one_by_one(folder: Any) -> None:
    spec = Engine(folder[0]).spec
    assert (spec.width, spec.height, spec.num_frames, spec.window, spec.fps) == (32, 32, 16, 16, 8)
    assert (spec.guidance_scale, spec.num_inference_steps, spec.frames_at_once) == (9.0, 50, 1)


def test_a_picture_is_its_first_frame_bit_for_bit_in_latents(
    folder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(folder[0])
    frame = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    write_image(tmp_path / "photo.png", frame)
    made: list[Tensor] = []
    plain = engine.decode_video
    monkeypatch.setattr(engine, "decode_video", lambda latents: made.append(latents) or plain(latents))
    request = vg.ImageToVideo(
        tmp_path / "photo.png", prompt="a b", width=WIDTH, num_frames=20, num_inference_steps=2, seed=1
    )
    frames = vg.run(request, engine=engine).frames
    assert frames.shape == (20, HEIGHT, WIDTH, 3)
    assert torch.equal(made[0][:, :, :1], engine.encode(frame[None]))
    assert not torch.equal(made[0][:, :, 1:2], made[0][:, :, :1])


def test_poses_are_refused(folder: Any) -> None:
    told = Conditions(fps=8.0, prompt="a", pose_maps=torch.zeros(1, 3, 2, 16, 16))
    with pytest.raises(RequestError, match="does not read poses"):
        Engine(folder[0]).denoiser(told, Timeline.line(2))


def changed(folder: Path, copy: Path, part: str, **values: Any) -> Path:
    shutil.copytree(folder, copy)
    file = copy / part / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))
    return copy


@pytest.mark.parametrize(
    ("part", "values", "message"),
    [
        ("unet", {"cross_attention_dim": 24}, "has another shape of"),
        ("unet", {"sample_size": [4, 0]}, "width is 0"),
        ("vae", {"scaling_factor": 0}, "scale 0 of the latents"),
    ],
)
def test_what_is_wrong_with_a_folder_is_one_line(
    folder: Any, tmp_path: Path, part: str, values: dict[str, Any], message: str
) -> None:
    model = changed(folder[0], tmp_path / "model", part, **values)
    with pytest.raises(CheckpointError, match=message) as caught:
        Engine(model)
    assert "\n" not in str(caught.value)


def test_a_size_that_is_not_square_is_height_then_width(folder: Any, tmp_path: Path) -> None:
    spec = Engine(changed(folder[0], tmp_path / "model", "unet", sample_size=[4, 7])).spec
    assert (spec.height, spec.width) == (32, 56)


def test_words_that_change_are_those_of_a_window(folder: Any) -> None:
    engine, schedule = Engine(folder[0]), Schedule(("a b", "c"), (0.0, 4.0), 0.0)
    latents = torch.randn(1, 4, 4, 4, 6, generator=torch.Generator().manual_seed(0))

    def ask(prompt: str | Schedule, start: int) -> Tensor:
        denoiser = engine.denoiser(Conditions(fps=8.0, prompt=prompt), Timeline.line(8))
        return denoiser(latents, torch.tensor(500), torch.arange(start, start + 4)[None])

    for start, text in ((0, "a b"), (4, "c")):
        torch.testing.assert_close(ask(schedule, start), ask(text, start), rtol=1e-4, atol=1e-5)
    assert (ask("a b", 0) - ask("c", 0)).abs().max() > 1e-5
