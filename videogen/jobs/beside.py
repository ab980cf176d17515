"""What Stable Video Diffusion is told of the picture of `image-to-video`: it stands beside every frame."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from videogen.engine import Conditions
from videogen.jobs.beginning import word_scale
from videogen.jobs.windowing import cut_of
from videogen.sampling import Scale, Timeline, draw_noise

if TYPE_CHECKING:
    from videogen.engine import Engine
    from videogen.jobs.image_to_video import ImageToVideo

log = logging.getLogger(__name__)

USUAL_BUCKET, USUAL_NOISE = 127, 0.02


def beside(
    request: ImageToVideo, engine: Engine, picture: Tensor, length: int, fps: Fraction
) -> tuple[Timeline, tuple[Conditions, Conditions], Scale]:
    """The picture beside every frame, slightly noisy, followed the more the later the frame."""
    window = cut_of(request, engine).window
    if length > window:
        log.warning(
            "the model makes %d frames of a picture; a clip of %d frames comes back to it every so often",
            window,
            length,
        )
    bucket = USUAL_BUCKET if request.motion_bucket is None else request.motion_bucket
    amount = USUAL_NOISE if request.noise_augmentation is None else request.noise_augmentation
    noise = draw_noise(
        channels=3, frames=1, height=picture.shape[-2], width=picture.shape[-1],
        seed=request.chosen_seed() + 2**63,  # the clip's own noise comes from the seed itself
    )  # fmt: skip
    reference = engine.encode_video(picture + amount * noise[:, :, 0])
    told = Conditions(fps=float(fps), reference=reference, picture=picture, motion=(bucket, amount))
    rising = torch.linspace(1, word_scale(request, engine), length)
    return Timeline.line(length), (engine.without(told), told), rising
