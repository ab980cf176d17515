"""The step that every generative job shares: denoise a timeline from what it is told, in windows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from videogen.jobs import Progress

if TYPE_CHECKING:
    from videogen.engine import Conditions, Engine
    from videogen.request import GenerativeRequest
    from videogen.sampling import Scale, Timeline
    from videogen.types import Latents


def denoise(
    request: GenerativeRequest, engine: Engine, timeline: Timeline, chain: Sequence[Conditions], *,
    scale: Scale, size: tuple[int, int], progress: Progress,
) -> Latents:  # fmt: skip
    """Sample the latents `1 c t h w` of a clip of `size` (height, width in pixels).

    `chain` is two conditions, without and with what the guidance `scale` strengthens, in each frame as the
    scale says.
    """
    from videogen.sampling import guided, sample, windowed

    spec = engine.spec
    denoiser = windowed(
        guided([engine.denoiser(conditions, timeline) for conditions in chain], [scale]),
        length=timeline.length,
        window=spec.window,
        overlap=spec.overlap,
        ring=timeline.ring,
        batch=request.window_batch,
    )
    return sample(
        denoiser,
        timeline,
        engine.scheduler(),
        channels=spec.latent_channels,
        height=size[0] // spec.vae_scale_factor,
        width=size[1] // spec.vae_scale_factor,
        num_inference_steps=request.num_inference_steps or spec.num_inference_steps,
        seed=request.chosen_seed(),
        device=engine.device,
        progress=partial(progress, "denoising"),
    )
