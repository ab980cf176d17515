"""Single files become the very tensors and settings of diffusers' networks, or one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.golden.conftest import OWN
from tests.tiny_diffusers import tokenizer
from tests.tiny_original import (
    adapter,
    control_state,
    motion_state,
    networks,
    save,
    single_state,
    unet_name,
    vae_state,
)
from videogen.engine import Conditions, Engine
from videogen.errors import CheckpointError
from videogen.sampling import Timeline
from videogen.weights.single_file import controlnet_tensors, stable_parts, vae_part

HERE = Path("x.safetensors")


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return networks()


def same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    bare = {name.removeprefix("text_model."): value for name, value in found.items()}
    wanted = {name.removeprefix("text_model."): value for name, value in expected.items()}
    assert bare.keys() - {"embeddings.position_ids"} == wanted.keys()
    for name, value in wanted.items():
        assert torch.equal(bare[name], value), name


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_every_tensor_of_a_single_file_gets_the_name_that_diffusers_has_for_it(made: Any, part: str) -> None:
    settings, tensors, _ = stable_parts(single_state(made), source=HERE)[part]
    same(tensors, made[part].state_dict())
    for name, value in settings.items():
        known = made[part].config
        own = known[name] if hasattr(known, "keys") else getattr(known, name)
        if name != "sample_size" and not name.endswith("_token_id"):
            assert (tuple(value) if isinstance(value, list) else value) == (
                tuple(own) if isinstance(own, list) else own
            ), name


def test_every_tensor_of_a_controlnet_gets_the_name_that_diffusers_has_for_it(made: Any) -> None:
    for state in (control_state(made["controlnet"]), made["controlnet"].state_dict()):
        same(controlnet_tensors(state, source=HERE), made["controlnet"].state_dict())


def full_size(name: str, *, start: str) -> tuple[dict[str, list[int]], dict[str, Tensor]]:
    """Shapes by diffusers' names, and tensors without memory by the first ones."""
    listed = json.loads((OWN / "keys" / f"{name}.json").read_text(encoding="utf-8"))["tensors"]
    with torch.device("meta"):
        state = {f"{start}{unet_name(key)}": torch.empty(shape) for key, shape in listed.items()}
    assert len(state) == len(listed)
    return listed, state


def test_the_names_of_a_full_size_model_come_back_whole() -> None:
    listed, state = full_size("sd15_unet", start="model.diffusion_model.")
    settings, tensors, _ = stable_parts(state, source=HERE)["unet"]
    assert {key: list(tensor.shape) for key, tensor in tensors.items()} == listed
    assert settings["block_out_channels"] == (320, 640, 1280, 1280)
    assert settings["layers_per_block"] == 2
    assert settings["cross_attention_dim"] == 768


def test_the_names_of_a_full_size_controlnet_come_back_whole() -> None:
    listed, state = full_size("control_v11p_sd15_openpose", start="control_model.")
    tensors = controlnet_tensors(state, source=HERE)
    assert {key: list(tensor.shape) for key, tensor in tensors.items()} == listed


OLDER = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def test_an_autoencoder_s_own_file_is_read_in_three_namings(made: Any) -> None:
    expected = made["vae"].state_dict()
    older = dict(expected)
    for new, old in OLDER.items():
        older = {name.replace(f"attentions.0.{new}.", f"attentions.0.{old}."): v for name, v in older.items()}
    assert older.keys() != expected.keys()
    for state in (vae_state(made["vae"]), expected, older):
        settings, tensors, _ = vae_part(state, source=HERE)
        same(tensors, expected)
        assert settings["scaling_factor"] == made["vae"].config.scaling_factor


def predict(engine: Engine) -> Tensor:
    latents = torch.randn(1, 4, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    told = Conditions(fps=8.0, prompt="a b c")
    return engine.denoiser(told, Timeline.line(3))(latents, torch.tensor(300), torch.arange(3)[None])


def test_a_single_file_predicts_what_the_same_networks_in_diffusers_folders_predict(
    tmp_path: Path, made: Any, caplog: pytest.LogCaptureFixture
) -> None:
    motion = adapter()
    files = tmp_path / "files"
    save(single_state(made), files / "base.ckpt")
    save(motion_state(motion), files / "v3_sd15_mm.ckpt")
    tokenizer(files / "tokenizer")
    folder = tmp_path / "folder"
    for name in ("unet", "vae", "text_encoder"):
        made[name].save_pretrained(folder / name)
    motion.save_pretrained(folder / "motion_adapter")
    tokenizer(folder / "tokenizer")
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    several = [
        Engine(files),
        Engine(files / "base.ckpt", motion_modules=files / "v3_sd15_mm.ckpt"),
        Engine(folder),
        Engine(folder, motion_modules=folder / "motion_adapter"),
    ]
    first, frames = predict(several[0]), np.full((2, 32, 32, 3), 77, np.uint8)
    for engine in several[1:]:
        torch.testing.assert_close(predict(engine), first, rtol=0, atol=0)
        torch.testing.assert_close(engine.encode(frames), several[0].encode(frames), rtol=0, atol=0)
        assert type(engine.scheduler()).__name__ == "DDIMScheduler"
    assert caplog.text == ""
    assert set(several[1].hashes) == {"base.ckpt", "motion_modules/v3_sd15_mm.ckpt"}


def test_a_controlnet_in_a_single_file_beside_the_others_reads_poses(tmp_path: Path, made: Any) -> None:
    save(single_state(made), tmp_path / "base.safetensors")
    save(motion_state(adapter()), tmp_path / "mm.ckpt")
    tokenizer(tmp_path / "tokenizer")
    assert not Engine(tmp_path)._networks.denoiser.reads_poses
    save(control_state(made["controlnet"]), tmp_path / "controlnet" / "openpose.pth")
    engine = Engine(tmp_path)
    assert engine._networks.denoiser.reads_poses
    same(engine._networks.denoiser.controlnets[0].state_dict(), made["controlnet"].state_dict())


def without(state: dict[str, Tensor], start: str) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if not name.startswith(start)}


CONV = "model.diffusion_model.input_blocks.0.0.weight"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: s | {"model.diffusion_model.label_emb.0.0.weight": torch.ones(1)}, "Stable Diffusion XL"),
        (lambda s: s | {"cond_stage_model.model.ln_final.weight": torch.ones(1)}, "is Stable Diffusion 2"),
        (lambda s: s | {CONV: torch.ones(32, 9, 3, 3)}, "inpainting"),
        (lambda s: without(s, CONV), "is no U-Net of Stable Diffusion's kind"),
        (lambda s: without(s, "first_stage_model.decoder.conv_in."), "holds no autoencoder"),
        (lambda s: without(s, "cond_stage_model.transformer.text_model.encoder.layers.0.mlp"), "CLIP's kind"),
    ],
)
def test_what_is_no_whole_stable_diffusion_1_5_is_told_in_one_line(
    made: Any, spoil: Any, message: str
) -> None:
    with pytest.raises(CheckpointError, match=message) as refused:
        stable_parts(spoil(single_state(made)), source=HERE)
    assert "\n" not in str(refused.value)
    assert str(HERE) in str(refused.value)


def test_what_a_folder_of_files_has_no_use_for_is_said(
    tmp_path: Path, made: Any, caplog: pytest.LogCaptureFixture
) -> None:
    save(single_state(made), tmp_path / "checkpoints" / "base.safetensors")
    save(motion_state(adapter()), tmp_path / "animatediff_models" / "mm.ckpt")
    save(vae_state(made["vae"]), tmp_path / "vae" / "better.pt")
    save({"image_proj.proj.weight": torch.ones(1)}, tmp_path / "ip.bin")
    tokenizer(tmp_path / "tokenizer")
    engine = Engine(tmp_path)
    assert "ip.bin is not used here" in caplog.text
    assert "vae/better.pt" in engine.hashes
