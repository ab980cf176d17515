"""The training loop: any stage, any device, a budget of time or steps, exact resume.

A stage knows its network, its batches and its loss; the loop knows optimisation, averaging, time and
checkpoints. The learning rate warms up, stays, and falls near the end (warmup-stable-decay, Hu et al. 2024):
a function of the step and of where the fall begins, which is decided once and kept in the state. A later run
lets it rise again from there. The running average of the weights is what gets exported.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from videogen.devices import gains_by_bfloat16
from videogen.training import checkpoint
from videogen.training.journal import FILE, Journal

log = logging.getLogger(__name__)
Batch = TypeVar("Batch")
Figures = Mapping[str, float | Tensor]
_FLOOR = 0.02


class Stage(Protocol[Batch]):
    """What the loop needs to know of a stage.

    A stage that depends on more than its code gives `settings` too, plain values by name: a state that was
    made with others is refused.
    """

    name: str
    learning_rate: float

    @property
    def model(self) -> nn.Module:
        """The network to train."""

    def batches(self, first: int) -> Iterable[Batch]:
        """The batches of step `first` and on, the same for the same step."""

    def loss(self, batch: Batch, *, step: int, device: torch.device) -> tuple[Tensor, Figures]:
        """The loss and figures to log; all randomness follows from `step`."""


@dataclass(frozen=True)
class Budget:
    """How long to train: for `minutes` in this run, or until step `steps`; whichever comes first.

    The learning rate rises over `warmup` steps, and falls over the last share `decay` of the minutes or of
    the steps; 0 leaves it. `average_decay` is that of the running average, per step. Times are seconds.
    """

    minutes: float = math.inf
    steps: int | None = None
    decay: float = 0.2
    warmup: int = 100
    average_decay: float = 0.999
    checkpoint_seconds: float = 120.0
    report_seconds: float = 20.0
    evaluate_seconds: float = math.inf


def learning_rate(progress: checkpoint.Progress, *, warmup: int) -> float:
    """The share of the full learning rate at a step: 1 − √ of the decay that is done (Hägele et al. 2024)."""
    share = min((progress.step - progress.rise_start + 1) / max(warmup, 1), 1.0)
    if progress.decay_steps:
        done = (progress.step - progress.decay_start) / progress.decay_steps
        share *= max(1 - math.sqrt(min(max(done, 0.0), 1.0)), _FLOOR)
    return share


class Trainer(Generic[Batch]):
    """Trains one stage in `directory`, from its last state if there is one.

    `device` is a name that torch knows; `bf16` runs what allows it in bfloat16, where
    the device gains by it. Raises CheckpointError where the folder holds another network's state.
    """

    def __init__(self, stage: Stage[Batch], directory: Path, *, device: str, bf16: bool) -> None:
        self.stage, self.directory = stage, directory / stage.name
        self.device = torch.device(device)
        self.bf16 = bf16 and gains_by_bfloat16(self.device)
        stage.model.to(self.device)
        self.trained = [p for p in stage.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.trained, lr=stage.learning_rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )
        self.average = {name: value.detach().clone() for name, value in stage.model.state_dict().items()}
        settings: Mapping[str, object] = getattr(stage, "settings", {})
        self._kept = checkpoint.Networks(stage.model, self.average, self.optimizer, settings)
        self.progress = checkpoint.load(self.directory, self._kept) or checkpoint.Progress()
        self._journal = Journal(directory / FILE, stage.name)

    def train(self, budget: Budget, *, evaluate: Callable[[], Figures] | None = None) -> dict[str, float]:
        """Train until the budget is spent or the batches end, then save; returns the last mean figures.

        A decay that a kill has cut short is finished first, and ends the run. `evaluate` is called every
        `evaluate_seconds` and at the end; what it returns goes into the journal.
        """
        run: _Run[Batch] = _Run(self, budget)
        while run.goes_on() and (batch := run.next_batch()) is not None:
            run.note(self._step(batch, budget))
            if run.due("report", budget.report_seconds):
                run.report()
            if run.due("checkpoint", budget.checkpoint_seconds):
                self.save()
            if evaluate is not None and run.due("evaluate", budget.evaluate_seconds):
                self.record_evaluation(evaluate())
        if self.progress.annealed:
            checkpoint.save_annealed(self.directory, self.average, progress=self.progress)
        self.save()
        if evaluate is not None:
            self.record_evaluation(evaluate())
        return run.report()

    def record_evaluation(self, figures: Figures) -> None:
        """Write the figures of an evaluation to the journal."""
        values = {name: float(value) for name, value in figures.items()}
        self.write("evaluation", figures=values)

    def write(self, event: str, **more: object) -> None:
        """Write a line about this step to the journal."""
        self._journal.write(event, step=self.progress.step, seconds=self.progress.seconds, more=more)

    def save(self) -> None:
        """Write the state."""
        checkpoint.save(self.directory, self._kept, progress=self.progress)

    def begin_decay(self, steps: int) -> None:
        """Let the learning rate fall over so many steps from here."""
        self.progress = replace(self.progress, decay_start=self.progress.step, decay_steps=steps)
        self.save()
        self.write("decay", steps=steps)

    def _step(self, batch: Batch, budget: Budget) -> Figures:
        """One step of the optimiser and of the running average; returns the stage's figures."""
        loss, figures = self.loss(batch)
        loss.backward()
        self.update_weights(learning_rate(self.progress, warmup=budget.warmup))
        self.progress.step += 1
        self.update_average(budget.average_decay)
        return figures

    def loss(self, batch: Batch) -> tuple[Tensor, Figures]:
        """The stage's loss at this step."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            return self.stage.loss(batch, step=self.progress.step, device=self.device)

    def update_weights(self, rate: float) -> None:
        """Clip the gradients and take a step of the optimiser, at this share of the learning rate."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.stage.learning_rate * rate
        nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def update_average(self, decay: float) -> None:
        """Move the running average towards the weights; at the first steps by more than `decay` says."""
        decay = min(decay, (1 + self.progress.step) / (10 + self.progress.step))
        state = self.stage.model.state_dict()
        smooth = [name for name, value in self.average.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [self.average[name] for name in smooth], [state[name] for name in smooth], 1 - decay
        )
        for name in self.average.keys() - set(smooth):
            self.average[name].copy_(state[name])


class _Run(Generic[Batch]):
    """One call of `train`: its clock, its batches, what is due, and the figures since the last report."""

    def __init__(self, trainer: Trainer[Batch], budget: Budget) -> None:
        self._trainer, self._budget = trainer, budget
        self._first, self._before = trainer.progress.step, trainer.progress.seconds
        self._started = time.monotonic()
        self._done = dict.fromkeys(("report", "checkpoint", "evaluate"), self._started)
        self._batches = iter(trainer.stage.batches(self._first))
        self._waited, self._reported = 0.0, (self._first, self._started)
        self._recent: dict[str, list[float | Tensor]] = {}
        self._figures: dict[str, float] = {}
        trainer.write("start")

    def goes_on(self) -> bool:
        """Whether there is another step to make; begins the decay where it is time to."""
        budget, progress = self._budget, self._trainer.progress
        if progress.annealed or (budget.steps is not None and progress.step >= budget.steps):
            return False
        if progress.decay_steps:
            return True
        seconds, elapsed = budget.minutes * 60, time.monotonic() - self._started
        if budget.decay > 0:
            if elapsed >= seconds * (1 - budget.decay):
                rate = (progress.step - self._first) / max(elapsed, 1e-6)
                self._trainer.begin_decay(self._within(round(rate * (seconds - elapsed))))
                return True
            if budget.steps is not None and progress.step >= round(budget.steps * (1 - budget.decay)):
                self._trainer.begin_decay(budget.steps - progress.step)
        return elapsed < seconds

    def _within(self, steps: int) -> int:
        """At least one step, and no more than the budget has left."""
        if self._budget.steps is not None:
            steps = min(steps, self._budget.steps - self._trainer.progress.step)
        return max(steps, 1)

    def next_batch(self) -> Batch | None:
        """The batch of this step; None where the stage has no more."""
        asked = time.monotonic()
        batch = next(self._batches, None)
        self._waited += time.monotonic() - asked
        return batch

    def note(self, figures: Figures) -> None:
        """Remember the figures of a step that was made."""
        self._trainer.progress.seconds = self._before + time.monotonic() - self._started
        for name, value in figures.items():
            self._recent.setdefault(name, []).append(value)

    def due(self, what: str, seconds: float) -> bool:
        """Whether `seconds` have passed since `what` was last due."""
        now = time.monotonic()
        if now - self._done[what] < seconds:
            return False
        self._done[what] = now
        return True

    def report(self) -> dict[str, float]:
        """Log the means of the figures since the last report, write them to the journal, and return them."""
        trainer, now = self._trainer, time.monotonic()
        progress, (step, since) = trainer.progress, self._reported
        if progress.step == step:
            return self._figures
        self._figures = {
            name: sum(float(value) for value in values) / len(values)
            for name, values in sorted(self._recent.items())
        }
        speed, waited = (progress.step - step) / max(now - since, 1e-6), self._waited / max(now - since, 1e-6)
        rate = trainer.optimizer.param_groups[0]["lr"]
        trainer.write(
            "train", figures=self._figures, rate=rate, steps_per_second=round(speed, 4),
            waited=round(waited, 4),
        )  # fmt: skip
        log.info(
            "%s step %d, %.0f s, %.2f steps/s, %.0f %% waiting: %s", trainer.stage.name, progress.step,
            progress.seconds, speed, 100 * waited, " ".join(f"{k} {v:.4f}" for k, v in self._figures.items()),
        )  # fmt: skip
        self._reported, self._recent, self._waited = (progress.step, now), {}, 0.0
        return self._figures
