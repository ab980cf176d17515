"""What a prediction says of the clean clip, and back: at every noise level of a schedule.

At an evaluation the network sees `alpha x + sigma e`, of clean latents `x` and unit noise `e`, and predicts
one of the two or a mixture; which one stands in the scheduler's configuration. A guess of `x` can be looked
at and changed, and handed back to the scheduler as the prediction that would have meant it.
"""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from videogen.errors import RequestError
from videogen.sampling.solver import Solver
from videogen.types import Latents

_FLOW, _KINDS = "flow_prediction", ("epsilon", "sample", "v_prediction", "flow_prediction")


class Levels:
    """Predictions and clean latents of one another, for a `scheduler` of `num_inference_steps`.

    Raises `RequestError` for a scheduler whose network predicts something else.
    """

    def __init__(self, scheduler: Any, num_inference_steps: int, *, device: torch.device) -> None:
        schedule = deepcopy(scheduler)
        solver = Solver(schedule, num_inference_steps=num_inference_steps, device=device, generators=[])
        self._kind = str(schedule.config.get("prediction_type", _FLOW))
        if self._kind not in _KINDS:
            raise RequestError(f"a network that predicts {self._kind!r}; expected {', '.join(_KINDS)}")
        self._levels: dict[float, tuple[float, float]] = {}
        for index in range(len(schedule.timesteps)):
            schedule.set_timesteps(num_inference_steps, device=device)
            if hasattr(schedule, "set_begin_index"):
                schedule.set_begin_index(index)
            alpha, sigma = solver.level(index)
            # Where noise is added and nothing taken away, the network sees the sum at unit variance.
            scale = 1.0 if self._kind == _FLOW else float(torch.hypot(alpha, sigma))
            self._levels[float(schedule.timesteps[index])] = float(alpha) / scale, float(sigma) / scale

    def noise(self, timestep: Tensor) -> float:
        """The share of noise in what the network sees, 0…1: its deviation over that of the whole."""
        alpha, sigma = self._levels[float(timestep)]
        return sigma / math.hypot(alpha, sigma)

    def clean(self, latents: Latents, prediction: Latents, timestep: Tensor) -> Latents:
        """The clean latents that a prediction for `latents` means, as the network saw them."""
        alpha, sigma = self._levels[float(timestep)]
        if self._kind == "sample":
            return prediction
        if self._kind == "epsilon":
            return (latents - sigma * prediction) / alpha
        return (latents if self._kind == _FLOW else alpha * latents) - sigma * prediction

    def prediction(self, latents: Latents, clean: Latents, timestep: Tensor) -> Latents:
        """The prediction for `latents` that means these clean ones."""
        if self._kind == "sample":
            return clean
        alpha, sigma = self._levels[float(timestep)]
        noise = (latents - alpha * clean) / sigma
        if self._kind == "epsilon":
            return noise
        return noise - clean if self._kind == _FLOW else alpha * noise - sigma * clean
