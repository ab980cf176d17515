"""One face for diffusers' schedulers, which differ in names, arguments and hidden state.

A *step* takes latents from one noise level of the schedule to the next; it is one evaluation of the network
for most schedulers and two for second-order ones. Before an evaluation the latents are `alpha x + sigma e`,
of clean latents `x` and unit noise `e`; `level` tells alpha and sigma. Frames are folded into the batch when
a scheduler steps, so that random schedulers draw from one generator per frame.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from einops import rearrange
from torch import Tensor

from videogen.errors import RequestError
from videogen.sampling.standing import Plain, copied, is_plain
from videogen.types import Latents

_FIRST_STEP = "first step"


class Solver:
    """A diffusers scheduler, set to `num_inference_steps` on `device`; `generators` are one per frame.

    `steps` is the number of steps, `start_scale` the deviation of the noise that sampling starts from.
    """

    def __init__(
        self,
        scheduler: Any,
        *,
        num_inference_steps: int,
        device: torch.device,
        generators: list[torch.Generator],
    ) -> None:
        self._scheduler = scheduler
        self._num_inference_steps = num_inference_steps
        self._device = device
        takes_generator = "generator" in inspect.signature(self._scheduler.step).parameters
        self._random = {"generator": generators} if takes_generator else {}
        # PNDM evaluates its first step twice, at both ends, by an entry that is repeated in its schedule. Its
        # configuration does not tell: other schedulers made from it keep its fields.
        is_pndm = hasattr(self._scheduler, "step_plms")
        self._is_plms = is_pndm and bool(self._scheduler.config.skip_prk_steps)
        # These two take their order from the place in the schedule, whether or not they have seen its start.
        is_lms = hasattr(self._scheduler, "get_lms_coefficient")
        self._only_whole = is_lms or (is_pndm and not self._is_plms)
        self.begin(0)
        self.start_scale = float(getattr(self._scheduler, "init_noise_sigma", 1.0))
        entries = len(self._scheduler.timesteps)
        self.steps = max(entries - 1, 1) if self._is_plms else -(-entries // self._scheduler.order)

    def begin(self, step: int) -> None:
        """Stand before `step`, 0…`steps`, with no memory of earlier ones."""
        if step > 0 and self._only_whole:
            raise RequestError(
                f"{type(self._scheduler).__name__} cannot start part-way; set strength and resamplings to 1, "
                f"or choose another scheduler"
            )
        self._scheduler.set_timesteps(self._num_inference_steps, device=self._device)
        self._first_step = step
        if hasattr(self._scheduler, "set_begin_index"):
            self._scheduler.set_begin_index(self.index_of(step))
        self._begun_with = dict(vars(self._scheduler))

    def memory(self) -> dict[str, Plain] | None:
        """What has been gathered since `begin`; None where it cannot be kept, as a tree of random numbers."""
        found: dict[str, Plain] = {_FIRST_STEP: self._first_step}
        for name, value in vars(self._scheduler).items():
            if is_plain(value):
                found[name] = copied(value)
            elif value is not self._begun_with.get(name):
                return None
        return found

    def recall(self, memory: Mapping[str, Plain]) -> None:
        """Stand where `memory` was taken, in the same schedule."""
        first_step = memory[_FIRST_STEP]
        assert isinstance(first_step, int)
        self.begin(first_step)
        for name, value in memory.items():
            if name != _FIRST_STEP:
                here = getattr(self._scheduler, name, None)
                device = here.device if isinstance(here, Tensor) else self._device
                setattr(self._scheduler, name, _placed(value, device))

    def index_of(self, step: int) -> int:
        """Index into the schedule of the first evaluation of `step`; past its end for step `steps`."""
        if self._is_plms:
            return step if step == 0 else step + 1
        return min(step * int(self._scheduler.order), len(self._scheduler.timesteps))

    def evaluations(self, step: int) -> list[int]:
        """Indices into the schedule at which the network is evaluated to take `step`."""
        index = self.index_of(step)
        if self._is_plms:
            again = step == self._first_step and step + 1 < self.steps
            return [index, self.index_of(step + 1)] if again else [index]
        end = min(index + self._scheduler.order, len(self._scheduler.timesteps))
        return list(range(index, end))

    def timestep(self, index: int) -> Tensor:
        """The timestep of an evaluation, a scalar tensor."""
        timestep: Tensor = self._scheduler.timesteps[index]
        return timestep

    def level(self, index: int) -> tuple[Tensor, Tensor]:
        """alpha and sigma of the latents before evaluation `index`, the next to come; 1 and 0 at the end."""
        clean = torch.tensor([1.0, 0.0], device=self._device)[:, None, None, None]
        noise = clean.flip(0)
        if index >= len(self._scheduler.timesteps):
            mixed = clean
        elif hasattr(self._scheduler, "scale_noise"):
            mixed = self._scheduler.scale_noise(clean, self.timestep(index).expand(2), noise)
        else:
            mixed = self._scheduler.add_noise(clean, noise, self.timestep(index).expand(2))
        alpha, sigma = mixed.flatten()
        return alpha, sigma

    def scaled(self, latents: Latents, index: int) -> Latents:
        """Latents as the network was trained to see them at evaluation `index`."""
        if not hasattr(self._scheduler, "scale_model_input"):
            return latents
        scaled: Latents = self._scheduler.scale_model_input(latents, self.timestep(index))
        return scaled

    def advance(self, latents: Latents, prediction: Latents, *, index: int) -> Latents:
        """Latents `1 c t h w` after evaluation `index`, whose prediction has their shape."""
        moved: Tensor = self._scheduler.step(
            rearrange(prediction, "1 c t h w -> t c h w"),
            self.timestep(index),
            rearrange(latents, "1 c t h w -> t c h w"),
            return_dict=False,
            **self._random,
        )[0]
        return rearrange(moved, "t c h w -> 1 c t h w")


def _placed(value: Plain, device: torch.device) -> Plain:
    """A copy with its tensors on a device."""
    if isinstance(value, list):
        return [_placed(each, device) for each in value]
    return value.to(device, copy=True) if isinstance(value, Tensor) else value
