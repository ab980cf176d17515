"""Draw a clip that is seen in two ways, each told by words and maps of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from videogen.conditions.reference import to_frame
from videogen.engine import Conditions
from videogen.errors import RequestError
from videogen.jobs import Progress
from videogen.jobs.checks import check_amount, picture_size
from videogen.jobs.coinciding import plan_together
from videogen.jobs.denoising import clip_denoiser, sample_clip, steps_of
from videogen.jobs.outline import Outline, outlined
from videogen.jobs.words import warn_of_unknown_words, word_guidance
from videogen.planning import draw_plan
from videogen.sampling import IDENTITY, VIEWS, Levels, Reading, Timeline, agreeing, average

if TYPE_CHECKING:
    from videogen.engine import Engine, ModelSpec
    from videogen.jobs.illusion import Illusion
    from videogen.types import Frame, Latents, Video


def draw_illusion(request: Illusion, engine: Engine, *, progress: Progress) -> Iterator[Frame]:
    """Yield the frames that both sentences of the request agree on.

    Raises `RequestError` where the view does not fit the clip, or the model reads no words.
    """
    spec = engine.spec
    if not engine.reads_words or engine.reads_motion:
        raise RequestError(
            f"the model {engine.model} reads no words, so it cannot be told two sentences; choose another"
        )
    ahead = outline_illusion(request, spec)
    fps, size, length = ahead.fps, ahead.grid, ahead.length
    scale = word_guidance(request.guidance_scale, negative_prompt=request.negative_prompt, spec=spec)
    prompts = request.prompt, request.other_prompt
    for text in (*prompts, request.negative_prompt or ""):
        warn_of_unknown_words(text, engine)

    plans = None
    if request.plan:
        seed = request.chosen_seed()
        plans = plan_together(engine, prompts, view=request.view, length=length, fps=fps, seed=seed)
    line, views = Timeline.line(length), (IDENTITY, VIEWS[request.view])
    weights = 1 - request.balance, request.balance
    readings = []
    for number, (prompt, view, weight) in enumerate(zip(prompts, views, weights, strict=True)):
        maps = None if plans is None else draw_plan(plans[number], height=size[0], width=size[1])
        chain = [
            Conditions(prompt=words, fps=float(fps), pose_maps=maps, control_prompt=prompt)
            for words in (request.negative_prompt, prompt)
        ]
        denoiser = clip_denoiser(request, engine, line, chain, scale=scale, size=size)
        readings.append(Reading(denoiser, view, weight))

    def decode(latents: Latents) -> Video:
        return torch.stack(list(engine.decode_video(latents)), 1)[None]

    def encode(video: Video) -> Latents:
        return engine.encode_video(video[0].transpose(0, 1))

    steps = steps_of(request, engine)
    levels = Levels(engine.scheduler(steps), steps, device=engine.device)
    latents = sample_clip(
        request, engine, line, agreeing(readings, levels=levels, decode=decode, encode=encode),
        size=size, progress=progress, readings=len(readings),
    )  # fmt: skip
    seen = [decode(own) for own in latents.chunk(len(readings), 1)]
    for picture in average(readings, seen)[0].unbind(1):
        yield to_frame(picture)


def outline_illusion(request: Illusion, spec: ModelSpec) -> Outline:
    """What will be made of the request; raises `RequestError` where the view does not fit the clip."""
    fps, size = request.rate(spec.fps), picture_size(request.height, request.width, spec=spec)
    length = request.length(fps=fps, default=spec.num_frames)
    _check_view(request, length=length, size=size)
    check_amount(length, *size)
    scale = word_guidance(request.guidance_scale, negative_prompt=request.negative_prompt, spec=spec)
    return outlined(request, spec, length=length, fps=fps, size=size, grid=size, scale=scale, times=2)


def _check_view(request: Illusion, *, length: int, size: tuple[int, int]) -> None:
    """Raise `RequestError` where the clip cannot be seen in two ways."""
    if request.view == "rotate-90" and size[0] != size[1]:
        raise RequestError(
            f"--view rotate-90 is for squares, and {size[1]}x{size[0]} is none; give --width and --height "
            f"alike"
        )
    if request.view == "reverse" and length == 1:
        raise RequestError("--view reverse needs frames to play backwards; give more than 1")
