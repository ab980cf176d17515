"""Classifier-free guidance over any number of conditions, as a function from denoisers to a denoiser.

A chain of denoisers starts with no condition and adds one per link; each link has its own scale, so that
text, picture and pose can be weighed separately (Ho & Salimans 2022, "Classifier-Free Diffusion Guidance",
equation 6; Brooks et al. 2023, "InstructPix2Pix", equation 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from videogen.errors import RequestError
from videogen.types import Denoiser, Latents

Scale: TypeAlias = float | Tensor
"""One number for all frames, or `t` of them by the number of the frame within the whole clip."""


def guided(chain: Sequence[Denoiser], scales: Sequence[Scale]) -> Denoiser:
    """Predict `chain[0] + Σ scales[i] · (chain[i + 1] − chain[i])`.

    `chain[0]` has no condition and each next link adds one; there is one scale fewer than links. The sum is
    taken link by link with coefficients that add up to one, and a link whose coefficient is zero is not
    called: with scale 1 a chain of two costs as much as its last link. Frames may have scales of their own.
    Raises `RequestError` where the numbers of links and scales do not fit.
    """
    if len(chain) != len(scales) + 1:
        raise RequestError(f"{len(chain)} denoisers need {len(chain) - 1} guidance scales, not {len(scales)}")
    coefficients = [before - after for before, after in zip([1.0, *scales], [*scales, 0.0], strict=True)]
    terms = [(link, share) for link, share in zip(chain, coefficients, strict=True) if _counts(share)]

    def denoise(latents: Latents, timestep: Tensor, frames: Tensor) -> Latents:
        (first, share), *others = terms
        prediction = first(latents, timestep, frames)
        if isinstance(share, Tensor) or share != 1:
            prediction = _of(share, frames, like=latents) * prediction
        for link, share in others:
            prediction = prediction + _of(share, frames, like=latents) * link(latents, timestep, frames)
        return prediction

    return denoise


def _counts(share: Scale) -> bool:
    """Whether a link has any part in the sum."""
    return bool((torch.as_tensor(share) != 0).any())


def _of(share: Scale, frames: Tensor, *, like: Latents) -> Scale:
    """A share for the frames `b t`: as it is, or each frame's own, `b 1 t 1 1`."""
    if not isinstance(share, Tensor):
        return share
    return share.to(like)[frames][:, None, :, None, None]
