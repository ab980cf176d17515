"""Train pocket from nothing, or further: autoencoder, then the U-Net with its encoders, then export.

One folder holds the run: a state for each stage, the frozen autoencoder, and at the end `export/`, a model
folder that `--model` takes. Called again with the same folder, training goes on from the last checkpoint.
"""

from __future__ import annotations

import logging
from importlib.metadata import version
from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from safetensors import safe_open
from torch import Tensor

from videogen.engine import keep_freed_memory
from videogen.errors import CheckpointError, RequestError
from videogen.training.autoencoder import AutoencoderStage, build_autoencoder
from videogen.training.checkpoint import write_atomically
from videogen.training.export import Trained, export
from videogen.training.loop import Budget, Trainer
from videogen.training.text import build_tokenizer
from videogen.training.unet import Sample, UNetStage, pocket_config
from videogen.weights.formats import assign_weights, read_weights

log = logging.getLogger(__name__)

AUTOENCODER_SHARE = 0.2
FROZEN = "vae_frozen.safetensors"


def train_pocket(*, minutes: float, device: str, directory: Path, workers: int = 1) -> Path:
    """Train for `minutes` in `directory` on `device` (auto, cpu, cuda) and return the exported model folder.

    `workers` processes render the world ahead on the CPU; 0 renders on the device itself. Raises
    RequestError for impossible values and CheckpointError where the folder holds something else.
    """
    if not minutes > 0:
        raise RequestError(f"--minutes is {minutes}; give more than 0")
    if device not in ("auto", "cpu", "cuda") or (device == "cuda" and not torch.cuda.is_available()):
        raise RequestError(f"device {device!r} cannot train here; give auto, cpu, or cuda where there is one")
    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if chosen == "cpu":
        keep_freed_memory()
    else:
        workers = 0
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(
            f"cannot make the folder {directory} ({error.strerror}); give another"
        ) from error
    frozen = directory / FROZEN
    if not frozen.exists():
        share = AUTOENCODER_SHARE * minutes
        _train_autoencoder(minutes=share, device=chosen, directory=directory)
        minutes -= share
    vae = load_frozen_autoencoder(frozen)
    batch_size = 16 if chosen == "cpu" else 256
    stage = UNetStage(vae, build_tokenizer(), batch_size=batch_size, device=chosen, workers=workers)
    trainer: Trainer[Sample] = Trainer(stage, directory, device=chosen, bf16=True)
    done = trainer.progress.seconds / 60
    figures = trainer.train(Budget(minutes=minutes, planned=done + minutes))
    trained = Trained(
        vae=vae,
        networks=trainer.average,
        unet_config=pocket_config(),
        text_config=stage.model.text_encoder.config,
        tokenizer=stage.tokenizer,
        record={
            "steps": trainer.progress.step,
            "frames": trainer.progress.step * batch_size * 8,
            "seconds": round(trainer.progress.seconds),
            "device": chosen,
            "loss": figures,
            "torch": version("torch"),
            "diffusers": version("diffusers"),
        },
    )
    export(trained, directory / "export")
    log.info("exported to %s; use it with --model %s", directory / "export", directory / "export")
    return directory / "export"


def _train_autoencoder(*, minutes: float, device: str, directory: Path) -> None:
    """Train the autoencoder, measure the spread of its latents, and freeze it."""
    stage = AutoencoderStage()
    trainer: Trainer[Tensor] = Trainer(stage, directory, device=device, bf16=True)
    trainer.train(Budget(minutes=minutes, planned=trainer.progress.seconds / 60 + minutes))
    stage.model.load_state_dict(trainer.average)
    freeze_autoencoder(stage, directory / FROZEN)


@torch.no_grad()
def freeze_autoencoder(stage: AutoencoderStage, path: Path) -> None:
    """Save the autoencoder with the scale and shift that give its latents zero mean and unit variance."""
    stage.model.cpu()
    pictures = torch.cat([batch for batch, _ in zip(stage.batches(0), range(16), strict=False)])
    latents = torch.cat([stage.model.encode(chunk).latents for chunk in pictures.split(32)])
    spread = {"scaling_factor": 1 / latents.std().item(), "shift_factor": latents.mean().item()}
    tensors = {name: value.contiguous() for name, value in stage.model.state_dict().items()}
    write_atomically(tensors, path, metadata={name: repr(value) for name, value in spread.items()})


def load_frozen_autoencoder(path: Path) -> AutoencoderTiny:
    """The autoencoder that `freeze_autoencoder` saved; raises CheckpointError on another file."""
    vae = build_autoencoder()
    assign_weights(vae, read_weights(path), source=path)
    try:
        with safe_open(path, framework="pt") as file:
            found = file.metadata() or {}
        spread = {name: float(found[name]) for name in ("scaling_factor", "shift_factor")}
    except (KeyError, ValueError) as error:
        raise CheckpointError(
            f"{path} does not say how its latents are scaled ({error}); remove it"
        ) from error
    vae.register_to_config(**spread)
    return vae.to(memory_format=torch.channels_last)
