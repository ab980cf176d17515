"""Motion modules of every version: the settings that each was trained with, and its schedule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import load_file

from tests.golden.conftest import OWN
from tests.tiny_original import adapter, motion_state, save
from videogen.errors import CheckpointError
from videogen.weights.folder import Folder
from videogen.weights.motion import Motion, read_motion, schedule_of


def read(path: Path) -> Motion:
    return read_motion(Folder(path.parent), path.name)


@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
def test_the_norms_go_over_frames_where_those_of_the_original_do(tmp_path: Path, version: str) -> None:
    source = OWN / f"animatediff_{version}"
    options = json.loads((source / "config.json").read_text())["unet_additional_kwargs"]
    found = read(save(load_file(source / "motion_module.safetensors"), tmp_path / "mm.ckpt"))
    assert found.version == version
    assert found.settings["norm_over_frames"] is not options["use_inflated_groupnorm"]
    assert found.settings["motion_mid_block"] == options["motion_module_mid_block"]
    assert found.settings["motion_max_frames"] == {"v1": 24}.get(version, 32)


def lcm(path: Path) -> Path:
    return save(motion_state(adapter(), length=None), path / "AnimateLCM_sd15_t2v.ckpt")


def lcm_adapter(path: Path) -> Path:
    adapter(length=64).save_pretrained(path / "adapter")
    return path / "adapter"


def long_fine_tune(path: Path) -> Path:
    return save(motion_state(adapter(), length=64), path / "lt_long_mm_16_64_frames.ckpt")


def lightning(path: Path) -> Path:
    modules = adapter(mid=True).state_dict()
    return save(modules, path / "animatediff_lightning_8step_diffusers.safetensors")


def lightning_of_comfy(path: Path) -> Path:
    return save(
        motion_state(adapter(mid=True), length=None), path / "animatediff_lightning_2step_comfyui.safetensors"
    )


@pytest.mark.parametrize(
    ("make", "version", "frames", "kind", "steps", "scale"),
    [
        (lcm, "AnimateLCM", 64, "LCMScheduler", 6, 2.0),
        (lcm_adapter, "AnimateLCM", 64, "LCMScheduler", 6, 2.0),
        (long_fine_tune, "v3", 64, "DDIMScheduler", 25, 7.5),
        (lightning, "v2", 32, "EulerDiscreteScheduler", 8, 1.0),
        (lightning_of_comfy, "v2", 32, "EulerDiscreteScheduler", 2, 1.0),
    ],
)
def test_the_schedule_follows_the_version(
    tmp_path: Path, make: Any, version: str, frames: int, kind: str, steps: int, scale: float
) -> None:
    motion = read(make(tmp_path))
    schedule = schedule_of(motion)
    assert (motion.version, motion.settings["motion_max_frames"]) == (version, frames)
    assert not motion.settings["norm_over_frames"]
    assert schedule.kind is getattr(diffusers, kind)
    assert (schedule.num_inference_steps, schedule.guidance_scale) == (steps, scale)
    scheduler = schedule.kind.from_config(dict(schedule.settings))
    betas = torch.linspace(0.00085, 0.012, 1000)
    torch.testing.assert_close(scheduler.betas, betas)
    scheduler.set_timesteps(steps)
    assert len(scheduler.timesteps) == steps
    assert scheduler.timesteps[0] == {"DDIMScheduler": 961}.get(kind, 999)


@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors"])
@pytest.mark.parametrize("mid", [False, True])
def test_a_published_file_holds_what_the_adapter_of_diffusers_holds(
    tmp_path: Path, suffix: str, mid: bool
) -> None:
    network = adapter(mid=mid)
    network.save_pretrained(tmp_path / "adapter")
    published = read(save(motion_state(network), tmp_path / f"mm{suffix}"))
    written = read(tmp_path / "adapter")
    inside = read(tmp_path / "adapter" / "diffusion_pytorch_model.safetensors")
    assert published.settings == written.settings == inside.settings
    assert published.tensors.keys() == written.tensors.keys() == inside.tensors.keys()
    for name, value in network.state_dict().items():
        if not name.endswith(".pe"):
            assert torch.equal(published.tensors[name], value)
            assert torch.equal(written.tensors[name], value)


def test_settings_that_disagree_with_their_file_are_refused(tmp_path: Path) -> None:
    adapter(length=24).save_pretrained(tmp_path / "adapter")
    file = tmp_path / "adapter" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"motion_max_seq_length": 32}))
    with pytest.raises(CheckpointError, match=r"knows clips of 24 frames, but its config\.json says 32"):
        read(tmp_path / "adapter")


def test_what_is_no_motion_modules_is_named(tmp_path: Path) -> None:
    path = save({"encoder.a": torch.ones(1), "decoder.a": torch.ones(1)}, tmp_path / "vae.safetensors")
    with pytest.raises(CheckpointError, match="is a autoencoder; give motion modules"):
        read(path)
