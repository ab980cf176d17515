"""Model folders as diffusers writes them: Stable Diffusion 1.5 and its fine-tunes with motion modules.

`model_index.json` names the parts: `unet` and `motion_adapter`, or a `unet` that has motion modules itself,
`vae`, `text_encoder`, `tokenizer`, `scheduler`, and if wanted a `controlnet` that reads poses (and
`controlnet_1`, …) or, as a SparseControlNetModel, keyframes. Every part has its `config.json`; weights are
safetensors, or torch's archives where there are no others.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import count, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import diffusers

from videogen.errors import CheckpointError
from videogen.models.stable import StableUNet
from videogen.models.temporal_unet import TemporalUNet
from videogen.weights.controlnets import make_controlnet, make_sparse_control
from videogen.weights.folder import Folder, Part
from videogen.weights.formats import read_json
from videogen.weights.keymaps import MOTION_ADAPTER, rename
from videogen.weights.parts import (
    Networks,
    build,
    check_pairs,
    fill,
    make_text_encoder,
    plain,
    read_scheduler,
)
from videogen.weights.presets import ModelSpec
from videogen.weights.unet_config import unet_config

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PIPELINES = (
    "AnimateDiffPipeline", "AnimateDiffControlNetPipeline", "AnimateDiffSparseControlNetPipeline",
)  # fmt: skip
_WINDOW, _OVERLAP = 16, 4


def load_diffusers(folder: Path, index: dict[str, Any]) -> Networks:
    """Build every part of a folder and load its weights, float32 on the CPU; raises CheckpointError."""
    found = Folder(folder)
    part = found.part
    unet = _unet(part("unet"), part("motion_adapter") if _has(index, "motion_adapter") else None)
    named = _controls(folder, index)
    controlnets = [make_controlnet(part(name)) for name in named if not _is_sparse(folder / name)]
    sparse = [make_sparse_control(part(name)) for name in named if _is_sparse(folder / name)]
    settings, tensors, file = part("vae")
    vae: Any = fill(lambda: make_vae(plain(settings)), tensors, source=file)
    words, tensors, file = part("text_encoder")
    text_encoder = fill(lambda: make_text_encoder(plain(words)), tensors, source=file)
    check_together(unet, vae, words=text_encoder.config.hidden_size, folder=folder)
    return Networks(
        spec=spec_of(unet, vae, read_json(folder / "unet" / "config.json")),
        denoiser=StableUNet(unet, controlnets, sparse=sparse[0] if sparse else None).eval(),
        vae=vae,
        text_encoder=text_encoder,
        planner=None,
        tokenizer=build(folder / "tokenizer", lambda: read_tokenizer(folder / "tokenizer")),
        **read_scheduler(folder / "scheduler" / "scheduler_config.json"),
        hashes=found.hashes,
    )


def _unet(unet: Part, motion: Part | None) -> TemporalUNet:
    """The temporal U-Net of a spatial one and its motion modules, or of one that has them already."""
    config, tensors, file = unet
    moving = config if motion is None else motion[0]
    if motion is None and config.get("_class_name") != "UNetMotionModel":
        raise CheckpointError(
            f"{file.parent.parent} has no motion modules; add a motion_adapter, as AnimateDiff's"
        )
    made = unet_config(
        config,
        source=str(file),
        motion_levels=(True,) * len(config.get("down_block_types", ())),
        motion_mid_block=bool(moving.get("use_motion_mid_block", True)),
        motion_heads=_one(moving.get("motion_num_attention_heads", 8), source=file),
        motion_num_groups=moving.get("motion_norm_num_groups", config.get("norm_num_groups", 32)),
        motion_max_frames=moving.get("motion_max_seq_length", 32),
    )
    whole = rename(tensors, MOTION_ADAPTER) | (rename(motion[1], MOTION_ADAPTER) if motion else {})
    return fill(lambda: TemporalUNet(made), whole, source=file)


def _controls(folder: Path, index: dict[str, Any]) -> list[str]:
    """The folders of a model's ControlNets: one, or as many as diffusers has written side by side."""
    if not _has(index, "controlnet"):
        return []
    if index["controlnet"][1] != "MultiControlNetModel":
        return ["controlnet"]
    more = takewhile(lambda name: (folder / name).is_dir(), (f"controlnet_{number}" for number in count(1)))
    return ["controlnet", *more]


def _is_sparse(folder: Path) -> bool:
    return read_json(folder / "config.json").get("_class_name") == "SparseControlNetModel"


def make_vae(settings: dict[str, Any]) -> diffusers.AutoencoderKL:
    """An autoencoder of its settings."""
    scale = settings.get("scaling_factor", 0.18215)
    if not 0 < scale < math.inf:
        raise ValueError(f"scale {scale} of the latents")
    return diffusers.AutoencoderKL(**settings)


def spec_of(unet: TemporalUNet, vae: diffusers.AutoencoderKL, settings: dict[str, Any]) -> ModelSpec:
    """What such a model is at home with; `settings` are those of its U-Net."""
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    size = int(settings.get("sample_size") or 64) * factor
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
        latent_channels=vae.config.latent_channels,
        vae_scale_factor=factor,
        size_multiple=factor,
    )


def check_together(unet: TemporalUNet, vae: diffusers.AutoencoderKL, *, words: int, folder: Path) -> None:
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


def _one(value: Any, *, source: Path) -> int:
    """A number that may come once for each size."""
    values = set(value) if isinstance(value, list | tuple) else {value}
    if len(values) != 1:
        raise CheckpointError(f"{source} has motion modules of {sorted(values)} heads; expected one number")
    return int(values.pop())
