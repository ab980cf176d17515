"""The stage of the frame interpolator: what lies between two frames, on collages and clips of the world.

Every picture is rendered once and used several times: mirrored, turned, backwards, with other noise. The
frame itself counts, with its edges, and the motion of every level where the world tells it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from videogen.models.interpolator import Between, Interpolator
from videogen.training.replay import Plan, replay
from videogen.world.triplets import Triplets, draw_album, draw_triplets, film

PLAN = Plan(uses=3, block=48)
_ALBUM = 96
"""So many batches are cut out of one album."""
_WORLD, _WIDE = 0.25, 0.2
"""Shares of batches with clips of the world, and with fewer, larger pictures."""
_LARGEST_SHARE = 0.35
_KINDS = ("object", "person", "portrait")
_NOISE = 0.012
_MOTION_WEIGHT, _MIX_WEIGHT, _EDGE_WEIGHT = 0.004, 0.3, 0.5
_SHARPNESS = 1e-3


@dataclass
class Batch:
    """Triplets as they are kept: frames uint8 `b 9 h w` (first, second, middle), `flows` float16 or None."""

    frames: Tensor
    time: Tensor
    flows: Tensor | None

    @classmethod
    def of(cls, made: Triplets) -> Batch:
        """Triplets at the precision of a video's pixels."""
        frames = torch.cat([made.first, made.second, made.middle], 1)
        flows = None if made.flows is None else made.flows.half()
        return cls((frames * 255).round().to(torch.uint8), made.time, flows)


@dataclass
class InterpolatorStage:
    """Pictures between pictures; `workers` processes render them ahead."""

    batch_size: int = 16
    size: int = 128
    seed: int = 4
    learning_rate: float = 6e-4
    name: str = "interpolator"
    workers: int = 0
    model: Interpolator = field(init=False)

    def __post_init__(self) -> None:
        torch.manual_seed(self.seed)
        self.model = Interpolator().to(memory_format=torch.channels_last)
        self._album: tuple[int, Tensor] | None = None

    def batches(self, first: int) -> Iterator[Batch]:
        """Batches of step `first` and on."""
        return replay(self.batch, plan=PLAN, first=first, workers=self.workers, keep=lambda batch: batch)

    def batch(self, number: int) -> Batch:
        """The batch with this number."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        of_world, wide, large, kind = torch.rand(4, generator=generator).tolist()
        count, size = self.batch_size, self.size
        if wide < _WIDE:
            count, size = max(count * 4 // 9, 1), size * 3 // 2
        indices = torch.arange(number * count, (number + 1) * count)
        if of_world < _WORLD:
            return Batch.of(film(_KINDS[int(kind * len(_KINDS))], indices, size=size, seed=self.seed))
        page = number // _ALBUM
        if self._album is None or self._album[0] != page:
            self._album = page, draw_album(page, seed=self.seed)
        large_ones = large < _LARGEST_SHARE
        return Batch.of(draw_triplets(self._album[1], indices, size=size, seed=self.seed, large=large_ones))

    def loss(self, batch: Batch, *, step: int, device: torch.device) -> tuple[Tensor, dict[str, Tensor]]:
        """The error of the frame, of the mix before it is mended, and of the motion of all levels."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        first, second, middle, time, flows = varied(batch, generator=generator)
        first, second, middle, time = (each.to(device) for each in (first, second, middle, time))
        made = self.model.between(first, second, time)
        frame = charbonnier(made.frame - middle)
        loss = (
            frame + _EDGE_WEIGHT * edges(made.frame - middle) + _MIX_WEIGHT * charbonnier(made.mix - middle)
        )
        plain = torch.lerp(first, second, time[:, None, None, None])
        gain = _decibels(made.frame.detach() - middle) - _decibels(plain - middle)
        figures = {"frame": frame.detach(), "gain": gain}
        if flows is not None:
            error = motion_error(made, flows.to(device))
            loss = loss + _MOTION_WEIGHT * error
            figures["motion"] = error.detach() / len(made.flows)
        return loss, figures


def varied(
    batch: Batch, *, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None]:
    """First, second, middle, time and flows, each batch mirrored, turned and run backwards by chance."""
    across, down, turned, backwards = (torch.rand(4, generator=generator) < 0.5).tolist()
    frames, time = batch.frames.float() / 255, batch.time
    flows = None if batch.flows is None else batch.flows.float()
    if turned:
        frames = frames.transpose(-1, -2)
        flows = None if flows is None else flows.transpose(-1, -2)[:, [1, 0, 3, 2]]
    for chosen, axis, components in ((across, -1, (0, 2)), (down, -2, (1, 3))):
        if chosen:
            frames = frames.flip(axis)
            flows = None if flows is None else flows.flip(axis)
            if flows is not None:
                flows[:, components] *= -1
    first, second, middle = frames.split(3, 1)
    if backwards:
        first, second, time = second, first, 1 - time
        flows = None if flows is None else flows[:, [2, 3, 0, 1]]
    amount = _NOISE * (torch.rand(len(time), generator=generator) * 2 - 1).clamp_min(0)[:, None, None, None]
    noisy = [each + amount * _noise(each, generator=generator) for each in (first, second)]
    return noisy[0], noisy[1], middle.contiguous(), time, flows


def _noise(like: Tensor, *, generator: torch.Generator) -> Tensor:
    """Noise of a camera, partly smeared as codecs smear it."""
    plain = torch.randn(like.shape, generator=generator)
    return plain * 0.5 + functional.avg_pool2d(plain, 3, 1, 1) * 1.5


def _decibels(error: Tensor) -> Tensor:
    """The mean peak signal-to-noise ratio of frames, at most 60 dB each."""
    return -10 * torch.log10(error.square().flatten(1).mean(1) + 1e-6).mean()


def charbonnier(error: Tensor) -> Tensor:
    """The mean absolute error, rounded off below a quarter of a grey level (Charbonnier et al. 1994)."""
    return (error.square() + _SHARPNESS**2).sqrt().mean()


def edges(error: Tensor) -> Tensor:
    """The mean error of differences between neighbouring pixels."""
    return (charbonnier(error.diff(dim=-1)) + charbonnier(error.diff(dim=-2))) / 2


def motion_error(made: Between, flows: Tensor) -> Tensor:
    """How far, in pixels of the frame, motion is off at all levels; finer levels count more."""
    total, h = flows.new_zeros(()), flows.shape[-2]
    for place, pair in enumerate(reversed(made.flows)):
        found = torch.cat(pair, 1)
        factor = -(-h // found.shape[-2])
        true = functional.avg_pool2d(flows, factor) if factor > 1 else flows
        found = found[..., : true.shape[-2], : true.shape[-1]]
        error = (found * factor - true).unflatten(1, (2, 2)).square().sum(2)
        total = total + (error + 1e-4).sqrt().mean() * 0.8**place
    return total
