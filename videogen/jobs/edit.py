"""Edit: a video changes as words say, all of it or a region, and keeps what they do not touch.

Comes in: a video, a prompt, how strongly, and if wanted a mask. Frames are noised so strongly and denoised
again. Goes out: the video's own frames, size, rate and sound, changed; outside the mask every bit is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from videogen.clip import as_function
from videogen.generative import PoselessRequest
from videogen.jobs import Progress, silent
from videogen.jobs.ledger import Ledger
from videogen.jobs.sounding import sound_beside
from videogen.jobs.words import warn_of_unknown_words
from videogen.request import Prompt
from videogen.sound import Sound

if TYPE_CHECKING:
    from videogen.engine import Engine, ModelSpec
    from videogen.jobs.outline import Outline
    from videogen.types import Frame


class Edit(PoselessRequest):
    """Change a video as words say."""

    job: ClassVar[str] = "edit"

    video: Path = Field(kw_only=False, description="The video to change.")
    prompt: Prompt = Field(description="What should be seen afterwards, in a sentence.")
    negative_prompt: Prompt | None = Field(
        default=None, description="What to steer away from; works where the guidance scale is not 1."
    )
    strength: float = Field(
        default=0.9,
        ge=0,
        le=1,
        description="How much changes: 0 nothing, 1 everything is made anew. Low keeps motion and shapes.",
    )
    mask: str | None = Field(
        default=None,
        min_length=1,
        description="Where the video may change: a FILE, picture or video, that is white there, or 'found' "
        "for what the words name, found by pocket. Everywhere if not given.",
    )
    reference: Path | None = Field(
        default=None, description="A picture of how it should look, for pocket or with an IP-adapter."
    )
    seconds: float | None = Field(
        default=None, gt=0, le=600, description="Stop after so long; the whole video if not given."
    )
    audio: str = Field(
        default="keep",
        min_length=1,
        description="Sound: 'keep' (the video's own), 'none', or a FILE's; cut to the clip's length.",
    )

    def rate(self, default: Fraction) -> Fraction:
        """Return the frames per second of the output: asked for, or the video's own."""
        from videogen.media.video import probe

        return self.fps or probe(self.video).fps

    def sound(self) -> Sound | None:
        """Return the sound that goes with the output, None for silence; raises `MediaError` for bad files."""
        return sound_beside(self.audio, self.video)


def generate(
    request: Edit, engine: Engine, *, progress: Progress = silent, ledger: Ledger | None = None
) -> Iterator[Frame]:
    """Yield the changed frames; raises `RequestError` or `MediaError`."""
    from videogen.jobs.editing import Source, check_edit, redraw

    check_edit(request, engine)
    rate = request.rate(engine.spec.fps)
    source = Source(request, engine.spec, rate=rate)
    for text in (request.prompt, request.negative_prompt or ""):
        warn_of_unknown_words(text, engine)
    if request.strength == 0:
        yield from source.frames()
        return
    yield from redraw(request, engine, source, rate=rate, ledger=ledger or Ledger(), progress=progress)


def outline(request: Edit, spec: ModelSpec) -> Outline:
    """Say what will be made, with no network loaded."""
    from videogen.jobs.editing import outline_edit

    return outline_edit(request, spec)


edit = as_function(Edit)
