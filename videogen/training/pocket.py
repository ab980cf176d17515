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
from pathlib import Path
from typing import Any

import torch

from videogen.devices import keep_freed_memory
from videogen.errors import CheckpointError, RequestError
from videogen.training import checkpoint
from videogen.training.autoencoder import AutoencoderStage
from videogen.training.clip import ClipStage
from videogen.training.distill import make_distill_stage
from videogen.training.frozen import FROZEN, freeze_autoencoder, save_frozen
from videogen.training.initial import spread_of, take_planner, take_weights
from videogen.training.interpolator import InterpolatorStage
from videogen.training.loop import Budget, Figures, Stage, Trainer
from videogen.training.measure import choose_workers
from videogen.training.planner import PlannerStage
from videogen.training.run_folder import RunFolder
from videogen.training.samples import PHASES
from videogen.training.unet import UNetStage
from videogen.training.upscaler import UpscalerStage
from videogen.weights.installed import INDEX, POCKET
from videogen.weights.load import find_model, load_networks

log = logging.getLogger(__name__)

STAGES = ("autoencoder", "planner", "unet", "distill", "interpolator", "upscaler", "clip")
TIME = {"autoencoder": 0.15, "planner": 0.1}
"""The shares of the time of `all` for what is not trained yet; the U-Net has the rest."""
STARTED = "started_from.txt"
"""Says that a training began with the weights of a model, and with the last phase."""
Evaluate = Callable[[Path, Path], Mapping[str, float]]
"""Measures the model in a folder and puts contact sheets into another; returns figures by name."""


@dataclass(frozen=True)
class PocketRun(RunFolder):
    """A training's folder and the machine's means: what every stage needs."""

    workers: int | None = None
    init: Path | None = None
    evaluate: Evaluate | None = None
    evaluate_minutes: float = 30.0

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

    @property
    def teacher(self) -> str:
        """The model whose few-step student is trained: the one to begin with, this training's, or pocket."""
        own = self.directory / "export"
        found = self.init or (own if (own / INDEX).is_file() else POCKET)
        return "pocket" if found == POCKET else str(found.resolve())

    def train_few_steps(self, minutes: float) -> None:
        """Train a student of the U-Net that needs few steps and no guidance."""
        stage = make_distill_stage(
            find_model(self.teacher), batch_size=256 if self.large else 8, device=self.device,
            workers=self.workers,
        )  # fmt: skip
        self._train(stage, minutes, average_decay=0.99)

    def train_interpolator(self, minutes: float) -> None:
        """Train the frame interpolator, which needs nothing of the others."""
        workers = 1 if self.workers is None else self.workers
        self._train(InterpolatorStage(batch_size=64 if self.large else 16, workers=workers), minutes)

    def train_upscaler(self, minutes: float) -> None:
        """Train the upscaler, which needs nothing of the others."""
        self._train(UpscalerStage(batch_size=32 if self.large else 8), minutes)

    def train_clip(self, minutes: float) -> None:
        """Train the text-video encoder, partly on clips through the autoencoder where there is one."""
        vae = self.vae if (self.directory / FROZEN).exists() else None
        batch_size = 256 if self.large else 32
        self._train(ClipStage(self.tokenizer, vae, batch_size=batch_size, workers=self.workers or 0), minutes)

    def _train(
        self, stage: Stage[Any], minutes: float, *, evaluates: bool = False, average_decay: float = 0.999
    ) -> Trainer[Any]:
        trainer: Trainer[Any] = Trainer(stage, self.directory, device=self.device, bf16=True)
        budget = Budget(
            minutes=minutes, evaluate_seconds=self.evaluate_minutes * 60, average_decay=average_decay
        )
        trainer.train(budget, evaluate=(lambda: self._measure(trainer)) if evaluates else None)
        return trainer

    def _measure(self, trainer: Trainer[Any]) -> Figures:
        """Export the running average and evaluate it, apart from what was exported at the end."""
        assert self.evaluate is not None
        trainer.save()
        model, sheets = self.directory / "evaluation" / "model", self.directory / "evaluation"
        self.export(model, annealed=trainer.progress.annealed)
        return self.evaluate(model, sheets / f"step-{trainer.progress.step:07d}")


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
        "distill": run.train_few_steps, "interpolator": run.train_interpolator,
        "upscaler": run.train_upscaler, "clip": run.train_clip,
    }  # fmt: skip
    for name, share in share_out(stage, directory).items():
        train[name](minutes * share)
    if stage == "distill":
        folder = directory / "export-fast"
        run.export_student(folder, teacher=run.teacher)
        log.info("exported to %s; use it with --model %s", folder, folder)
        return folder
    folder = directory / "export"
    is_model = run.export(folder)
    others = run.export_others(folder)
    if not is_model:
        for part in others:
            use = (
                "put it into a model's folder"
                if part == "clip"
                else f"use it with --checkpoint {folder / part}"
            )
            log.info("exported to %s; %s", folder / part, use)
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
