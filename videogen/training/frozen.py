"""The autoencoder as it stays while the U-Net learns its latents: one file, with how they are scaled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from safetensors import safe_open

from videogen.errors import CheckpointError
from videogen.training.autoencoder import AutoencoderStage, build_autoencoder
from videogen.training.checkpoint import write_atomically
from videogen.weights.formats import assign_weights, read_weights

FROZEN = "vae_frozen.safetensors"
_PICTURES = 512
_SPREAD = ("scaling_factor", "shift_factor")


@torch.no_grad()
def freeze_autoencoder(stage: AutoencoderStage, path: Path) -> None:
    """Save the autoencoder with the scale and shift that give its latents zero mean and unit variance."""
    stage.model.cpu()
    count = max(_PICTURES // stage.batch_size, 1)
    pictures = torch.cat([stage.pictures(number) for number in range(count)])
    latents = torch.cat([stage.model.encode(chunk).latents for chunk in pictures.split(32)])
    spread = {"scaling_factor": 1 / latents.std().item(), "shift_factor": latents.mean().item()}
    save_frozen(stage.model, path, spread=spread)


def save_frozen(vae: AutoencoderTiny, path: Path, *, spread: Mapping[str, float]) -> None:
    """Save an autoencoder whose latents are scaled and shifted so."""
    metadata = {name: repr(float(spread[name])) for name in _SPREAD}
    write_atomically(vae.state_dict(), path, metadata=metadata)


def load_frozen_autoencoder(path: Path) -> AutoencoderTiny:
    """The autoencoder that `freeze_autoencoder` saved; raises CheckpointError on another file."""
    vae = build_autoencoder()
    assign_weights(vae, read_weights(path), source=path)
    try:
        with safe_open(path, framework="pt") as file:
            found = file.metadata() or {}
        spread = {name: float(found[name]) for name in _SPREAD}
    except (KeyError, ValueError) as error:
        raise CheckpointError(
            f"{path} does not say how its latents are scaled ({error}); remove it"
        ) from error
    vae.register_to_config(**spread)
    return vae.to(memory_format=torch.channels_last)
