"""What a model is told that finds the picture of `image-to-video` as its first frame, which is known.

Pocket is also shown it as a reference, and where things move as the words say.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from videogen.engine import Conditions
from videogen.errors import RequestError
from videogen.jobs.planned import draw_plans, plan_words
from videogen.sampling import Scale, Timeline
from videogen.schedule import Schedule, read_prompt

if TYPE_CHECKING:
    from videogen.engine import Engine
    from videogen.jobs.image_to_video import ImageToVideo

log = logging.getLogger(__name__)


def begun(
    request: ImageToVideo, engine: Engine, picture: Tensor, length: int, fps: Fraction
) -> tuple[Timeline, tuple[Conditions, Conditions], Scale]:
    """The picture as the first frame, which is known."""
    latents = engine.encode_video(picture)
    timeline = Timeline.line(length).with_known(latents, frames=[0])
    words = request.prompt
    prompt = None if words is None else read_prompt(words, length=length, fps=float(fps))
    told = Conditions(fps=float(fps), prompt=prompt, picture=picture)
    without = engine.without(told)
    if engine.reads_carried:
        if prompt is None:
            raise RequestError(
                f"the model {engine.model} needs words or keypoints to move a picture; give --prompt or "
                f"--keypoints"
            )
        maps = _planned(prompt, request, engine, length=length, fps=fps, size=picture.shape[-2:])
        told = Conditions(fps=float(fps), prompt=prompt, reference=latents, pose_maps=maps)
        without = replace(told, prompt=None)
    return timeline, (without, told), word_scale(request, engine)


def word_scale(request: ImageToVideo, engine: Engine) -> float:
    """How strongly words, or the picture that an image encoder reads, are followed; 1 without either."""
    if request.prompt is None and not engine.reads_pictures:
        return 1.0
    return engine.spec.guidance_scale if request.guidance_scale is None else request.guidance_scale


def _planned(
    prompt: str | Schedule,
    request: ImageToVideo,
    engine: Engine,
    *,
    length: int,
    fps: Fraction,
    size: torch.Size,
) -> Tensor | None:
    """Maps of what moves where, as the words say; None where nothing is planned."""
    plans = plan_words(engine, prompt, length=length, fps=fps, seed=request.chosen_seed())
    if any(plan.pose is not None for plan in plans):
        log.warning(
            "%s has no keypoints, so the person is drawn anew after the first frame; give --keypoints",
            request.picture.name,
        )
    return draw_plans(plans, height=size[0], width=size[1])
