"""Folders of Stable Video Diffusion in diffusers' layout (`StableVideoDiffusionPipeline`).

The parts are `unet`, `vae` (whose decoder knows neighbouring frames), `image_encoder`, `feature_extractor`
and `scheduler`. A picture stands in place of words.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from diffusers import AutoencoderKLTemporalDecoder, UNetSpatioTemporalConditionModel

from videogen.conditions.reference import CLIP_MEAN, CLIP_SPREAD, seen_by_svd
from videogen.errors import CheckpointError
from videogen.models.svd import SvdUNet
from videogen.weights.diffusers_folder import check_scale
from videogen.weights.folder import Folder
from videogen.weights.formats import read_json
from videogen.weights.parts import (
    Networks,
    build,
    check_pairs,
    fill,
    make_image_encoder,
    plain,
    read_scheduler,
)
from videogen.weights.spec import ModelSpec, grid_of

PIPELINE = "StableVideoDiffusionPipeline"
_DECODED_AT_ONCE = 7
_OVERLAP = 4
_TOLD = 3  # frame rate, amount of motion, noise in the picture


def load_svd(folder: Path) -> Networks:
    """Build every part of a folder and load its weights, float32 on the CPU; raises CheckpointError."""
    found = Folder(folder)
    settings, tensors, file = found.part("unet")
    unet: Any = fill(lambda: UNetSpatioTemporalConditionModel(**plain(settings)), tensors, source=file)
    values, tensors, file = found.part("vae")
    vae: Any = fill(lambda: _make_vae(plain(values)), tensors, source=file)
    seeing, tensors, file = found.part("image_encoder")
    pictures = fill(lambda: make_image_encoder(plain(seeing)), tensors, source=file)
    _check_colours(folder / "feature_extractor" / "preprocessor_config.json")
    pairs = {
        "channels of the vae's latents, twice": (2 * vae.config.latent_channels, unet.config.in_channels),
        "channels of the prediction": (unet.config.out_channels, vae.config.latent_channels),
        "width of the picture's token": (pictures.config.projection_dim, unet.config.cross_attention_dim),
        "numbers told beside the timestep": (
            _TOLD * unet.config.addition_time_embed_dim,
            unet.config.projection_class_embeddings_input_dim,
        ),
    }
    check_pairs(pairs, folder)
    return Networks(
        spec=build(folder, lambda: spec_of(unet.config, vae.config)),
        denoiser=SvdUNet(unet, latent_scale=vae.config.scaling_factor).eval(),
        vae=vae,
        text_encoder=None,
        planner=None,
        tokenizer=None,
        **read_scheduler(folder / "scheduler" / "scheduler_config.json"),
        hashes=found.hashes,
        image_encoder=pictures,
        see=seen_by_svd,
    )


def _make_vae(settings: dict[str, Any]) -> AutoencoderKLTemporalDecoder:
    check_scale(settings)
    return AutoencoderKLTemporalDecoder(**settings)


def _check_colours(path: Path) -> None:
    """Raise CheckpointError where pictures are to be shown in other units than CLIP's own."""
    settings = read_json(path)
    for name, expected in (("image_mean", CLIP_MEAN), ("image_std", CLIP_SPREAD)):
        found = settings.get(name, expected)
        if not isinstance(found, list | tuple) or list(found) != list(expected):
            raise CheckpointError(f"{path} sets {name} to {found!r}; expected that of CLIP, {list(expected)}")


def spec_of(unet: Any, vae: Any) -> ModelSpec:
    """What such a model is at home with: the sizes and settings of diffusers' pipeline."""
    return ModelSpec(
        width=1024,
        height=576,
        num_frames=unet.num_frames,
        fps=Fraction(7),
        window=unet.num_frames,
        overlap=min(_OVERLAP, unet.num_frames - 1),
        num_inference_steps=25,
        guidance_scale=3.0,
        pose_guidance=1.0,
        **grid_of(vae),
        frames_at_once=_DECODED_AT_ONCE,
    )
