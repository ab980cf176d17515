"""Text to video: a sentence becomes a clip of any length.

Comes in: a prompt. Goes out: frames, denoised jointly from noise on a timeline without known frames, in
overlapping windows where the clip is longer than the model's window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from videogen.clip import as_function
from videogen.errors import RequestError
from videogen.jobs import Progress, silent
from videogen.jobs.checks import check_amount, picture_size, warn_of_unknown_words
from videogen.request import GenerativeRequest, Prompt

if TYPE_CHECKING:
    from videogen.engine import Engine
    from videogen.types import Frame


class TextToVideo(GenerativeRequest):
    """Make a clip from a sentence."""

    job: ClassVar[str] = "text-to-video"

    prompt: Prompt = Field(kw_only=False, description="What should be seen, in a sentence.")
    negative_prompt: Prompt | None = Field(
        default=None, description="What to steer away from; works where the guidance scale is not 1."
    )
    seconds: float | None = Field(default=None, gt=0, le=600, description="Length; or give --num-frames.")
    num_frames: int | None = Field(
        default=None, ge=1, le=4800, description="Length in frames; the model's own if not given."
    )

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.seconds is not None and self.num_frames is not None:
            raise ValueError("--seconds and --num-frames were both given; give one of them")
        return self

    def length(self, *, fps: Fraction, default: int) -> int:
        """Return the number of frames at `fps`; `default` where no length was asked for."""
        if self.seconds is None:
            return self.num_frames or default
        return max(1, round(Fraction(self.seconds) * fps))


def generate(request: TextToVideo, engine: Engine, *, progress: Progress = silent) -> Iterator[Frame]:
    """Yield the clip's frames; raises `RequestError` where the model cannot do what is asked."""
    from videogen.engine import Conditions
    from videogen.jobs.denoising import denoise
    from videogen.sampling import Timeline

    spec = engine.spec
    fps = request.rate(spec.fps)
    length = request.length(fps=fps, default=spec.num_frames)
    height, width = picture_size(request.height, request.width, spec=spec)
    check_amount(length, height, width)
    scale = spec.guidance_scale if request.guidance_scale is None else request.guidance_scale
    if scale == 1 and request.negative_prompt is not None:
        raise RequestError("--negative-prompt has no effect at --guidance-scale 1; raise it, or drop one")
    for text in (request.prompt, request.negative_prompt or ""):
        warn_of_unknown_words(text, engine)

    timeline = Timeline.line(length)
    wanted = Conditions(prompt=request.prompt, fps=float(fps))
    chain = [replace(wanted, prompt=request.negative_prompt), wanted]
    latents = denoise(request, engine, timeline, chain, scale=scale, size=(height, width), progress=progress)
    yield from engine.decode(latents)


text_to_video = as_function(TextToVideo)
