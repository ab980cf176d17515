"""Text to video: a sentence becomes a clip of any length.

Comes in: a prompt, and if wanted a path for a thing, a pose for a person, pictures. Goes out: frames,
denoised jointly from noise in overlapping windows, told by maps what moves where.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from videogen.clip import as_function
from videogen.generative import AgreeingRequest
from videogen.jobs import Progress, silent
from videogen.jobs.checks import check_amount, picture_size
from videogen.jobs.ledger import Ledger
from videogen.jobs.moved import MovedRequest
from videogen.jobs.words import warn_of_unknown_words, word_guidance
from videogen.request import Prompt, ScheduledPrompt
from videogen.schedule import texts_of

if TYPE_CHECKING:
    from videogen.engine import Engine, ModelSpec
    from videogen.jobs.outline import Outline
    from videogen.types import Frame


class TextToVideo(MovedRequest, AgreeingRequest):
    """Make a clip from a sentence."""

    job: ClassVar[str] = "text-to-video"

    prompt: ScheduledPrompt = Field(
        kw_only=False,
        description="What should be seen, in a sentence; or in several, each from its time on: "
        "'0: a red ball bounces | 3s: a blue ball bounces', or 50%.",
    )
    negative_prompt: Prompt | None = Field(
        default=None, description="What to steer away from; works where the guidance scale is not 1."
    )
    best_of: int = Field(
        default=1,
        ge=1,
        le=16,
        description="Make so many clips, from the seed and others that follow from it, and keep the one that "
        "agrees best with the prompt, as pocket's text-video encoder sees it.",
    )


def generate(
    request: TextToVideo, engine: Engine, *, progress: Progress = silent, ledger: Ledger | None = None
) -> Iterator[Frame]:
    """Yield the clip's frames; raises `RequestError` where the model cannot do what is asked."""
    from videogen.jobs.agreeing import draw_best
    from videogen.jobs.casting import Take, cast_of
    from videogen.jobs.drawing import draw_clip
    from videogen.jobs.guiding import Motion
    from videogen.jobs.shown import Shown

    spec = engine.spec
    fps, size = request.rate(spec.fps), picture_size(request.height, request.width, spec=spec)
    scale = word_guidance(request.guidance_scale, negative_prompt=request.negative_prompt, spec=spec)
    for text in (*texts_of(request.prompt), request.negative_prompt or ""):
        warn_of_unknown_words(text, engine)
    motion = Motion.of(request, fps=fps, default=spec.num_frames)
    check_amount(motion.length, *size)
    shown = Shown.read(request, engine, fps=float(fps), length=motion.length, size=size)

    def draw(request: TextToVideo, progress: Progress, ledger: Ledger) -> Take:
        guide = motion.guide(request, engine, size=size) if shown.moving is None else None
        cast = cast_of(
            request, engine, guide if request.has_close_ups else None,
            request.prompt, negative_prompt=request.negative_prompt,
            fps=float(fps), scale=scale, progress=progress, ledger=ledger,
        )  # fmt: skip
        pieces = draw_clip(
            request, engine, guide, shown, length=motion.length, fps=float(fps),
            scale=scale, size=size, progress=progress, ledger=ledger,
        )  # fmt: skip
        return Take(pieces, cast)

    take = draw_best(request, engine, draw, fps=float(fps), progress=progress, ledger=ledger or Ledger())
    begin = 0
    for piece in take.pieces:
        yield from take.frames(engine, piece, shown, begin=begin)
        begin += piece.shape[2]


def outline(request: TextToVideo, spec: ModelSpec) -> Outline:
    """Say what will be made, with no network loaded."""
    from videogen.jobs.guiding import outline_text

    return outline_text(request, spec)


text_to_video = as_function(TextToVideo)
