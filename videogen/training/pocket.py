"""Train pocket from nothing, or further: autoencoder, motion planner, U-Net with its encoders, then export.

One folder holds the run: a state for each stage, the frozen autoencoder, the tokenizer, the journal, and at
the end `export/`, a model folder that `--model` takes. Called again with the same folder, training goes on
from the last state.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderTiny
from transformers import PreTrainedTokenizerFast

from videogen.devices import keep_freed_memory
from videogen.errors import CheckpointError, RequestError
from videogen.models.interpolator import Interpolator
from videogen.models.motion_planner import MotionPlanner, MotionPlannerConfig
from videogen.models.upscaler import Upscaler, UpscalerConfig
from videogen.training import checkpoint
from videogen.training.autoencoder import AutoencoderStage
from videogen.training.export import Trained, export, export_enhancer, export_planner
from videogen.training.frozen import FROZEN, freeze_autoencoder, load_frozen_autoencoder, save_frozen
from videogen.training.initial import spread_of, take_planner, take_weights
from videogen.training.interpolator import InterpolatorStage
from videogen.training.journal import FILE, read_journal
from videogen.training.loop import Budget, Figures, Stage, Trainer
from videogen.training.measure import choose_workers
from videogen.training.planner import PlannerStage, build_words_encoder
from videogen.training.samples import PHASES
from videogen.training.text import build_text_encoder, build_tokenizer
from videogen.training.unet import UNetStage, pocket_config
from videogen.training.upscaler import UpscalerStage
from videogen.weights.load import find_model, load_networks

log = logging.getLogger(__name__)

STAGES = ("autoencoder", "planner", "unet", "interpolator", "upscaler")
TIME = {"autoencoder": 0.15, "planner": 0.1}
"""The shares of the time of `all` for what is not trained yet; the U-Net has the rest."""
STARTED = "started_from.txt"
"""Says that a training began with the weights of a model, and with the last phase."""
Evaluate = Callable[[Path, Path], Mapping[str, float]]
"""Measures the model in a folder and puts contact sheets into another; returns figures by name."""


@dataclass(frozen=True)
class PocketRun:
    """A training's folder and the machine's means: what every stage needs."""

    directory: Path
    device: str
    workers: int | None = None
    init: Path | None = None
    evaluate: Evaluate | None = None
    evaluate_minutes: float = 30.0

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The words of this training: made once, since their numbers must never change."""
        own = self.directory / "tokenizer"
        for folder in (own, self.directory / "export" / "tokenizer"):
            if (folder / "tokenizer.json").exists():
                kept: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(
                    folder, local_files_only=True
                )
                return kept
        made = build_tokenizer()
        made.save_pretrained(own)
        return made

    @property
    def vae(self) -> AutoencoderTiny:
        """The frozen autoencoder; raises RequestError where there is none yet."""
        if not (self.directory / FROZEN).exists():
            raise RequestError(
                f"{self.directory} has no autoencoder yet; train it first with --stage autoencoder or all, "
                f"or take one over with --init"
            )
        return load_frozen_autoencoder(self.directory / FROZEN)

    @property
    def large(self) -> bool:
        """Whether the device wants large batches."""
        return self.device != "cpu"

    def train_autoencoder(self, minutes: float) -> None:
        """Train it and freeze it; where a U-Net has learnt its latents already, only the decoder."""
        batch_size, frozen = (256 if self.large else 32), self.directory / FROZEN
        workers = 1 if self.workers is None else self.workers
        stage = AutoencoderStage(batch_size=batch_size, workers=workers)
        if frozen.exists() and (self.directory / "unet" / checkpoint.FILE).exists():
            stage = AutoencoderStage(
                batch_size=batch_size, workers=workers, name="decoder", decoder_only=True, model=self.vae
            )
        trainer = self._train(stage, minutes)
        stage.model.load_state_dict(trainer.average)
        freeze_autoencoder(stage, frozen)

    def train_planner(self, minutes: float) -> None:
        """Train the motion planner."""
        stage = PlannerStage(self.tokenizer)
        if self.init is not None and not (self.directory / "planner" / checkpoint.FILE).exists():
            networks = load_networks(self.init)
            if networks.planner is not None:
                take_planner(stage.model, self.tokenizer, networks, source=self.init)
        self._train(stage, minutes)

    def train_unet(self, minutes: float) -> None:
        """Train the U-Net with its text and appearance encoders, evaluating on the way."""
        mark = self.directory / STARTED
        begun = (self.directory / "unet" / checkpoint.FILE).exists()
        if self.init is not None and not begun:
            mark.write_text(f"{self.init}\n", encoding="utf-8")
        stage = UNetStage(
            self.vae, self.tokenizer, batch_size=256 if self.large else 16, device=self.device,
            phases=PHASES[-1:] if mark.exists() else PHASES,
        )  # fmt: skip
        if self.init is not None and not begun:
            take_weights(stage.model, self.tokenizer, load_networks(self.init), source=self.init)
        stage.workers = choose_workers(stage) if self.workers is None else self.workers
        self._train(stage, minutes, evaluates=self.evaluate is not None)

    def train_interpolator(self, minutes: float) -> None:
        """Train the frame interpolator, which needs nothing of the others."""
        workers = 1 if self.workers is None else self.workers
        self._train(InterpolatorStage(batch_size=64 if self.large else 16, workers=workers), minutes)

    def train_upscaler(self, minutes: float) -> None:
        """Train the upscaler, which needs nothing of the others."""
        self._train(UpscalerStage(batch_size=32 if self.large else 8), minutes)

    def _train(self, stage: Stage[Any], minutes: float, *, evaluates: bool = False) -> Trainer[Any]:
        trainer: Trainer[Any] = Trainer(stage, self.directory, device=self.device, bf16=True)
        budget = Budget(minutes=minutes, evaluate_seconds=self.evaluate_minutes * 60)
        trainer.train(budget, evaluate=(lambda: self._measure(trainer)) if evaluates else None)
        return trainer

    def _measure(self, trainer: Trainer[Any]) -> Figures:
        """Export the running average and evaluate it, apart from what was exported at the end."""
        assert self.evaluate is not None
        trainer.save()
        model, sheets = self.directory / "evaluation" / "model", self.directory / "evaluation"
        self.export(model, annealed=trainer.progress.annealed)
        return self.evaluate(model, sheets / f"step-{trainer.progress.step:07d}")

    def export(self, folder: Path, *, annealed: bool = True) -> bool:
        """Write the model folder with what is trained; False where there is no U-Net yet."""
        unet = checkpoint.read_average(self.directory / "unet", annealed=annealed)
        if unet is None:
            return False
        steps, seconds, weights = unet
        words = self.tokenizer
        figures = [line for line in read_journal(self.directory / FILE) if line["stage"] == "unet"]
        trained = Trained(
            vae=self.vae,
            networks=weights,
            unet_config=pocket_config(),
            text_config=build_text_encoder(len(words), length=words.model_max_length).config,
            tokenizer=words,
            record={
                "steps": steps,
                "seconds": round(seconds),
                "device": self.device,
                "loss": next((line["figures"] for line in reversed(figures) if "rate" in line), {}),
                "torch": version("torch"),
                "diffusers": version("diffusers"),
            },
        )
        export(trained, folder)
        self._export_planner(folder)
        return True

    def _export_planner(self, folder: Path) -> None:
        """Add the motion planner to a model folder, where one is trained."""
        found = checkpoint.read_average(self.directory / "planner", annealed=True)
        if found is None:
            log.info("%s has no motion planner yet; train one with --stage planner", self.directory)
            return
        steps, seconds, weights = found
        words = build_words_encoder(len(self.tokenizer), length=self.tokenizer.model_max_length)
        planner = MotionPlanner(MotionPlannerConfig(), words)
        planner.load_state_dict(weights)
        export_planner(planner, folder, record={"steps": steps, "seconds": round(seconds)})

    def export_enhancers(self, folder: Path) -> list[str]:
        """Write the trained interpolator and upscaler into a folder, with a model or alone; their names."""
        done = []
        for network in (Interpolator(), Upscaler(UpscalerConfig())):
            part = type(network).__name__.lower()
            found = checkpoint.read_average(self.directory / part, annealed=True)
            if found is None:
                continue
            steps, seconds, weights = found
            network.load_state_dict(weights)
            record = {"steps": steps, "seconds": round(seconds), "device": self.device}
            export_enhancer(network, folder, part=part, config=network.config.to_dict(), record=record)
            done.append(part)
        return done


def train_pocket(
    *, minutes: float, device: str, directory: Path, stage: str = "all", workers: int | None = None,
    init: str | Path | None = None, evaluate: Evaluate | None = None, evaluate_minutes: float = 30.0,
) -> Path:  # fmt: skip
    """Train for `minutes` in `directory` on `device` (auto, cpu, cuda) and return the exported model folder.

    `stage` is one of `STAGES`, or all, which shares the time out. `workers` processes render the world ahead
    on the CPU, 0 renders on the device itself, None measures. `init` is a model whose weights a training
    that is not yet begun starts from. Where nothing can be exported yet, the training's folder is returned.
    Raises RequestError for impossible values and CheckpointError where a folder holds something else.
    """
    if not minutes > 0:
        raise RequestError(f"--minutes is {minutes}; give more than 0")
    if stage not in ("all", *STAGES):
        raise RequestError(f"--stage is {stage!r}; give all, {', '.join(STAGES)}")
    if device not in ("auto", "cpu", "cuda") or (device == "cuda" and not torch.cuda.is_available()):
        raise RequestError(f"device {device!r} cannot train here; give auto, cpu, or cuda where there is one")
    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if chosen == "cpu":
        keep_freed_memory()
        workers = min(1, (os.cpu_count() or 1) - 1) if workers is None else workers
    model = None if init is None else find_model(init)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(
            f"cannot make the folder {directory} ({error.strerror}); give another"
        ) from error
    if model is not None and not (directory / FROZEN).exists():
        networks = load_networks(model)
        save_frozen(networks.vae, directory / FROZEN, spread=spread_of(networks, source=model))
    run = PocketRun(directory, chosen, workers, model, evaluate, evaluate_minutes)
    train = {
        "autoencoder": run.train_autoencoder, "planner": run.train_planner, "unet": run.train_unet,
        "interpolator": run.train_interpolator, "upscaler": run.train_upscaler,
    }  # fmt: skip
    for name, share in share_out(stage, directory).items():
        train[name](minutes * share)
    folder = directory / "export"
    is_model = run.export(folder)
    enhancers = run.export_enhancers(folder)
    if not is_model:
        for part in enhancers:
            log.info("exported to %s; use it with --checkpoint %s", folder / part, folder / part)
        log.info("%s has no U-Net yet, so no model is exported; go on with --stage unet", directory)
        return directory
    log.info("exported to %s; use it with --model %s", folder, folder)
    return folder


def share_out(stage: str, directory: Path) -> dict[str, float]:
    """The share of the time for each stage to train: one has all, `all` passes over what is trained."""
    if stage != "all":
        return {stage: 1.0}
    done = {
        "autoencoder": directory / FROZEN,
        "planner": directory / "planner" / checkpoint.ANNEALED,
    }
    shares = {name: share for name, share in TIME.items() if not done[name].exists()}
    return {**shares, "unet": 1 - sum(shares.values())}
