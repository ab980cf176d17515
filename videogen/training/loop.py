"""The training loop: any stage, any device, a time budget, exact resume.

A stage knows its network, its batches and its loss; the loop knows optimisation, averaging, time and
checkpoints. Learning rate falls with a cosine over the time that is given, so a run may end at any hour
with annealed weights; the running average of the weights is what gets exported.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from videogen.errors import MissingExtra
from videogen.training import checkpoint

log = logging.getLogger(__name__)
Batch = TypeVar("Batch")
_LOG_SECONDS = 20.0


class Stage(Protocol[Batch]):
    """What the loop needs to know of a stage."""

    name: str
    learning_rate: float

    @property
    def model(self) -> nn.Module:
        """The network to train."""

    def batches(self, first: int) -> Iterable[Batch]:
        """Endless batches from number `first` on, the same for the same number."""

    def loss(self, batch: Batch, *, step: int, device: torch.device) -> tuple[Tensor, dict[str, float]]:
        """The loss and figures to log; all randomness follows from `step`."""


@dataclass(frozen=True)
class Budget:
    """How long to train: `minutes` in this run, of `planned` in all.

    The learning rate rises over `warmup` steps and falls with a cosine of the share of `planned` that is
    spent; with `planned` infinite it stays. `average_decay` is that of the running average, per step.
    """

    minutes: float
    planned: float
    warmup: int = 100
    average_decay: float = 0.999
    checkpoint_seconds: float = 120.0


class Trainer(Generic[Batch]):
    """Trains one stage in `directory`, from its last checkpoint if there is one.

    `device` is cpu, or whatever accelerate finds for another name; `bf16` runs what allows it in bfloat16.
    Raises CheckpointError where the folder holds another network's state, MissingExtra without accelerate.
    """

    def __init__(self, stage: Stage[Batch], directory: Path, *, device: str, bf16: bool) -> None:
        try:
            from accelerate import Accelerator
        except ImportError as error:
            raise MissingExtra("accelerate", extra="train") from error
        self.stage, self.directory = stage, directory / stage.name
        precision = "bf16" if bf16 else "no"
        self.accelerator = Accelerator(mixed_precision=precision, cpu=device == "cpu")
        trainable = [p for p in stage.model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trainable, lr=stage.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
        stage.model.to(self.accelerator.device)
        self.average = {name: value.detach().clone() for name, value in stage.model.state_dict().items()}
        resumed = checkpoint.load(self.directory, stage.model, average=self.average, optimizer=optimizer)
        self.progress = resumed or checkpoint.Progress()
        self.model, self.optimizer = self.accelerator.prepare(stage.model, optimizer)

    def train(self, budget: Budget) -> dict[str, float]:
        """Train until the budget is spent or the batches end, then save; returns the last mean figures."""
        started = saved = logged = time.monotonic()
        before = self.progress.seconds
        figures: dict[str, float] = {}
        recent: dict[str, list[float]] = {}
        for batch in self.stage.batches(self.progress.step):
            for name, value in self._step(batch, budget).items():
                recent.setdefault(name, []).append(value)
            now = time.monotonic()
            self.progress.seconds = before + now - started
            ends = now - started > budget.minutes * 60
            if ends or now - logged > _LOG_SECONDS:
                figures = self._report(recent)
                logged, recent = now, {}
            if now - saved > budget.checkpoint_seconds:
                self.save()
                saved = now
            if ends:
                break
        self.save()
        return self._report(recent) if recent else figures

    def _step(self, batch: Batch, budget: Budget) -> dict[str, float]:
        """One step of the optimiser and of the running average; returns the stage's figures."""
        self._set_learning_rate(budget)
        loss, parts = self.stage.loss(batch, step=self.progress.step, device=self.accelerator.device)
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.progress.step += 1
        self._update_average(budget.average_decay)
        return parts

    def save(self) -> None:
        """Write the checkpoint."""
        if self.accelerator.is_main_process:
            model = self.accelerator.unwrap_model(self.model)
            checkpoint.save(
                self.directory, model, average=self.average, optimizer=self.optimizer, progress=self.progress
            )

    def _set_learning_rate(self, budget: Budget) -> None:
        done = min(self.progress.seconds / (budget.planned * 60), 1.0)
        rate = self.stage.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        rate *= min((self.progress.step + 1) / budget.warmup, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    @torch.no_grad()
    def _update_average(self, decay: float) -> None:
        decay = min(decay, (1 + self.progress.step) / (10 + self.progress.step))
        state = self.accelerator.unwrap_model(self.model).state_dict()
        for name, value in self.average.items():
            if value.is_floating_point():
                value.lerp_(state[name].to(value), 1 - decay)
            else:
                value.copy_(state[name])

    def _report(self, recent: dict[str, list[float]]) -> dict[str, float]:
        """Log the means of `recent` figures and return them."""
        figures = {name: sum(values) / len(values) for name, values in sorted(recent.items())}
        step, seconds = self.progress.step, self.progress.seconds
        text = " ".join(f"{name} {value:.4f}" for name, value in figures.items())
        rate = step / max(seconds, 1e-6)
        log.info("%s step %d, %.0f s, %.2f steps/s: %s", self.stage.name, step, seconds, rate, text)
        return figures
