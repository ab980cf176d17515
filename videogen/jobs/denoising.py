"""The step that every generative job shares: denoise a timeline from what it is told, in windows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch

from videogen.errors import RequestError
from videogen.generative import AgreeingRequest
from videogen.jobs import Progress
from videogen.jobs.windowing import Cut, cut_of

if TYPE_CHECKING:
    from videogen.engine import Conditions, Engine
    from videogen.generative import GenerativeRequest
    from videogen.sampling import Scale, Timeline, When
    from videogen.sampling.standing import Keeper
    from videogen.schedule import Schedule
    from videogen.types import Denoiser, Latents


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
    denoiser = clip_denoiser(request, engine, timeline, chain, scale=scale, size=size)
    return sample_clip(
        request, engine, timeline, denoiser,
        size=size, progress=progress, first=first, resamplings=resamplings, keeper=keeper,
    )  # fmt: skip


def clip_denoiser(
    request: GenerativeRequest, engine: Engine, timeline: Timeline, chain: Sequence[Conditions], *,
    scale: Scale, size: tuple[int, int],
) -> Denoiser:  # fmt: skip
    """The guided denoiser over the whole clip that `denoise` samples with."""
    from videogen.sampling import guided, step_numbers, switched, within

    steps = steps_of(request, engine)
    numbers = step_numbers(engine.scheduler(steps), steps, device=engine.device)
    links = engine.denoisers(chain, timeline, whole=_whole(request.cache_interval, numbers))
    denoiser = guided(links, [scale])
    if (request.guidance_start, request.guidance_end) != (0, 1):
        guiding = within(numbers, start=request.guidance_start, end=request.guidance_end)
        _check_interval(request, numbers, guiding, scale=scale)
        denoiser = switched(denoiser, links[-1], when=guiding)
    cut = cut_of(request, engine)
    batch = request.window_batch or engine.windows_at_once(*size, window=cut.window)
    denoiser = _in_windows(request, denoiser, timeline, cut, batch=batch)
    return _led_by_words(request, engine, denoiser, chain[-1].prompt, length=timeline.length)


def _led_by_words(
    request: GenerativeRequest,
    engine: Engine,
    denoiser: Denoiser,
    prompt: str | Schedule | None,
    *,
    length: int,
) -> Denoiser:
    """The denoiser of the whole clip, led to what agrees with the prompt where that is asked for."""
    if not isinstance(request, AgreeingRequest) or request.clip_guidance == 0 or prompt is None:
        return denoiser
    from videogen.jobs.agreeing import aims_of
    from videogen.sampling import Levels, clip_guided

    steps = steps_of(request, engine)
    levels = Levels(engine.scheduler(steps), steps, device=engine.device)
    aims = aims_of(prompt, engine, length=length)
    return clip_guided(denoiser, aims, levels, scale=request.clip_guidance)


def sample_clip(
    request: GenerativeRequest, engine: Engine, timeline: Timeline, denoiser: Denoiser, *,
    size: tuple[int, int], progress: Progress, readings: int = 1, first: int = 0, resamplings: int = 1,
    keeper: Keeper | None = None,
) -> Latents:  # fmt: skip
    """Sample with a denoiser of the latents of so many `readings`, one after the other in the channels."""
    from videogen.sampling import FreeNoise, sample

    spec, cut, steps = engine.spec, cut_of(request, engine), steps_of(request, engine)
    return sample(
        denoiser,
        timeline,
        engine.scheduler(steps),
        channels=readings * spec.latent_channels,
        height=size[0] // spec.vae_scale_factor,
        width=size[1] // spec.vae_scale_factor,
        num_inference_steps=steps,
        seed=request.chosen_seed(),
        resamplings=resamplings,
        first=first,
        again=FreeNoise(cut.window, cut.window - cut.overlap) if request.noise == "freenoise" else None,
        device=engine.device,
        progress=partial(progress, "denoising"),
        keeper=keeper if request.cache_interval == 1 else None,
    )


def steps_of(request: GenerativeRequest, engine: Engine) -> int:
    """How many steps are taken: as many as are asked for, or the model's own number."""
    return request.num_inference_steps or engine.spec.num_inference_steps


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
    request: GenerativeRequest, denoiser: Denoiser, timeline: Timeline, cut: Cut, *, batch: int
) -> Denoiser:
    """The denoiser over the whole clip, by the windows that the request names."""
    from videogen.sampling import windowed
    from videogen.sampling.original_windows import originally_windowed

    size = {"length": timeline.length, "window": cut.window, "overlap": cut.overlap}
    if request.windows == "original":
        return originally_windowed(denoiser, **size, batch=batch)
    return windowed(
        denoiser, **size, ring=timeline.ring, batch=batch, weights=request.window_weights,
        anchor=request.anchor_frame,
    )  # fmt: skip
