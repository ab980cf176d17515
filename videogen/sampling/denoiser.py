"""What stands between a network and the sampler: precision on the way in, a check on the way out.

The sampler and everything between it and the network compute in float32 on the sampler's device. `cast`
lets a network run in its own precision, elsewhere; `predict` stops a prediction that is none at the first
step where it appears, not as a black clip at the end.
"""

from __future__ import annotations

import torch
from torch import Tensor

from videogen.errors import VideogenError
from videogen.types import Denoiser, Latents


def cast(denoiser: Denoiser, *, dtype: torch.dtype, device: torch.device | str) -> Denoiser:
    """Run `denoiser` with latents of `dtype` on `device`; its prediction returns as the latents came."""

    def denoise(latents: Latents, timestep: Tensor, frames: Tensor) -> Latents:
        prediction = denoiser(latents.to(device, dtype), timestep.to(device), frames.to(device))
        return prediction.to(latents)

    return denoise


def predict(denoiser: Denoiser, latents: Latents, *, timestep: Tensor, frames: Tensor, step: int) -> Latents:
    """Ask `denoiser` once; `step`, counted from 1, is named where its answer cannot be used.

    Returns the prediction in the precision of `latents`, `b c t h w`. Raises `VideogenError` for a prediction
    of another shape and for one that holds NaN or Inf.
    """
    prediction = denoiser(latents, timestep, frames)
    if prediction.shape != latents.shape:
        raise VideogenError(
            f"the network predicted shape {tuple(prediction.shape)} for latents of shape "
            f"{tuple(latents.shape)}; they must agree: choose a checkpoint made for this job"
        )
    if not bool(torch.isfinite(prediction).all()):
        raise VideogenError(
            f"non-finite at step {step}: the network predicted NaN or Inf where finite numbers were "
            f"expected; use precision float32 or lower the guidance scale"
        )
    return prediction.to(latents)
