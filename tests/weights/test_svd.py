"""Folders of Stable Video Diffusion: the same latents and pictures as diffusers' own pipeline makes."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableVideoDiffusionPipeline
from diffusers.pipelines.stable_video_diffusion import pipeline_stable_video_diffusion
from PIL import Image
from torch import Tensor

import videogen as vg
from tests.golden.conftest import difference
from tests.tiny_diffusers import write_svd
from videogen.cli import main
from videogen.conditions.reference import to_picture
from videogen.engine import Conditions, Engine
from videogen.errors import CheckpointError
from videogen.media.image import write_image
from videogen.sampling import Timeline, draw_noise, guided, sample

HEIGHT, WIDTH, FRAMES, STEPS, SEED = 32, 48, 5, 4, 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    where = tmp_path_factory.mktemp("svd")
    return where, write_svd(where)


@pytest.fixture
def copy(folder: tuple[Path, Any], tmp_path: Path) -> Path:
    shutil.copytree(folder[0], tmp_path / "model")
    return tmp_path / "model"


def photo() -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def by_videogen(where: Path, *, largest: float) -> tuple[Engine, Tensor]:
    """Latents `1 c t h w` of a clip that begins with the photo, without noise in it."""
    engine = Engine(where)
    picture = to_picture(photo())
    told = Conditions(fps=9.0, reference=engine.encode_video(picture), picture=picture, motion=(60.0, 0.0))
    clip = Timeline.line(FRAMES)
    chain = [engine.denoiser(each, clip) for each in (engine.without(told), told)]
    latents = sample(
        guided(chain, [torch.linspace(1, largest, FRAMES)]), clip, engine.scheduler(), channels=4,
        height=HEIGHT // 8, width=WIDTH // 8, num_inference_steps=STEPS, seed=SEED,
    )  # fmt: skip
    return engine, latents


def quiet(made: dict[str, Any]) -> Any:
    """diffusers' own pipeline."""
    pipeline = StableVideoDiffusionPipeline(**made)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def by_diffusers(made: dict[str, Any], *, largest: float, output: str) -> Any:
    noise = draw_noise(channels=4, frames=FRAMES, height=HEIGHT // 8, width=WIDTH // 8, seed=SEED)
    return quiet(made)(
        Image.fromarray(photo()), height=HEIGHT, width=WIDTH, num_frames=FRAMES, num_inference_steps=STEPS,
        max_guidance_scale=largest, fps=9, motion_bucket_id=60, noise_aug_strength=0.0, decode_chunk_size=7,
        latents=noise.transpose(1, 2), output_type=output,
    ).frames  # fmt: skip


@pytest.mark.parametrize("largest", [1.0, 3.0])
def test_a_clip_is_that_of_diffusers_pipeline(folder: Any, largest: float) -> None:
    where, made = folder
    engine, latents = by_videogen(where, largest=largest)
    expected = by_diffusers(made, largest=largest, output="latent").transpose(1, 2)
    assert difference(latents, expected) < 1e-4
    shown = np.stack(list(engine.decode(latents)))
    wanted = by_diffusers(made, largest=largest, output="np")[0] * 255
    assert np.abs(shown - wanted).max() <= 1


@pytest.mark.parametrize(("noise", "bucket", "fps"), [(0.1, 200, 9), (None, None, None)])
def test_image_to_video_makes_the_frames_of_diffusers_pipeline(
    folder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noise: float | None, bucket: int | None,
    fps: int | None,
) -> None:  # fmt: skip
    where, made = folder
    write_image(tmp_path / "photo.png", photo())
    clip = vg.image_to_video(
        tmp_path / "photo.png", model=str(where), width=WIDTH, height=HEIGHT, motion_bucket=bucket, fps=fps,
        noise_augmentation=noise, num_inference_steps=STEPS, seed=SEED,
    )  # fmt: skip
    start = draw_noise(channels=4, frames=FRAMES, height=HEIGHT // 8, width=WIDTH // 8, seed=SEED)
    beside = draw_noise(channels=3, frames=1, height=HEIGHT, width=WIDTH, seed=SEED + 2**63)
    monkeypatch.setattr(pipeline_stable_video_diffusion, "randn_tensor", lambda *_, **__: beside[:, :, 0])
    settings = {"fps": fps, "motion_bucket_id": bucket, "noise_aug_strength": noise}
    expected = quiet(made)(
        Image.fromarray(photo()), height=HEIGHT, width=WIDTH, num_inference_steps=STEPS, decode_chunk_size=7,
        latents=start.transpose(1, 2), output_type="np",
        **{name: value for name, value in settings.items() if value is not None},
    ).frames[0]  # fmt: skip
    assert clip.frames.shape == (FRAMES, HEIGHT, WIDTH, 3)
    assert np.abs(clip.frames - expected * 255).max() <= 1
    assert clip.fps == (fps or 7)


def test_in_half_precision_pictures_are_encoded_in_whole(folder: Any) -> None:
    half, whole = Engine(folder[0], precision="float16"), Engine(folder[0])
    vae: Any = half._networks.vae
    kinds: list[torch.dtype] = []
    vae.encoder.register_forward_hook(lambda *_: kinds.append(vae.dtype))
    found = half.encode(photo()[None])
    assert kinds == [torch.float32]
    assert vae.dtype == torch.float16
    assert difference(found, whole.encode(photo()[None])) < 2e-3, "only the weights were rounded"


def test_frames_are_decoded_a_few_at_a_time_as_the_spec_says(
    folder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(folder[0])
    assert engine.spec.frames_at_once == 7
    vae: Any = engine._networks.vae
    plain, decoded = vae.decode, []
    monkeypatch.setattr(
        vae, "decode", lambda chunk, num_frames: decoded.append(num_frames) or plain(chunk, num_frames)
    )
    assert len(list(engine.decode(torch.randn(1, 4, 9, 4, 4)))) == 9
    assert decoded == [7, 2]


def test_its_spec_is_that_of_diffusers_pipeline(folder: Any) -> None:
    spec = Engine(folder[0]).spec
    assert (spec.width, spec.height, spec.num_frames, spec.window, spec.fps) == (1024, 576, 5, 5, 7)
    assert (spec.guidance_scale, spec.num_inference_steps) == (3.0, 25)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "text-to-video 'a b' --width 32 --height 32",
            "reads a picture in place of words; leave the prompt out",
        ),
        ("image-to-video photo.png --prompt 'a b'", "reads no words; leave --prompt out"),
        ("animate photo.png --pose photo.json", "does not read poses"),
    ],
)
def test_what_it_cannot_be_told_is_one_line(
    folder: Any, portrait_folder: Path, line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*shlex.split(line), "--model", str(folder[0]), "-o", "a.mp4"]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


@pytest.mark.parametrize(
    ("part", "values", "message"),
    [
        ("feature_extractor/preprocessor_config.json", {"image_mean": [0.5, 0.5, 0.5]}, "sets image_mean to"),
        ("unet/config.json", {"addition_time_embed_dim": 4}, "beside the timestep: 12, expected 24"),
        ("unet/config.json", {"num_frames": 0}, "num_frames is 0"),
        ("unet/config.json", {"cross_attention_dim": 24}, "has another shape of"),
        ("vae/config.json", {"scaling_factor": 0}, "scale 0 of the latents"),
        ("scheduler/scheduler_config.json", {"_class_name": "Nothing"}, "names the scheduler 'Nothing'"),
    ],
)
def test_what_is_wrong_with_a_folder_is_one_line(
    copy: Path, part: str, values: dict[str, Any], message: str
) -> None:
    change(copy / part, **values)
    with pytest.raises(CheckpointError, match=message) as caught:
        Engine(copy)
    assert "\n" not in str(caught.value)


def test_a_part_that_is_missing_is_named(copy: Path) -> None:
    shutil.rmtree(copy / "image_encoder")
    with pytest.raises(CheckpointError, match="image_encoder"):
        Engine(copy)
