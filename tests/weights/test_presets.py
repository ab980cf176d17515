"""Presets run from the command line, given a folder with their files in the layouts that people have."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch

from tests.tiny_diffusers import tokenizer
from tests.tiny_original import adapter, motion_state, networks, save, single_state
from tests.weights.test_animators import animate_anyone, magic_animate
from videogen.cli import main
from videogen.engine import Engine
from videogen.errors import CheckpointError, RequestError
from videogen.weights.catalogue import PRESETS
from videogen.weights.load import find_model
from videogen.weights.places import where
from videogen.weights.presets import preset_folder

INPUTS = Path(__file__).parent.parent.parent / "samples" / "inputs"
TEXT = ["text-to-video", "a b", "--seed", "1", "--num-frames", "3", "--width", "32", "--height", "32"]
ANIMATE = [
    "animate", str(INPUTS / "puppet.png"), "--pose", str(INPUTS / "dance.json"), "--seconds", "0.3",
    "--width", "64", "--num-inference-steps", "1", "--seed", "1",
]  # fmt: skip
SCHEDULERS = {
    "animatediff": ("DDIMScheduler", 25, 7.5),
    "animatediff-lcm": ("LCMScheduler", 6, 2.0),
    "animatediff-lightning": ("EulerDiscreteScheduler", 4, 1.0),
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all files of the AnimateDiff presets, flat and in the hub's layout."""
    folder = tmp_path_factory.mktemp("weights")
    made = networks()
    save(single_state(made), folder / "v1-5-pruned-emaonly.safetensors")
    tokenizer(folder / "tokenizer")
    save(motion_state(adapter()), folder / "guoyww--animatediff" / "v3_sd15_mm.ckpt")
    save(motion_state(adapter(), length=None), folder / "wangfuyun/AnimateLCM/AnimateLCM_sd15_t2v.ckpt")
    rank = {"lora_down": (2, 64), "lora_up": (64, 2)}
    layer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
    lora = {f"{layer}.{half}.weight": torch.ones(shape) for half, shape in rank.items()}
    lora[f"{layer}.alpha"] = torch.tensor(1.0)
    save(lora, folder / "AnimateLCM_sd15_t2v_lora.safetensors")
    lightning = adapter(mid=True).state_dict()
    save(lightning, folder / "AnimateDiff-Lightning" / "animatediff_lightning_4step_diffusers.safetensors")
    return folder


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No network, and an empty cache."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_preset_of_animatediff_makes_a_clip_with_its_own_schedule(
    name: str, weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "a.mp4"
    words = [*TEXT, "--model", name, "--weights", str(weights), "--num-inference-steps", "1", "-o", str(out)]
    assert main(words) == 0
    assert out.stat().st_size > 0
    engine = Engine(name, weights=weights)
    kind, steps, scale = SCHEDULERS[name]
    assert type(engine.scheduler()).__name__ == kind
    assert (engine.spec.num_inference_steps, engine.spec.guidance_scale) == (steps, scale)
    assert (engine.spec.width, engine.spec.height, engine.spec.num_frames, engine.spec.fps) == (
        512,
        512,
        16,
        8,
    )
    assert engine.scheduler().config.prediction_type == "epsilon"


def test_the_lora_of_animate_lcm_is_merged_at_the_scale_of_its_authors(weights: Path) -> None:
    plain = Engine("animatediff", weights=weights)._networks.denoiser.unet.state_dict()
    merged = Engine("animatediff-lcm", weights=weights)._networks.denoiser.unet.state_dict()
    name = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight"
    torch.testing.assert_close(merged[name] - plain[name], torch.full((64, 64), 0.8 * 2 / 2))
    changed = {key for key in plain if not torch.equal(plain[key], merged[key])}
    assert changed == {name}


def test_other_motion_modules_take_the_place_of_a_preset_s_own(weights: Path, tmp_path: Path) -> None:
    mine = Path(shutil.copytree(weights, tmp_path / "mine"))
    shutil.rmtree(mine / "guoyww--animatediff")
    own = save(motion_state(adapter(mid=True)), tmp_path / "mm_sd_v15_v2.ckpt")
    with pytest.raises(CheckpointError, match=r"animatediff needs 1 more file, .*v3_sd15_mm\.ckpt"):
        Engine("animatediff", weights=mine)
    engine = Engine("animatediff", weights=mine, motion_modules=own)
    assert engine._networks.denoiser.unet.config.motion_mid_block
    assert "motion_modules/mm_sd_v15_v2.ckpt" in engine.hashes


def test_magic_animate_runs_from_its_authors_layout(tmp_path: Path) -> None:
    home = tmp_path / "pretrained_models"
    magic_animate(home)
    shutil.move(home / "stable-diffusion-v1-5" / "vae", home / "sd-vae-ft-mse")
    (home / "MagicAnimate").mkdir()
    for name in ("appearance_encoder", "densepose_controlnet", "temporal_attention"):
        shutil.move(home / name, home / "MagicAnimate" / name)
    words = [*ANIMATE, "--model", "magicanimate", "--weights", str(tmp_path)]
    assert main([*words, "-o", str(tmp_path / "a.mp4")]) == 0
    assert (tmp_path / "a.mp4").stat().st_size > 0


def test_animate_anyone_runs_from_its_authors_layout(tmp_path: Path) -> None:
    animate_anyone(tmp_path / "pretrained_weights")
    file = tmp_path / "pretrained_weights" / "image_encoder" / "model.safetensors"
    save(dict(load(file)), file.with_name("pytorch_model.bin"))
    file.unlink()
    words = [*ANIMATE, "--model", "animate-anyone", "--weights", str(tmp_path)]
    assert main([*words, "-o", str(tmp_path / "a.mp4")]) == 0
    assert (tmp_path / "a.mp4").stat().st_size > 0


def load(file: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(file)


@pytest.mark.parametrize("name", ["svd", "modelscope"])
@pytest.mark.parametrize("choice", [0, 1])
def test_a_preset_that_is_a_folder_of_diffusers_is_that_folder(
    name: str, choice: int, tmp_path: Path
) -> None:
    files = PRESETS[name].needs[0].choices[choice]
    for file in files:
        path = Path(where(file, weights=tmp_path))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    home = tmp_path / files[0].repo.replace("/", "--")
    assert preset_folder(PRESETS[name], weights=tmp_path) == home
    (tmp_path / files[0].repo / "unet").mkdir(parents=True)
    shutil.move(home / "unet" / "config.json", tmp_path / files[0].repo / "unet" / "config.json")
    with pytest.raises(CheckpointError, match="lie in 2 folders"):
        preset_folder(PRESETS[name], weights=tmp_path)


@pytest.mark.parametrize("name", ["magicanimate", "pocket"])
def test_models_without_animatediff_s_modules_take_no_others(
    name: str, tmp_path: Path, weights: Path
) -> None:
    own = weights / "guoyww--animatediff" / "v3_sd15_mm.ckpt"
    with pytest.raises(RequestError, match="leave --motion-modules out"):
        Engine(name, motion_modules=own)


def test_a_model_of_the_hub_is_looked_for_in_the_folder_of_weights_first(tmp_path: Path) -> None:
    for home in (tmp_path / "owner--one", tmp_path / "owner" / "two"):
        home.mkdir(parents=True)
        (home / "model_index.json").write_text(json.dumps({}))
    assert find_model("owner/one", weights=tmp_path) == tmp_path / "owner--one"
    assert find_model("owner/two", weights=tmp_path) == tmp_path / "owner" / "two"


def test_the_record_names_the_motion_modules_and_run_makes_the_clip_again(
    weights: Path, tmp_path: Path, capsys: Any
) -> None:
    own = save(motion_state(adapter(mid=True)), tmp_path / "mm_sd_v15_v2.ckpt")
    base = weights / "v1-5-pruned-emaonly.safetensors"
    words = [*TEXT, "--model", str(base), "--motion-modules", str(own), "--num-inference-steps", "2"]
    assert main([*words, "-o", str(tmp_path / "a.gif")]) == 0
    capsys.readouterr()
    assert main(["show", str(tmp_path / "a.gif")]) == 0
    assert json.loads(capsys.readouterr().out)["request"]["motion_modules"] == str(own)
    assert main(["run", str(tmp_path / "a.gif"), "-o", str(tmp_path / "b.gif")]) == 0
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
