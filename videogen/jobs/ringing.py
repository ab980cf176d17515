"""A loop from words: a clip denoised as a ring, its motion planned there and back.

What spins or circles by itself would come round without help; a plan does not say when, so every planned
motion runs to its end and back the same way, which ends where it began.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import torch

from videogen.conditions.reference import to_frame
from videogen.engine import Conditions
from videogen.errors import RequestError
from videogen.jobs import Progress
from videogen.jobs.casting import cast_of, over
from videogen.jobs.checks import check_amount, picture_size
from videogen.jobs.denoising import denoise
from videogen.jobs.drawing import LATER_WORDS, carried_along
from videogen.jobs.guiding import FIRST_FRAMES, Guide, Motion
from videogen.jobs.ledger import Ledger
from videogen.jobs.text_to_video import TextToVideo
from videogen.jobs.words import warn_of_unknown_words, word_guidance
from videogen.sampling import Timeline
from videogen.types import Frame

if TYPE_CHECKING:
    from videogen.engine import Engine
    from videogen.jobs.loop import Loop


def frames_of_ring(request: Loop, engine: Engine, *, ledger: Ledger, progress: Progress) -> Iterator[Frame]:
    """Yield one round of a loop; raises `RequestError` where the model cannot make it."""
    assert request.prompt is not None
    spec = engine.spec
    if not engine.reads_words or engine.needs_poses or engine.reads_motion:
        raise RequestError(
            f"the model {engine.model} reads no words, or needs more than them; give a video to loop"
        )
    fps, size = request.rate(spec.fps), picture_size(request.height, request.width, spec=spec)
    length = request.steps(fps)
    check_amount(length, *size)
    warn_of_unknown_words(request.prompt, engine)
    scale = word_guidance(request.guidance_scale, negative_prompt=None, spec=spec)
    guide = _there_and_back(request, engine, length=length, size=size)
    told = Conditions(prompt=request.prompt, fps=float(fps), pose_maps=None if guide is None else guide.maps)
    draw = partial(denoise, request, engine, size=size, progress=progress)
    if guide is not None and guide.person is not None and engine.reads_carried:
        few = min(length, FIRST_FRAMES)
        begun = [engine.without_words(told).between(0, few), told.between(0, few)]
        first = ledger.once("first", lambda: draw(Timeline.line(few), begun, scale=scale)[:, :, :1])
        told = carried_along(told, first, engine, person=guide.person)
        later = 1 + (scale - 1) * LATER_WORDS
    else:
        later = scale
    cast = cast_of(
        request, engine, guide, request.prompt, fps=float(fps), scale=scale, progress=progress, ledger=ledger
    )
    chain = [engine.without_words(told), told]
    ring, keeper = Timeline.ring_of(length), ledger.steps("clip")
    latents = ledger.once("clip", lambda: draw(ring, chain, scale=later, keeper=keeper))
    yield from engine.decode(latents) if cast is None else map(to_frame, over(cast, engine, latents))


def _there_and_back(request: Loop, engine: Engine, *, length: int, size: tuple[int, int]) -> Guide | None:
    """The planned motion of half a round, and the same way back; None where nothing is planned."""
    half = length // 2 + 1
    plan = TextToVideo(str(request.prompt), num_frames=half, fps=request.fps, seed=request.chosen_seed())
    guide = Motion.of(plan, fps=request.rate(engine.spec.fps), default=half).guide(plan, engine, size=size)
    if guide is None:
        return None
    order = torch.arange(length)
    order = torch.minimum(order, length - order).clamp_max(half - 1)
    return guide.at(order)
