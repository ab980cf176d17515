"""Folders in diffusers' layout: the same pictures as diffusers makes, and what is wrong said in one line."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny, UNetMotionModel
from safetensors.torch import load_file, save_file

import videogen as vg
from tests.tiny_diffusers import parts, write
from videogen.cli import main
from videogen.engine import Conditions, Engine
from videogen.errors import CheckpointError
from videogen.sampling import Timeline


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    where = tmp_path_factory.mktemp("animatediff")
    return where, write(where)


@pytest.fixture
def copy(folder: tuple[Path, Any], tmp_path: Path) -> Path:
    shutil.copytree(folder[0], tmp_path / "model")
    return tmp_path / "model"


class PerFrame(torch.nn.Module):
    """A norm of `b c t h w` frame by frame."""

    def __init__(self, norm: torch.nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        frames = x.transpose(1, 2)
        out: torch.Tensor = self.norm(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
        return out.transpose(1, 2)


def normed_per_frame(unet: Any) -> Any:
    """diffusers' motion U-Net with the norm of its motion modules frame by frame, as AnimateDiff has it."""
    modules = [module for module in unet.modules() if type(module).__name__ == "AnimateDiffTransformer3D"]
    assert len(modules) == 21
    for module in modules:
        module.norm = PerFrame(module.norm)
    return unet


def test_predictions_are_those_of_diffusers_with_the_norm_of_the_original(folder: Any) -> None:
    where, made = folder
    engine = Engine(where)
    latents = torch.randn(1, 4, 5, 4, 4, generator=torch.Generator().manual_seed(1))
    told = Conditions(fps=8.0, prompt="a b c")
    found = engine.denoiser(told, Timeline.line(5))(latents, torch.tensor(300), torch.arange(5)[None])
    tokens = made["tokenizer"]("a b c", padding="max_length", truncation=True, return_tensors="pt").input_ids
    words = made["text_encoder"](tokens).last_hidden_state.repeat(5, 1, 1)
    unet = normed_per_frame(UNetMotionModel.from_unet2d(made["unet"], made["motion_adapter"]).eval())
    with torch.no_grad():
        expected = unet(latents, torch.tensor(300), words).sample
    assert (found - expected).norm() / expected.norm() < 1e-4


def test_pictures_go_through_the_autoencoder_as_in_diffusers(folder: Any) -> None:
    where, made = folder
    engine, vae = Engine(where), made["vae"]
    frames = np.random.default_rng(0).integers(0, 256, (6, 16, 32, 3), dtype=np.uint8)
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2) / 127.5 - 1
    expected = vae.encode(pixels).latent_dist.mode() * vae.config.scaling_factor
    found = engine.encode(frames)
    torch.testing.assert_close(found[0].transpose(0, 1), expected, atol=1e-4, rtol=1e-4)
    shown = vae.decode(expected / vae.config.scaling_factor).sample.clamp(-1, 1)
    made_again = np.stack(list(engine.decode(found)))
    wanted = ((shown + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    assert np.abs(made_again.astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("which", [{}, {"controlnet": True}, {"mid": False}, {"safe": False}])
def test_text_to_video_runs_end_to_end(tmp_path: Path, which: dict[str, bool]) -> None:
    write(tmp_path / "model", **which)
    words = ["text-to-video", "a b", "--model", str(tmp_path / "model"), "--seed", "1", "--num-frames", "5"]
    more = ["--num-inference-steps", "2", "--width", "40", "--height", "24", "-o", str(tmp_path / "a.mp4")]
    assert main([*words, *more]) == 0
    assert (tmp_path / "a.mp4").stat().st_size > 0


@pytest.mark.parametrize("job", ["animate {inputs}/puppet.png", "text-to-video 'a b' --height 64"])
def test_poses_reach_a_controlnet_and_are_refused_where_there_is_none(
    tmp_path: Path, folder: Any, job: str, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = Path(__file__).parent.parent.parent / "samples" / "inputs"
    write(tmp_path / "model", controlnet=True)
    words = shlex.split(job.format(inputs=inputs))
    words += ["--pose", str(inputs / "dance.json"), "--seconds", "0.5", "--width", "64"]
    words += ["--num-inference-steps", "2", "-o", str(tmp_path / "a.mp4")]
    assert main([*words, "--model", str(tmp_path / "model")]) == 0
    capsys.readouterr()
    assert main([*words, "--model", str(folder[0])]) == 2
    assert "does not read poses; give one that comes with a ControlNet" in capsys.readouterr().err


def test_a_controlnet_adds_what_diffusers_adds(tmp_path: Path) -> None:
    made = write(tmp_path / "model", controlnet=True)
    engine = Engine(tmp_path / "model")
    assert engine.spec.skeleton_style == "openpose"
    unet = normed_per_frame(UNetMotionModel.from_unet2d(made["unet"], made["motion_adapter"]).eval())
    maps = torch.rand(1, 3, 2, 32, 32, generator=torch.Generator().manual_seed(2))
    latents, at = torch.ones(1, 4, 2, 4, 4), torch.tensor(500)
    told = Conditions(fps=8.0, prompt="a", pose_maps=maps)
    found = engine.denoiser(told, Timeline.line(2))(latents, at, torch.arange(2)[None])
    tokens = made["tokenizer"]("a", padding="max_length", truncation=True, return_tensors="pt").input_ids
    words = made["text_encoder"](tokens).last_hidden_state.repeat(2, 1, 1)
    with torch.no_grad():
        alone = unet(latents, at, words).sample
        down, mid = made["controlnet"](
            latents[0].transpose(0, 1), at, words, maps[0].transpose(0, 1), return_dict=False
        )
        expected = unet(
            latents, at, words, down_block_additional_residuals=down, mid_block_additional_residual=mid
        ).sample
    error = (found - expected).norm()
    assert error / expected.norm() < 1e-5
    assert (alone - expected).norm() > 20 * error


def test_longer_clips_than_the_modules_know_go_in_windows(folder: Any) -> None:
    clip = vg.text_to_video("a", model=str(folder[0]), seed=1, num_frames=40, num_inference_steps=1)
    assert len(list(clip.frames)) == 40


def test_the_words_matter_and_are_not_those_of_pocket(folder: Any) -> None:
    engine = Engine(folder[0])
    assert engine.known_words == []
    assert engine.unknown_words("quux") == []
    predictions = [
        engine.denoiser(Conditions(fps=8.0, prompt=text), Timeline.line(2))(
            torch.ones(1, 4, 2, 4, 4), torch.tensor(500), torch.arange(2)[None]
        )
        for text in ("a b", "c d", "A B")
    ]
    assert (predictions[0] - predictions[1]).abs().max() > 1e-3
    torch.testing.assert_close(predictions[0], predictions[2], rtol=0, atol=0)


def test_files_with_the_names_of_older_versions_are_read(folder: Any, copy: Path) -> None:
    older = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    vae = copy / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(vae)
    for new, old in older.items():
        tensors = {name.replace(new, old): tensor for name, tensor in tensors.items()}
    assert sum(".proj_attn." in name for name in tensors) == 4
    save_file(tensors, vae)
    text = copy / "text_encoder" / "model.safetensors"
    save_file({**load_file(text), "text_model.embeddings.position_ids": torch.arange(12)[None]}, text)
    frames = np.random.default_rng(0).integers(0, 256, (1, 16, 32, 3), dtype=np.uint8)
    older_engine, engine = Engine(copy), Engine(folder[0])
    assert torch.equal(older_engine.encode(frames), engine.encode(frames))
    told, clip = Conditions(fps=8.0, prompt="a b"), Timeline.line(2)
    given = torch.ones(1, 4, 2, 4, 4), torch.tensor(300), torch.arange(2)[None]
    assert torch.equal(older_engine.denoiser(told, clip)(*given), engine.denoiser(told, clip)(*given))


def test_pictures_are_decoded_one_by_one_as_they_are_asked_for(
    folder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(folder[0])
    vae: Any = engine._networks.vae
    plain, decoded = vae.decode, []
    monkeypatch.setattr(vae, "decode", lambda chunk: decoded.append(len(chunk)) or plain(chunk))
    stream = engine.decode(torch.randn(1, 4, 3, 4, 4))
    next(stream)
    assert decoded == [1]
    assert len(list(stream)) == 2
    assert decoded == [1, 1, 1]


def damage_weights(model: Path) -> None:
    file = model / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])


def rot(model: Path) -> None:
    file = model / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors["conv_in.weight"][0] = float("nan")
    save_file(tensors, file)


def drop_motion(model: Path) -> None:
    index = json.loads((model / "model_index.json").read_text())
    del index["motion_adapter"]
    (model / "model_index.json").write_text(json.dumps(index))


def other_width(model: Path) -> None:
    config = json.loads((model / "unet" / "config.json").read_text())
    config["cross_attention_dim"] = 24
    (model / "unet" / "config.json").write_text(json.dumps(config))


def of_sdxl(model: Path) -> None:
    config = json.loads((model / "unet" / "config.json").read_text())
    config["addition_embed_type"] = "text_time"
    (model / "unet" / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (damage_weights, "cannot be read as safetensors"),
        (rot, "conv_in.weight holds NaN"),
        (drop_motion, "has no motion modules; add a motion_adapter"),
        (other_width, "has another shape of"),
        (of_sdxl, "sets addition_embed_type to 'text_time'"),
        (lambda model: shutil.rmtree(model / "vae"), "is missing"),
        (lambda model: (model / "vae" / "diffusion_pytorch_model.safetensors").unlink(), "holds no weights"),
        (lambda model: (model / "tokenizer" / "tokenizer.json").write_text("{"), "cannot be used"),
    ],
)
def test_what_is_wrong_with_a_folder_is_one_line(
    copy: Path, spoil: Any, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(copy)
    with pytest.raises(CheckpointError, match=message):
        Engine(copy)
    assert main(["text-to-video", "a", "--model", str(copy), "-o", str(copy / "a.mp4")]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1, told


def test_v1_modules_take_norms_over_all_frames_and_others_do_not(folder: Any, tmp_path: Path) -> None:
    made = parts(mid=False, length=24)
    shutil.copytree(folder[0], tmp_path / "v1")
    made["motion_adapter"].save_pretrained(tmp_path / "v1" / "motion_adapter")
    config = Engine(tmp_path / "v1")._networks.denoiser.unet.config
    assert config.norm_over_frames
    assert config.motion_max_frames == 24
    assert not Engine(folder[0])._networks.denoiser.unet.config.norm_over_frames


def test_a_tiny_autoencoder_takes_the_place_of_the_large_one(copy: Path) -> None:
    torch.manual_seed(0)
    tiny = AutoencoderTiny(
        encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4,
        num_encoder_blocks=(1,) * 4, num_decoder_blocks=(1,) * 4,
    )  # fmt: skip
    shutil.rmtree(copy / "vae")
    tiny.save_pretrained(copy / "vae")
    edit = json.loads((copy / "vae" / "config.json").read_text())
    del edit["shift_factor"]  # published ones do not name it
    (copy / "vae" / "config.json").write_text(json.dumps(edit))
    engine = Engine(copy)
    assert engine.spec.vae_scale_factor == 8
    frames = np.random.default_rng(0).integers(0, 256, (2, 16, 32, 3), dtype=np.uint8)
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.no_grad():
        latents = tiny.eval().encode(pixels).latents * tiny.config.scaling_factor
        shown = tiny.decode(latents / tiny.config.scaling_factor).sample.clamp(-1, 1)
    found = engine.encode(frames)
    torch.testing.assert_close(found[0].transpose(0, 1), latents, atol=1e-5, rtol=1e-5)
    wanted = ((shown + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    assert np.abs(np.stack(list(engine.decode(found))).astype(int) - wanted).max() <= 1
    words = ["text-to-video", "a b", "--model", str(copy), "--num-frames", "2", "--num-inference-steps", "1"]
    assert main([*words, "--seed", "1", "-o", str(copy / "a.mp4")]) == 0


def test_files_of_older_versions_load_like_those_of_today(copy: Path, folder: Any) -> None:
    file = copy / "vae" / "diffusion_pytorch_model.safetensors"
    older = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    tensors = load_file(file)
    for new, old in older.items():
        tensors = {name.replace(f".0.{new}.", f".0.{old}."): value for name, value in tensors.items()}
    assert any("proj_attn" in name for name in tensors)
    save_file(tensors, file)
    words = copy / "text_encoder" / "model.safetensors"
    save_file(load_file(words) | {"text_model.embeddings.position_ids": torch.arange(12)[None]}, words)
    latents = torch.ones(1, 4, 2, 4, 4)
    decoded = [np.stack(list(Engine(path).decode(latents))) for path in (copy, folder[0])]
    np.testing.assert_array_equal(*decoded)


def test_motion_modules_are_replaced_with_their_schedule(copy: Path, tmp_path: Path) -> None:
    other = parts(mid=False)["motion_adapter"]
    other.save_pretrained(tmp_path / "lightning")
    adapter = tmp_path / "lightning" / "diffusion_pytorch_model.safetensors"
    adapter.rename(adapter.with_name("animatediff_lightning_8step_diffusers.safetensors"))
    engine = Engine(
        copy, motion_modules=adapter.with_name("animatediff_lightning_8step_diffusers.safetensors")
    )
    assert type(engine.scheduler()).__name__ == "EulerDiscreteScheduler"
    assert (engine.spec.num_inference_steps, engine.spec.guidance_scale) == (8, 1.0)
    assert not engine._networks.denoiser.unet.config.motion_mid_block


def test_weights_of_another_part_are_told_by_what_they_look_like(tmp_path: Path) -> None:
    write(tmp_path, controlnet=True)
    name = "diffusion_pytorch_model.safetensors"
    shutil.copy(tmp_path / "controlnet" / name, tmp_path / "unet" / name)
    with pytest.raises(CheckpointError, match=r"lacks conv_norm_out\.bias .*looks like: ControlNet\)"):
        Engine(tmp_path)
