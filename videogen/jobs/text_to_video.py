"""Text to video: a sentence becomes a clip of any length.

Comes in: a prompt, and if wanted a path for a thing, a pose for a person, pictures. Goes out: frames,
denoised jointly from noise in overlapping windows, told by maps what moves where.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from videogen.clip import as_function
from videogen.generative import Control
from videogen.jobs import Progress, silent
from videogen.jobs.checks import check_amount, picture_size
from videogen.jobs.ledger import Ledger
from videogen.jobs.showing import ShownRequest
from videogen.jobs.words import warn_of_unknown_words, word_guidance
from videogen.request import Prompt

if TYPE_CHECKING:
    from videogen.engine import Engine, ModelSpec
    from videogen.jobs.outline import Outline
    from videogen.types import Frame


class TextToVideo(ShownRequest):
    """Make a clip from a sentence."""

    job: ClassVar[str] = "text-to-video"

    prompt: Prompt = Field(kw_only=False, description="What should be seen, in a sentence.")
    negative_prompt: Prompt | None = Field(
        default=None, description="What to steer away from; works where the guidance scale is not 1."
    )
    path: str | None = Field(
        default=None, min_length=1,
        description="Where the first thing moves: points '0.2,0.5 0.8,0.5' in fractions of the picture, or a "
        "JSON file of points with x, y and, if wanted, time or frame, size (half extent), angle (degrees).",
    )  # fmt: skip
    pose: Path | None = Field(default=None, description="How a person moves: a video or pose as for animate.")
    control: Control = "pose"
    plan: bool = Field(default=True, description="Plan the motion from the words; else the network finds it.")

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if self.path is not None and self.pose is not None:
            raise ValueError("--path moves things and --pose people; give one of them")
        if not self.plan and (self.path is not None or self.pose is not None):
            raise ValueError("--no-plan leaves motion to the network, --path or --pose fixes it; drop one")
        if self.controlnet and self.pose is None:
            raise ValueError("--controlnet reads a pose; give one with --pose")
        if self.control != "pose" and self.pose is None:
            raise ValueError(f"--control {self.control} is drawn from a video; give it with --pose")
        return self

    def rate(self, default: Fraction) -> Fraction:
        """Return the frames per second of the output: asked for, the pose's own, or `default`."""
        from videogen.jobs.driving import driving_rate

        return self.fps or (None if self.pose is None else driving_rate(self.pose)) or default


def generate(
    request: TextToVideo, engine: Engine, *, progress: Progress = silent, ledger: Ledger | None = None
) -> Iterator[Frame]:
    """Yield the clip's frames; raises `RequestError` where the model cannot do what is asked."""
    from videogen.jobs.drawing import draw_clip
    from videogen.jobs.guiding import Motion

    spec = engine.spec
    fps, size = request.rate(spec.fps), picture_size(request.height, request.width, spec=spec)
    scale = word_guidance(request.guidance_scale, negative_prompt=request.negative_prompt, spec=spec)
    for text in (request.prompt, request.negative_prompt or ""):
        warn_of_unknown_words(text, engine)
    motion = Motion.of(request, fps=fps, default=spec.num_frames)
    check_amount(motion.length, *size)
    guide = motion.guide(request, engine, size=size)
    for latents in draw_clip(
        request, engine, guide, length=motion.length, fps=float(fps), scale=scale, size=size,
        progress=progress, ledger=ledger or Ledger(),
    ):  # fmt: skip
        yield from engine.decode(latents)


def outline(request: TextToVideo, spec: ModelSpec) -> Outline:
    """Say what will be made, with no network loaded."""
    from videogen.jobs.guiding import outline_text

    return outline_text(request, spec)


text_to_video = as_function(TextToVideo)
