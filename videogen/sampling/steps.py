"""Which step of a schedule a timestep belongs to, and what happens at some steps only."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from videogen.types import Denoiser, Latents

When = Callable[[Tensor], bool]
"""Whether something happens at a timestep."""

_SETTLING = 6
"""One in so many steps, the first ones, settle what a clip is about; there nothing is taken over."""


def step_numbers(scheduler: Any, num_inference_steps: int, *, device: torch.device) -> dict[float, int]:
    """Timestep → its number, from 0, in a schedule of so many steps.

    Second-order schedulers show a timestep twice, at the end of a step and at the start of the next.
    """
    schedule = deepcopy(scheduler)
    schedule.set_timesteps(num_inference_steps, device=device)
    shown = dict.fromkeys(map(float, schedule.timesteps))
    return {timestep: number for number, timestep in enumerate(shown)}


def within(numbers: dict[float, int], *, start: float, end: float) -> When:
    """At the steps from fraction `start` to fraction `end` of a schedule."""
    count = len(numbers)

    def happens(timestep: Tensor) -> bool:
        return start <= numbers[float(timestep)] / count < end

    return happens


def every(numbers: dict[float, int], *, interval: int) -> When:
    """At the first sixth of a schedule's steps, and then at every `interval`-th."""
    settled = -(-len(numbers) // _SETTLING)

    def happens(timestep: Tensor) -> bool:
        number = numbers[float(timestep)]
        return number < settled or (number - settled + 1) % interval == 0

    return happens


def switched(inside: Denoiser, outside: Denoiser, *, when: When) -> Denoiser:
    """The denoiser `inside` at the timesteps that `when` names, and `outside` at all others.

    With guidance inside and the guided link alone outside this is guidance within an interval of noise levels
    (Kynkäänniemi et al. 2024).
    """

    def denoise(latents: Latents, timestep: Tensor, frames: Tensor) -> Latents:
        return (inside if when(timestep) else outside)(latents, timestep, frames)

    return denoise


class FrameStore:
    """One feature map for each frame of a clip of `length` frames, put in and taken out by frame numbers."""

    def __init__(self, length: int) -> None:
        self._maps: list[Tensor | None] = [None] * length

    def put(self, numbers: Tensor, maps: Tensor) -> None:
        """Keep the maps `t c h w` of the frames `numbers` `t`, in place of older ones."""
        for number, one in zip(numbers.tolist(), maps, strict=True):
            self._maps[number] = one

    def take(self, numbers: Tensor) -> Tensor | None:
        """The maps `t c h w` of the frames `numbers`, channels-last; None where one is missing."""
        found = [self._maps[number] for number in numbers.tolist()]
        kept = [one.permute(1, 2, 0) for one in found if one is not None]
        return torch.stack(kept).permute(0, 3, 1, 2) if len(kept) == len(found) else None


def always(timestep: Tensor) -> bool:
    """At all steps."""
    return True
