"""Few steps as a trained ability: a student goes in one step where its teacher, guided, takes several.

The path from noise to data is cut into as many segments as the student shall take steps. From the beginning
of one, or any place within it, the teacher, guided as it samples, goes to the segment's end; the student
learns the mean velocity on that way (Salimans & Ho 2022, "Progressive Distillation", in one stage and by
segments as Yan et al. 2024, "PeRFlow", section 3.2; guidance is learnt with it as in Meng et al. 2023, "On
Distillation of Guided Diffusion Models"). It then needs no guidance, which halves a step once more.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from videogen.models.conditioned import ConditionedUNet, Inputs
from videogen.training.initial import take_weights
from videogen.training.loss import flow_loss, make_noisy
from videogen.training.measure import choose_workers
from videogen.training.samples import KEEP, SHARES, Phase, Sample
from videogen.training.unet import UNetStage
from videogen.weights.load import load_networks

STEPS = 4
"""Steps of the student from noise to a clip."""
FEW = Phase("few steps", None, (8, 8, 8, 16), SHARES, {**KEEP, "known": 0.25})
_WITHIN = 0.25
"""How often a way begins within its segment."""


@dataclass
class DistillStage:
    """`base` has the teacher's networks and makes the batches; its `phases` should be `(FEW,)`.

    `guidance` is the teacher's scale for words, and `later_words` the share of it that is left where a
    picture shows how things look; `substeps` of the teacher, of second order, make one of the student.
    """

    base: UNetStage
    guidance: float
    later_words: float = 0.25
    substeps: int = 3
    learning_rate: float = 3e-4
    name: str = "distill"
    model: ConditionedUNet = field(init=False)

    def __post_init__(self) -> None:
        self.base.model.requires_grad_(False).eval()
        self.model = deepcopy(self.base.model.denoiser).requires_grad_(True).train()

    @property
    def settings(self) -> dict[str, object]:
        """What a state must agree with."""
        return {**self.base.settings, "steps": STEPS, "guidance": self.guidance}

    def batches(self, first: int) -> Iterator[Sample]:
        """Batches of step `first` and on."""
        return self.base.batches(first)

    def loss(self, batch: Sample, *, step: int, device: torch.device) -> tuple[Tensor, dict[str, Tensor]]:
        """Squared error of the student's velocity; all randomness follows from `step`."""
        seed = self.base.seed * 1_000_003 + step
        generator = torch.Generator().manual_seed(seed)
        clean = batch.clean.to(device).float()
        self.base.model.to(device)
        keep = self.base.phases[-1].keep
        tokens, given = self.base.drop(batch, clean, keep=keep, generator=generator)
        begin, end = (level.to(device) for level in draw_ways(len(tokens), generator=generator))
        own = torch.Generator(device).manual_seed(seed)
        noise = torch.randn(clean.shape, generator=own, device=device)
        noisy, _ = make_noisy(clean, noise, begin)
        teacher = _Teacher(self, tokens, given)
        velocity = teacher.mean_velocity(noisy, noise, begin, end)
        prediction = self.model(noisy, begin * 1000, teacher.told(watched=False))
        loss = flow_loss(prediction, velocity, 1 - given["mask"]).mean()
        return loss, {batch.kind: loss.detach()}


def make_distill_stage(teacher: Path, *, batch_size: int, device: str, workers: int | None) -> DistillStage:
    """The stage for the model folder `teacher`; `workers` as for `train_pocket`; raises CheckpointError."""
    networks = load_networks(teacher)
    words = networks.language[1]
    base = UNetStage(networks.vae, words, batch_size=batch_size, device=device, phases=(FEW,))
    take_weights(base.model, words, networks, source=teacher)
    base.workers = choose_workers(base) if workers is None else workers
    return DistillStage(base, networks.spec.guidance_scale)


def draw_ways(count: int, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Noise levels at which `count` ways begin and end, each within one of `STEPS` segments of 0…1."""
    segment = torch.randint(STEPS, (count,), generator=generator)
    share = torch.rand(count, generator=generator)
    place = torch.where(torch.rand(count, generator=generator) < _WITHIN, share.clamp_min(0.05), 1.0)
    return (segment + place) / STEPS, segment / STEPS


class _Teacher:
    """The guided teacher on one batch: `given` as `Inputs` without its text, which `tokens` `b l` are."""

    def __init__(self, stage: DistillStage, tokens: Tensor, given: dict[str, Any]) -> None:
        base = stage.base
        self._network, self._substeps = base.model.denoiser, stage.substeps
        self._given, self._mask, self._known = given, given["mask"], given["known"]
        empty = base.empty.to(tokens)
        with torch.no_grad():
            self._text = base.model.text_encoder(tokens).last_hidden_state
            self._silence = base.model.text_encoder(empty).last_hidden_state
            self._watched = self._network.watch(given["pose"])
        worded = (tokens != empty).any(1)
        left = torch.where(given["reference_present"].bool(), stage.later_words, 1.0)
        self._scale = torch.where(worded, 1 + (stage.guidance - 1) * left, 1.0)

    def told(self, *, watched: bool) -> Inputs:
        """What the networks are told; poses as features of the teacher if `watched`, else as maps."""
        told = Inputs(text=self._text, **self._given)
        return replace(told, pose=None, watched=self._watched) if watched else told

    @torch.no_grad()
    def mean_velocity(self, noisy: Tensor, noise: Tensor, begin: Tensor, end: Tensor) -> Tensor:
        """The mean velocity of the way from `noisy` at the levels `begin` to the levels `end`, all `b`.

        Steps of second order from the velocity before (Adams-Bashforth); known places stay on their way.
        """
        latents, before = noisy, None
        step = (end - begin).view(-1, 1, 1, 1, 1) / self._substeps
        for number in range(self._substeps):
            level = begin + (end - begin) * number / self._substeps
            held = torch.lerp(self._known, noise, level.view(-1, 1, 1, 1, 1))
            latents = torch.where(self._mask == 1, held, latents)
            velocity = self._velocity(latents, level)
            onward = velocity if before is None else 1.5 * velocity - 0.5 * before
            latents, before = latents + step * onward, velocity
        mean: Tensor = (latents - noisy) / (self._substeps * step)
        return mean

    def _velocity(self, latents: Tensor, level: Tensor) -> Tensor:
        """Guided by words where there are any (Ho & Salimans 2022, equation 6)."""
        told = self.told(watched=True)
        velocity: Tensor = self._network(latents, level * 1000, told).float()
        rows = (self._scale != 1).nonzero()[:, 0]
        if len(rows) == 0:
            return velocity
        some: dict[str, Any] = {name: value[rows] for name, value in self._given.items()}
        silent = Inputs(text=self._silence.expand(len(rows), -1, -1), **some)
        silent = replace(silent, pose=None, watched=tuple(each[rows] for each in self._watched))
        plain = self._network(latents[rows], level[rows] * 1000, silent).float()
        scale = self._scale[rows].view(-1, 1, 1, 1, 1)
        return velocity.index_copy(0, rows, plain + scale * (velocity[rows] - plain))
