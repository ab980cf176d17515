"""One clip that is read in several ways: each reading has a view of it, and a denoiser of its own.

A view is a pair of functions that undo each other, on anything whose last three dimensions are `t h w`. At
every step all readings guess the clean clip, the guesses are brought back from their views and averaged, and
each reading goes on from the average as its view shows it (after Geng et al. 2024, "Visual Anagrams").
Each reading keeps noisy latents of its own and the average is taken of pictures, as Kim et al. 2024,
"SyncTweedies", do: few autoencoders turn the latents of a picture into those of its mirror image by mirroring
them, and none those of its negative.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor

from videogen.errors import RequestError
from videogen.sampling.levels import Levels
from videogen.types import Denoiser, Latents, Video

Transform: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class View:
    """A transformation of `… t h w` and the one that undoes it."""

    view: Transform
    inverse: Transform


@dataclass(frozen=True)
class Reading:
    """Who sees the clip through which `view`, and its share of the average."""

    denoiser: Denoiser
    view: View
    weight: float


def _turned(*dims: int) -> View:
    """Turned round along dimensions."""
    return View(partial(torch.flip, dims=dims), partial(torch.flip, dims=dims))


def _quarters(pictures: Tensor) -> Tensor:
    """The four quarters change places crosswise."""
    height, width = pictures.shape[-2:]
    return pictures.roll((height // 2, width // 2), (-2, -1))


IDENTITY = View(torch.clone, torch.clone)
VIEWS: Mapping[str, View] = {
    "flip": _turned(-2),
    "mirror": _turned(-1),
    "rotate-180": _turned(-2, -1),
    "rotate-90": View(
        partial(torch.rot90, k=-1, dims=(-2, -1)), partial(torch.rot90, k=1, dims=(-2, -1))
    ),  # clockwise
    "negate": View(torch.neg, torch.neg),
    "jigsaw": View(_quarters, _quarters),
    "reverse": _turned(-3),
}  # fmt: skip
"""Views of a clip by name; `rotate-90` is for squares, `jigsaw` for even sides, `negate` for −1…1."""


def average(readings: Sequence[Reading], seen: Sequence[Video]) -> Video:
    """The weighted average of what the readings see, brought back from their views."""
    total = sum(reading.weight for reading in readings)
    shares = [
        reading.weight / total * reading.view.inverse(one)
        for reading, one in zip(readings, seen, strict=True)
    ]
    return torch.stack(shares).sum(0)


def agreeing(
    readings: Sequence[Reading], *, levels: Levels,
    decode: Callable[[Latents], Video], encode: Callable[[Video], Latents],
) -> Denoiser:  # fmt: skip
    """Denoise the latents of all `readings` together, one after the other in the channels, `b n·c t h w`.

    `decode` and `encode` go between latents and pictures `b c t h w`. One call per reading. Raises
    `RequestError` without readings, and where a weight is not above 0.
    """
    if not readings or any(reading.weight <= 0 for reading in readings):
        raise RequestError("give at least one reading, each with a weight above 0")

    def denoise(latents: Latents, timestep: Tensor, frames: Tensor) -> Latents:
        own = latents.chunk(len(readings), 1)
        guesses = [
            decode(levels.clean(mine, reading.denoiser(mine, timestep, frames), timestep))
            for reading, mine in zip(readings, own, strict=True)
        ]
        agreed = average(readings, guesses)
        told = [
            levels.prediction(mine, encode(reading.view.view(agreed)), timestep)
            for reading, mine in zip(readings, own, strict=True)
        ]
        return torch.cat(told, 1)

    return denoise
