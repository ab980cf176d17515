"""The step that every generative job shares: denoise a timeline from what it is told, in windows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch

from videogen.errors import RequestError
from videogen.jobs import Progress

if TYPE_CHECKING:
    from videogen.engine import Conditions, Engine
    from videogen.generative import GenerativeRequest
    from videogen.sampling import Scale, Timeline, When
    from videogen.sampling.standing import Keeper
    from videogen.types import Denoiser, Latents
    from videogen.weights.spec import ModelSpec


def denoise(
    request: GenerativeRequest, engine: Engine, timeline: Timeline, chain: Sequence[Conditions], *,
    scale: Scale, size: tuple[int, int], progress: Progress, first: int = 0, resamplings: int = 1,
    keeper: Keeper | None = None,
) -> Latents:  # fmt: skip
    """Sample the latents `1 c t h w` of a clip of `size` (height, width in pixels).

    `chain` is two conditions, without and with what the guidance `scale` strengthens, in each frame as the
    scale says. `first` is the number of its first frame where this is a piece of a longer clip; see `sample`
    for it, for `resamplings` and for `keeper`, which has no use where features are kept between steps.
    """
    from videogen.sampling import guided, sample, step_numbers, switched, within

    spec, scheduler = engine.spec, engine.scheduler()
    steps = request.num_inference_steps or spec.num_inference_steps
    numbers = step_numbers(scheduler, steps, device=engine.device)
    whole = _whole(request.cache_interval, numbers)
    links = engine.denoisers(chain, timeline, whole=whole)
    denoiser = guided(links, [scale])
    if (request.guidance_start, request.guidance_end) != (0, 1):
        guiding = within(numbers, start=request.guidance_start, end=request.guidance_end)
        _check_interval(request, numbers, guiding, scale=scale)
        denoiser = switched(denoiser, links[-1], when=guiding)
    return sample(
        _in_windows(
            request, denoiser, timeline, spec, batch=request.window_batch or engine.windows_at_once(*size)
        ),
        timeline,
        scheduler,
        channels=spec.latent_channels,
        height=size[0] // spec.vae_scale_factor,
        width=size[1] // spec.vae_scale_factor,
        num_inference_steps=steps,
        seed=request.chosen_seed(),
        resamplings=resamplings,
        first=first,
        device=engine.device,
        progress=partial(progress, "denoising"),
        keeper=keeper if request.cache_interval == 1 else None,
    )


def _whole(interval: int, numbers: dict[float, int]) -> When:
    """At which steps the whole network is run."""
    from videogen.sampling import always, every

    return always if interval == 1 else every(numbers, interval=interval)


def _check_interval(
    request: GenerativeRequest, numbers: dict[float, int], guiding: When, *, scale: Scale
) -> None:
    """Raise `RequestError` where saying when to guide has no effect."""
    if bool((torch.as_tensor(scale) == 1).all()):
        raise RequestError(
            "--guidance-start and --guidance-end have no effect at --guidance-scale 1 or without words; "
            "leave them out"
        )
    if not any(guiding(torch.tensor(timestep)) for timestep in numbers):
        raise RequestError(
            f"none of the {len(numbers)} steps is between --guidance-start {request.guidance_start:g} and "
            f"--guidance-end {request.guidance_end:g}; move them apart, or give more --num-inference-steps"
        )


def _in_windows(
    request: GenerativeRequest, denoiser: Denoiser, timeline: Timeline, spec: ModelSpec, *, batch: int
) -> Denoiser:
    """The denoiser over the whole clip, by the windows that the request names."""
    from videogen.sampling import windowed
    from videogen.sampling.original_windows import originally_windowed

    size = {"length": timeline.length, "window": spec.window, "overlap": spec.overlap}
    if request.windows == "original":
        return originally_windowed(denoiser, **size, batch=batch)
    return windowed(denoiser, **size, ring=timeline.ring, batch=batch)
