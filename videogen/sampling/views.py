"""Averaging a prediction over transformed views of the latents, as a function from denoiser to denoiser.

A view is a pair of functions that undo each other. A network that is not quite symmetric becomes so when it
looks at a clip and at its mirror image and the two predictions are averaged (Geng et al. 2024, "Visual
Anagrams"). Views act on rows and columns only: frame numbers are left alone, and the conditions that a
denoiser holds must be as true of the transformed latents as they were before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from videogen.errors import RequestError
from videogen.types import Denoiser, Latents

Transform: TypeAlias = Callable[[Latents], Latents]


@dataclass(frozen=True)
class View:
    """A transformation of latents `b c t h w` and the one that undoes it."""

    view: Transform
    inverse: Transform


def _same(latents: Latents) -> Latents:
    return latents


def _mirrored(latents: Latents) -> Latents:
    return latents.flip(-1)


def _upside_down(latents: Latents) -> Latents:
    return latents.flip(-2)


IDENTITY = View(_same, _same)
MIRROR = View(_mirrored, _mirrored)
UPSIDE_DOWN = View(_upside_down, _upside_down)


def viewed(denoiser: Denoiser, views: Sequence[View]) -> Denoiser:
    """Average the predictions of `denoiser` over `views`, each brought back by its inverse.

    `viewed(denoiser, [IDENTITY, MIRROR])` commutes with mirroring. One call per view. Raises `RequestError`
    without views.
    """
    if not views:
        raise RequestError("no view was given to average over; give at least one")

    def denoise(latents: Latents, timestep: Tensor, frames: Tensor) -> Latents:
        predictions = [each.inverse(denoiser(each.view(latents), timestep, frames)) for each in views]
        return torch.stack(predictions).mean(0)

    return denoise
