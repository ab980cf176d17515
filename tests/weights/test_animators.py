"""Folders of AnimateAnyone and MagicAnimate, made of the originals' own small networks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPVisionConfig, CLIPVisionModelWithProjection

from tests.golden.conftest import OWN, difference
from tests.tiny import stir
from tests.tiny_diffusers import parts, tokenizer
from videogen.cli import main
from videogen.engine import Conditions, Engine
from videogen.errors import CheckpointError, RequestError
from videogen.sampling import Timeline

INPUTS = Path(__file__).parent.parent.parent / "samples" / "inputs"


def settings_of(family: str) -> dict[str, Any]:
    config = json.loads((OWN / family / "config.json").read_text(encoding="utf-8"))
    motion = config["unet_additional_kwargs"]["motion_module_kwargs"]
    own: dict[str, Any] = config["unet_config"]
    return {
        **own,
        "sample_size": 8,
        "motion_num_attention_heads": motion["num_attention_heads"],
        "motion_norm_num_groups": config["motion_norm_num_groups"],
    }


def write_json(path: Path, values: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")


def animate_anyone(folder: Path) -> None:
    for name in ("denoising_unet", "reference_unet", "motion_module", "pose_guider"):
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(load_file(OWN / "animate_anyone" / f"{name}.safetensors"), folder / f"{name}.pth")
    write_json(folder / "stable-diffusion-v1-5" / "unet" / "config.json", settings_of("animate_anyone"))
    torch.manual_seed(0)
    pictures = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28,
            patch_size=14, projection_dim=32,
        )
    )  # fmt: skip
    stir(pictures)
    pictures.save_pretrained(folder / "image_encoder")
    parts()["vae"].save_pretrained(folder / "sd-vae-ft-mse")


def magic_animate(folder: Path) -> None:
    source = OWN / "magicanimate"
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    base = folder / "stable-diffusion-v1-5"
    write_json(base / "unet" / "config.json", settings_of("magicanimate"))
    write_json(folder / "densepose_controlnet" / "config.json", config["controlnet_config"])
    (folder / "appearance_encoder").mkdir()
    (folder / "temporal_attention").mkdir()
    name = "diffusion_pytorch_model.safetensors"
    shutil.copy(source / "unet.safetensors", base / "unet" / name)
    shutil.copy(source / "appearance_encoder.safetensors", folder / "appearance_encoder" / name)
    shutil.copy(source / "densepose_controlnet.safetensors", folder / "densepose_controlnet" / name)
    motion = {
        f"module.{key}": value for key, value in load_file(source / "temporal_attention.safetensors").items()
    }
    torch.save({"state_dict": motion}, folder / "temporal_attention" / "temporal_attention.ckpt")
    tokenizer(base / "tokenizer")
    torch.manual_seed(0)
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=54, hidden_size=32, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
            max_position_embeddings=12, bos_token_id=0, eos_token_id=1, pad_token_id=1,
        )
    )  # fmt: skip
    text.save_pretrained(base / "text_encoder")
    parts()["vae"].save_pretrained(base / "vae")


@pytest.mark.parametrize("make", [animate_anyone, magic_animate])
def test_a_folder_runs_animate(tmp_path: Path, make: Any) -> None:
    make(tmp_path / "model")
    words = ["animate", str(INPUTS / "puppet.png"), "--pose", str(INPUTS / "dance.json"), "--seconds", "0.5"]
    words += [
        "--width",
        "64",
        "--num-inference-steps",
        "2",
        "--seed",
        "1",
        "--model",
        str(tmp_path / "model"),
    ]
    assert main([*words, "-o", str(tmp_path / "a.mp4")]) == 0
    assert (tmp_path / "a.mp4").stat().st_size > 0


def test_the_halves_of_animate_anyone_are_those_of_the_original(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    animate_anyone(tmp_path / "model")
    engine = Engine(tmp_path / "model")
    assert engine.spec.skeleton_style == "dwpose"
    source = OWN / "animate_anyone"
    given, expected = load_file(source / "inputs.safetensors"), load_file(source / "outputs.safetensors")
    told = Conditions(
        fps=8.0, reference=given["ref_image_latents"][:, :, None], pose_maps=given["pose"][:, :, :5] / 255,
        picture=torch.zeros(1, 3, 64, 64),
    )  # fmt: skip
    seen = {True: given["image_embeds"], False: torch.zeros_like(given["image_embeds"])}
    monkeypatch.setattr(
        "videogen.telling.look_in_place_of_words", lambda networks, picture: seen[picture is not None]
    )
    latents, frames = given["latents"][:, :, :5], torch.arange(5)[None]
    for half, conditions in {"cond": told, "uncond": engine.without(told)}.items():
        found = engine.denoiser(conditions, Timeline.line(5))(latents, given["timestep"], frames)
        assert difference(found, expected[f"single/pred_{half}"]) < 1e-4


@pytest.mark.parametrize("make", [animate_anyone, magic_animate])
def test_the_reference_is_read_and_matters(tmp_path: Path, make: Any) -> None:
    make(tmp_path / "model")
    engine = Engine(tmp_path / "model")
    generator = torch.Generator().manual_seed(3)
    latents, frames = torch.randn(1, 4, 3, 8, 8, generator=generator), torch.arange(3)[None]
    pictures = [torch.randn(1, 4, 1, 8, 8, generator=generator) for _ in range(2)]
    maps = torch.rand(1, 3, 3, 64, 64, generator=generator)
    shown = [
        engine.denoiser(Conditions(fps=8.0, reference=one, pose_maps=maps), Timeline.line(3))(
            latents, torch.tensor(500), frames
        )
        for one in (*pictures, None)
    ]
    assert difference(shown[0], shown[1]) > 1e-3
    assert difference(shown[0], shown[2]) > 1e-3


@pytest.mark.parametrize("make", [animate_anyone, magic_animate])
def test_a_picture_alone_is_sent_to_animate(
    tmp_path: Path, make: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path)
    words = ["image-to-video", str(INPUTS / "puppet.png"), "--model", str(tmp_path), "-o", "a.mp4"]
    assert main(words) == 2
    assert "moves a picture by poses; use videogen animate with --pose" in capsys.readouterr().err


def test_words_are_refused_where_a_picture_stands_for_them(tmp_path: Path) -> None:
    animate_anyone(tmp_path)
    with pytest.raises(RequestError, match="reads a picture in place of words; leave the prompt out"):
        Engine(tmp_path).denoiser(Conditions(fps=8.0, prompt="a woman"), Timeline.line(2))


def test_the_controlnet_of_magic_animate_hears_the_guided_words_in_both_halves(tmp_path: Path) -> None:
    magic_animate(tmp_path / "model")
    engine = Engine(tmp_path / "model")
    maps = torch.rand(1, 3, 2, 64, 64, generator=torch.Generator().manual_seed(4))
    shown = []
    for prompt, pose in (("a b", maps), ("c d", maps), ("a b", None), ("c d", None)):
        half = engine.without(Conditions(fps=8.0, prompt=prompt, pose_maps=pose))
        denoise = engine.denoiser(half, Timeline.line(2))
        shown.append(denoise(torch.ones(1, 4, 2, 8, 8), torch.tensor(500), torch.arange(2)[None]))
    assert difference(shown[0], shown[1]) > 1e-6
    torch.testing.assert_close(shown[2], shown[3], atol=0, rtol=0)


def test_the_picture_stands_for_words(tmp_path: Path) -> None:
    animate_anyone(tmp_path / "model")
    engine = Engine(tmp_path / "model")
    shown = []
    for picture in (None, torch.zeros(1, 3, 40, 30), torch.rand(1, 3, 40, 30)):
        told = Conditions(fps=8.0, pose_maps=torch.zeros(1, 3, 2, 64, 64), picture=picture)
        denoise = engine.denoiser(told, Timeline.line(2))
        shown.append(denoise(torch.ones(1, 4, 2, 8, 8), torch.tensor(500), torch.arange(2)[None]))
    assert difference(shown[0], shown[1]) > 1e-3
    assert difference(shown[1], shown[2]) > 1e-5


@pytest.mark.parametrize(
    ("make", "gone"),
    [
        (animate_anyone, "pose_guider.pth"),
        (animate_anyone, "motion_module.pth"),
        (animate_anyone, "image_encoder/config.json"),
        (magic_animate, "temporal_attention/temporal_attention.ckpt"),
        (magic_animate, "densepose_controlnet/config.json"),
    ],
)
def test_a_missing_file_is_named(tmp_path: Path, make: Any, gone: str) -> None:
    make(tmp_path / "model")
    (tmp_path / "model" / gone).unlink()
    with pytest.raises(CheckpointError, match=gone.split("/")[0].replace(".", r"\.")) as refused:
        Engine(tmp_path / "model")
    assert "\n" not in str(refused.value)


def test_an_autoencoder_of_another_kind_is_refused(tmp_path: Path) -> None:
    animate_anyone(tmp_path / "model")
    torch.manual_seed(0)
    AutoencoderKL(block_out_channels=(4,), norm_num_groups=2, latent_channels=3).save_pretrained(
        tmp_path / "model" / "sd-vae-ft-mse"
    )
    with pytest.raises(CheckpointError, match="do not fit together"):
        Engine(tmp_path / "model")
