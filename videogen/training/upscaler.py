"""The stage of the upscaler: sharp clips, made smaller and worse, and the distance to what they were.

Every clip has four frames and gives two neighbouring outputs, so that the loss also sees how they change:
what flickers where the truth does not is an error of its own. An adversary that judges patches can be added;
it makes results crisper to look at and farther from the truth, so it is off unless asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from videogen.models.upscaler import SCALE, Upscaler, UpscalerConfig
from videogen.training.adversary import Adversary
from videogen.training.degradations import degrade, film
from videogen.training.sharp_clips import draw_clip
from videogen.training.sharp_planes import FRAMES, draw_set, load_photographs

_EPSILON = 1e-3
_SET = 500
"""Steps that use the same set of planes."""


@dataclass
class UpscalerBatch:
    """Clips as they come in, `b t 3 h w`, and the truth of their inner frames, `b t-2 3 2h 2w`, 0…1."""

    given: Tensor
    truth: Tensor


@dataclass
class UpscalerStage:
    """The upscaler on sharp clips of `size` pixels (what comes in).

    `change` weighs the loss of changes, `adversarial` that of the adversary; `photographs` is their share
    among the planes. The adversary is not kept in the state: a training that goes on starts with a new one.
    """

    config: UpscalerConfig = field(default_factory=UpscalerConfig)
    batch_size: int = 8
    size: int = 56
    change: float = 3.0
    seed: int = 5
    learning_rate: float = 1e-3
    name: str = "upscaler"
    photographs: float = 0.4
    adversarial: float = 0.0
    model: Upscaler = field(init=False)

    def __post_init__(self) -> None:
        torch.manual_seed(self.seed)
        self.model = Upscaler(self.config).to(memory_format=torch.channels_last)
        self._adversary = Adversary(learning_rate=self.learning_rate / 4) if self.adversarial else None
        self._set: tuple[int, list[Tensor]] = (-1, [])

    def batches(self, first: int) -> Iterator[UpscalerBatch]:
        """Batches from number `first` on."""
        while True:
            yield self.batch(first)
            first += 1

    @torch.no_grad()
    def batch(self, number: int) -> UpscalerBatch:
        """The batch with this number."""
        if self._set[0] != number // _SET:
            self._set = (number // _SET, draw_set(number // _SET, seed=self.seed))
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        given, truth = [], []
        for _ in range(self.batch_size):
            album = load_photographs()
            real = bool(album) and float(torch.rand(1, generator=generator)) < self.photographs
            clip = draw_clip(album if real else self._set[1], generator, size=SCALE * self.size, film=film)
            given.append(degrade(clip, generator, scale=SCALE))
            truth.append(clip[1:-1])
        return UpscalerBatch(torch.stack(given), torch.stack(truth))

    def loss(
        self, batch: UpscalerBatch, *, step: int, device: torch.device
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Charbonnier's distance to the truth, and of changes to the truth's (Charbonnier et al. 1994)."""
        given, truth = batch.given.to(device), batch.truth.to(device)
        seen = self.config.frames
        pairs = torch.cat([given[:, k : k + seen] for k in range(FRAMES - seen + 1)])
        found = self.model(pairs).float().unflatten(0, (FRAMES - seen + 1, len(given))).transpose(0, 1)
        error = found - truth
        loss = _charbonnier(error) + self.change * _charbonnier(error.diff(dim=1))
        if self._adversary is not None:
            loss = loss + self.adversarial * self._adversary.judge(found.flatten(0, 1), truth.flatten(0, 1))
        psnr = -10 * torch.log10(error.detach().square().mean((1, 2, 3, 4)))
        return loss, {"loss": loss.detach(), "psnr": psnr.mean()}


def _charbonnier(error: Tensor) -> Tensor:
    return (error.square() + _EPSILON**2).sqrt().mean()
