"""Guidance by how well the clip agrees with its words, as a function from denoiser to denoiser.

At every step the clean clip that the prediction means is moved up the gradient of a similarity, and handed
back as the prediction that would have meant it: classifier guidance (Dhariwal & Nichol 2021, algorithm 2)
with the gradient taken at the clean guess and not through the network, which is a step of the backward
guidance of Bansal et al. 2023, "Universal Guidance for Diffusion Models".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from videogen.errors import RequestError
from videogen.sampling.levels import Levels
from videogen.types import Denoiser, Latents

STEP = 0.1
"""How far scale 1 moves latents of unit variance, root mean square, at full noise."""

_LOUD = 2.0**12
"""What gradients are multiplied by on their way, so that half precision does not lose them."""


@dataclass(frozen=True)
class Aim:
    """A clip's frames from `first` to before `last`, and the `similarity` of their clean latents to words.

    `similarity` takes `1 c t h w` and returns a number for autograd; larger means more alike.
    """

    first: int
    last: int
    similarity: Callable[[Latents], Tensor]


def clip_guided(denoiser: Denoiser, aims: Sequence[Aim], levels: Levels, *, scale: float) -> Denoiser:
    """Predict as `denoiser`, with the clean guess `x` moved to `x + scale · STEP · σ · g / rms(g)`.

    `g` is the gradient of each aim's similarity, and σ the share of noise: early steps, which decide what is
    seen, move most, and the last ones hardly. Divided by its root mean square, a gradient says where to and
    not how far, so that a scale means the same for every clip, step and similarity. `denoiser` is that of the
    whole clip, one row of all its frames; at scale 0 it is returned as it is. Raises `RequestError` for a
    scale below 0.
    """
    if scale < 0:
        raise RequestError(f"clip guidance of {scale:g} leads away from the words; give 0 or more")
    if scale == 0 or not aims:
        return denoiser

    def denoise(latents: Latents, timestep: Tensor, frames: Tensor) -> Latents:
        prediction = denoiser(latents, timestep, frames)
        amount = scale * STEP * levels.noise(timestep)
        clean = levels.clean(latents, prediction, timestep)
        moved = clean.clone()
        for aim in aims:
            moved[:, :, aim.first : aim.last] += amount * _way(aim, clean[:, :, aim.first : aim.last])
        return levels.prediction(latents, moved, timestep)

    return denoise


def _way(aim: Aim, clean: Latents) -> Latents:
    """The gradient of an aim at clean latents, of unit root mean square; zero where it leads nowhere."""
    with torch.inference_mode(False), torch.enable_grad():
        guess = clean.detach().clone().requires_grad_()
        (way,) = torch.autograd.grad(_LOUD * aim.similarity(guess), guess)
    size = way.square().mean().sqrt()
    return way / size if bool(torch.isfinite(size)) and float(size) > 0 else torch.zeros_like(way)
