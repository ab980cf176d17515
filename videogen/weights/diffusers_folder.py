"""Stable Diffusion 1.5 and its fine-tunes with motion modules: put together, and from diffusers' folders.

`model_index.json` names the parts: `unet` and `motion_adapter`, or a `unet` that has motion modules itself,
`vae`, `text_encoder`, `tokenizer`, `scheduler`, and if wanted a `controlnet` that reads poses (and
`controlnet_1`, …) or, as a SparseControlNetModel, keyframes. Every part has its `config.json`; weights are
safetensors, or torch's archives where there are no others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import diffusers
import torch
from torch import Tensor

from videogen.errors import CheckpointError
from videogen.models.stable import StableUNet
from videogen.models.temporal_unet import TemporalUNet
from videogen.weights.controlnets import controlnet_of
from videogen.weights.folder import Folder, Part
from videogen.weights.formats import read_json
from videogen.weights.keymaps import MOTION_ADAPTER
from videogen.weights.motion import Motion, motion_of, read_motion, schedule_of
from videogen.weights.parts import (
    Autoencoder,
    Networks,
    build,
    check_pairs,
    fill,
    make_text_encoder,
    make_tiny_vae,
    plain,
    read_scheduler,
)
from videogen.weights.spec import ModelSpec, grid_of
from videogen.weights.unet_config import unet_config

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PIPELINES = (
    "AnimateDiffPipeline", "AnimateDiffControlNetPipeline", "AnimateDiffSparseControlNetPipeline",
)  # fmt: skip
STILL = "StableDiffusionPipeline"
"""A pipeline for pictures: the base of a model, if motion modules come from elsewhere."""
_WINDOW, _OVERLAP = 16, 4


@dataclass(frozen=True)
class Pieces:
    """What a model of Stable Diffusion's kind is made of; `motion` None where the U-Net has modules itself.

    `controlnets` and `sparse` are names in the model's folder.
    """

    unet: Part
    vae: Part
    text_encoder: Part
    tokenizer: Path
    motion: Motion | None
    controlnets: tuple[str, ...] = ()
    sparse: str | None = None


def load_diffusers(path: Path, index: dict[str, Any], *, motion_modules: Path | None = None) -> Networks:
    """Build every part of a folder and load its weights, float32 on the CPU; raises CheckpointError.

    `motion_modules`, a file or an adapter's folder, take the place of the folder's own.
    """
    folder, adapter = Folder(path), "motion_adapter" if _has(index, "motion_adapter") else None
    if motion_modules is not None:
        adapter = name_elsewhere(motion_modules)
        folder = Folder(path, files={adapter: motion_modules})
    named = _controls(path, index)
    sparse = [name for name in named if _is_sparse(path / name)]
    pieces = Pieces(
        unet=folder.part("unet"),
        vae=folder.part("vae"),
        text_encoder=folder.part("text_encoder"),
        tokenizer=folder.file("tokenizer"),
        motion=None if adapter is None else read_motion(folder, adapter),
        controlnets=tuple(name for name in named if name not in sparse),
        sparse=sparse[0] if sparse else None,
    )
    return assemble(pieces, folder, schedule=path / "scheduler" if motion_modules is None else None)


def name_elsewhere(motion_modules: Path) -> str:
    """The name by which a `Folder` shall know motion modules that lie elsewhere."""
    return "motion_modules" if motion_modules.is_dir() else f"motion_modules/{motion_modules.name}"


def assemble(pieces: Pieces, folder: Folder, *, schedule: Path | None = None) -> Networks:
    """Build and fill every network, float32 on the CPU; raises CheckpointError.

    `schedule` is a folder with a scheduler's settings; without, the schedule is that of the motion modules.
    """
    unet = _unet(pieces.unet, pieces.motion)
    controlnets = [controlnet_of(folder, name, like=unet.config) for name in pieces.controlnets]
    sparse = None
    if pieces.sparse is not None:
        sparse = controlnet_of(folder, pieces.sparse, like=unet.config, sparse=True)
    vae = fill_vae(*pieces.vae)
    words, tensors, file = pieces.text_encoder
    text_encoder = fill(lambda: make_text_encoder(plain(words)), tensors, source=file)
    check_together(unet, vae, words=text_encoder.config.hidden_size, folder=folder.path)
    spec = spec_of(unet, vae, pieces.unet[0])
    if schedule is not None:
        scheduler = read_scheduler(schedule / "scheduler_config.json")
    else:
        made_for = schedule_of(cast("Motion", pieces.motion))
        scheduler = {"scheduler_class": made_for.kind, "scheduler_config": dict(made_for.settings)}
        steps, scale = made_for.num_inference_steps, made_for.guidance_scale
        spec = replace(spec, num_inference_steps=steps, guidance_scale=scale)
    return Networks(
        spec=spec,
        denoiser=StableUNet(unet, controlnets, sparse=sparse).eval(),
        vae=vae,
        text_encoder=text_encoder,
        planner=None,
        tokenizer=build(pieces.tokenizer, lambda: read_tokenizer(pieces.tokenizer)),
        **scheduler,
        hashes=folder.hashes,
    )


def _unet(unet: Part, motion: Motion | None) -> TemporalUNet:
    """The temporal U-Net of a spatial one and its motion modules, or of one that has them already."""
    config, tensors, file = unet
    if motion is None:
        if config.get("_class_name") != "UNetMotionModel":
            raise CheckpointError(
                f"{file.parent.parent} has no motion modules; add a motion_adapter, as AnimateDiff's, "
                f"or give --motion-modules"
            )
        groups = {"motion_norm_num_groups": config.get("norm_num_groups", 32)}
        motion = motion_of((groups | config, tensors, file), rules=MOTION_ADAPTER)
    made = unet_config(config, source=str(file), **motion.settings)
    still = {name: value for name, value in tensors.items() if "motion_modules." not in name}
    return fill(lambda: TemporalUNet(made), still | dict(motion.tensors), source=file)


def _controls(folder: Path, index: dict[str, Any]) -> list[str]:
    """The folders of a model's ControlNets: one, or as many as diffusers has written side by side."""
    if not _has(index, "controlnet"):
        return []
    if index["controlnet"][1] != "MultiControlNetModel":
        return ["controlnet"]
    more = takewhile(lambda name: (folder / name).is_dir(), (f"controlnet_{number}" for number in count(1)))
    return ["controlnet", *more]


def _is_sparse(folder: Path) -> bool:
    """Whether a ControlNet is a SparseCtrl."""
    return bool(read_json(folder / "config.json").get("_class_name") == "SparseControlNetModel")


def fill_vae(settings: dict[str, Any], tensors: dict[str, Tensor], source: Path) -> Any:
    """An autoencoder of its settings and tensors: AutoencoderKL, or the small AutoencoderTiny."""
    make = make_tiny_vae if settings.get("_class_name") == "AutoencoderTiny" else _make_vae
    vae: Any = fill(lambda: make(plain(settings)), tensors, source=source)
    return vae.to(memory_format=torch.channels_last)  # its large maps take a third less time and memory so


def _make_vae(settings: dict[str, Any]) -> diffusers.AutoencoderKL:
    check_scale(settings)
    return diffusers.AutoencoderKL(**settings)


def check_scale(settings: dict[str, Any]) -> None:
    """Raise ValueError for an autoencoder's scale that latents cannot have."""
    scale = settings.get("scaling_factor", 0.18215)
    if not 0 < scale < math.inf:
        raise ValueError(f"scale {scale} of the latents")


def spec_of(unet: TemporalUNet, vae: Autoencoder, settings: dict[str, Any]) -> ModelSpec:
    """What such a model is at home with; `settings` are those of its U-Net."""
    grid = grid_of(vae.config)
    size = int(settings.get("sample_size") or 64) * grid["vae_scale_factor"]
    window = min(_WINDOW, unet.config.motion_max_frames)
    return ModelSpec(
        width=size,
        height=size,
        num_frames=window,
        fps=Fraction(8),
        window=window,
        overlap=min(_OVERLAP, window - 1),
        num_inference_steps=25,
        guidance_scale=7.5,
        pose_guidance=1.0,
        **grid,
        frames_at_once=1,
        skeleton_style="openpose",
    )


def check_together(unet: TemporalUNet, vae: Autoencoder, *, words: int, folder: Path) -> None:
    """Raise CheckpointError where parts that are sound by themselves do not belong together."""
    pairs = {
        "channels of the vae's latents": (vae.config.latent_channels, unet.config.in_channels),
        "width of the words": (words, unet.config.cross_attention_dim),
    }
    check_pairs(pairs, folder)


def read_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """CLIP's tokenizer from its folder."""
    from transformers import CLIPTokenizer

    tokenizer: PreTrainedTokenizerFast = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    return tokenizer


def _has(index: dict[str, Any], name: str) -> bool:
    found = index.get(name)
    return isinstance(found, list) and len(found) == 2 and None not in found
