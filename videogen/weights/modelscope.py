"""Folders of ModelScope and zeroscope in diffusers' layout (`TextToVideoSDPipeline`).

The parts are `unet`, `vae`, `text_encoder`, `tokenizer` and `scheduler`.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from diffusers import UNet3DConditionModel

from videogen.models.modelscope import ModelScopeUNet
from videogen.weights.diffusers_folder import fill_vae, read_tokenizer
from videogen.weights.folder import Folder
from videogen.weights.parts import (
    Networks,
    build,
    check_pairs,
    fill,
    make_text_encoder,
    plain,
    read_scheduler,
)
from videogen.weights.spec import ModelSpec, grid_of

PIPELINE = "TextToVideoSDPipeline"
_WINDOW, _OVERLAP = 16, 4


def load_modelscope(folder: Path) -> Networks:
    """Build every part of a folder and load its weights, float32 on the CPU; raises CheckpointError."""
    found = Folder(folder)
    settings, tensors, file = found.part("unet")
    unet: Any = fill(lambda: UNet3DConditionModel(**plain(settings)), tensors, source=file)
    values, tensors, file = found.part("vae")
    vae = fill_vae(values, tensors, file)
    words, tensors, file = found.part("text_encoder")
    text_encoder = fill(lambda: make_text_encoder(plain(words)), tensors, source=file)
    pairs = {
        "channels of the vae's latents": (vae.config.latent_channels, unet.config.in_channels),
        "channels of the prediction": (unet.config.out_channels, vae.config.latent_channels),
        "width of the words": (text_encoder.config.hidden_size, unet.config.cross_attention_dim),
    }
    check_pairs(pairs, folder)
    tokens = folder / "tokenizer"
    return Networks(
        spec=build(folder, lambda: spec_of(unet.config, vae.config)),
        denoiser=ModelScopeUNet(unet).eval(),
        vae=vae,
        text_encoder=text_encoder,
        planner=None,
        tokenizer=build(tokens, lambda: read_tokenizer(tokens)),
        **read_scheduler(folder / "scheduler" / "scheduler_config.json"),
        hashes=found.hashes,
    )


def spec_of(unet: Any, vae: Any) -> ModelSpec:
    """What such a model is at home with: the sizes and settings of diffusers' pipeline."""
    grid = grid_of(vae)
    sample = unet.sample_size or 32
    height, width = sample if isinstance(sample, list | tuple) else (sample, sample)
    return ModelSpec(
        width=width * grid["vae_scale_factor"],
        height=height * grid["vae_scale_factor"],
        num_frames=_WINDOW,
        fps=Fraction(8),
        window=_WINDOW,
        overlap=_OVERLAP,
        num_inference_steps=50,
        guidance_scale=9.0,
        pose_guidance=1.0,
        **grid,
        frames_at_once=1,
    )
