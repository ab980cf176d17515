"""Image to video: a still picture begins to move.

Comes in: a picture, and for models that read words a sentence about it. Goes out: frames whose first one is
the picture, at its proportions. Each kind of model is told the picture in its own way; long clips are
denoised in overlapping windows.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from videogen.clip import as_function
from videogen.generative import AgreeingRequest, LengthRequest, PoselessRequest, TimelineRequest
from videogen.jobs import Progress, silent
from videogen.jobs.ledger import Ledger
from videogen.jobs.words import warn_of_unknown_words
from videogen.request import ScheduledPrompt
from videogen.schedule import texts_of

if TYPE_CHECKING:
    from videogen.engine import Engine, ModelSpec
    from videogen.jobs.outline import Outline
    from videogen.types import Frame


class ImageToVideo(LengthRequest, PoselessRequest, TimelineRequest, AgreeingRequest):
    """Make a clip that begins with a picture."""

    job: ClassVar[str] = "image-to-video"

    picture: Path = Field(kw_only=False, description="Picture to begin with: PNG, JPEG or WebP.")
    prompt: ScheduledPrompt | None = Field(
        default=None,
        description="What happens, in a sentence, or in several from their times on, as for text-to-video; "
        "for models that read words.",
    )
    keypoints: Path | None = Field(
        default=None,
        description="A person's keypoints in the picture, for pocket; the JSON file beside it, if any.",
    )
    motion_bucket: int | None = Field(
        default=None,
        ge=1,
        le=255,
        description="How much moves, 1 to 255; Stable Video Diffusion only, 127 if not given.",
    )
    noise_augmentation: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Noise in the picture that is followed: more noise, more freedom; Stable Video Diffusion "
        "only, 0.02 if not given.",
    )


def generate(
    request: ImageToVideo, engine: Engine, *, progress: Progress = silent, ledger: Ledger | None = None
) -> Iterator[Frame]:
    """Yield the clip's frames; raises `RequestError` where the model cannot do what is asked."""
    from videogen.jobs.picturing import check_told, tell
    from videogen.jobs.rolling import make_clip

    check_told(request, engine)
    fps = request.rate(engine.spec.fps)
    length = request.length(fps=fps, default=engine.spec.num_frames)
    for text in texts_of(request.prompt or ""):
        warn_of_unknown_words(text, engine)

    told = tell(request, engine, length=length, fps=fps)
    size = told.canvas.height, told.canvas.width
    pieces = make_clip(
        request, engine, told.timeline, told.chain, scale=told.scale, size=size,
        progress=progress, ledger=ledger or Ledger(),
    )  # fmt: skip
    drawn = chain.from_iterable(engine.decode_video(latents) for latents in pieces)
    for number, picture in enumerate(drawn):
        yield told.show(number, picture)


def outline(request: ImageToVideo, spec: ModelSpec) -> Outline:
    """Say what will be made, with no network loaded."""
    from videogen.jobs.picturing import outline_pictured

    return outline_pictured(request, spec)


image_to_video = as_function(ImageToVideo)
