"""Loop: a clip whose end is its beginning.

Comes in: a video, which goes on until it is where it began; or a sentence, whose clip is denoised as a ring,
in windows that wrap. Goes out: frames that can be played for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from videogen.clip import as_function
from videogen.jobs import Progress, silent
from videogen.jobs.closing import check_loop
from videogen.jobs.ledger import Ledger
from videogen.jobs.lengthened import LengthenedRequest
from videogen.jobs.sounding import sound_around
from videogen.sound import Sound

if TYPE_CHECKING:
    from videogen.engine import Engine, ModelSpec
    from videogen.jobs.outline import Outline
    from videogen.types import Frame


class Loop(LengthenedRequest):
    """Make a clip that can be played for ever."""

    job: ClassVar[str] = "loop"

    video: Path | None = Field(
        default=None, kw_only=False, description="The video to close; without one --prompt makes a loop."
    )
    seconds: float | None = Field(
        default=None,
        gt=0,
        le=600,
        description="How long the new frames last that lead back to a video's beginning (1 if not given), or "
        "the whole loop from words (2).",
    )

    @model_validator(mode="after")
    def _something_to_close(self) -> Self:
        check_loop(self)
        return self

    def rate(self, default: Fraction) -> Fraction:
        """Return the frames per second of the output: asked for, the video's own, or `default`."""
        return self.fps or default if self.video is None else self.rate_of(self.video)

    def sound(self) -> Sound | None:
        """Return the sound that goes with the output, None for silence; raises `MediaError` for bad files."""
        if self.video is None:
            return None
        rate = self.rate(Fraction(1))
        length = self.length_of(self.video)
        total = length + Fraction(self.steps(rate)) / rate
        return sound_around(self.audio, self.video, at=Fraction(0), length=length, total=total)

    def steps(self, rate: Fraction) -> int:
        """Return how many new frames there are."""
        seconds = self.seconds or (2.0 if self.video is None else 1.0)
        return max(1, round(Fraction(seconds) * rate))


def generate(
    request: Loop, engine: Engine, *, progress: Progress = silent, ledger: Ledger | None = None
) -> Iterator[Frame]:
    """Yield the frames of one round; raises `RequestError` or `MediaError`."""
    from videogen.jobs.bridging import frames_between
    from videogen.jobs.keeping import with_background_kept
    from videogen.jobs.ringing import frames_of_ring

    ledger = ledger or Ledger()
    ledger.ring = True
    if request.video is None:
        yield from frames_of_ring(request, engine, ledger=ledger, progress=progress)
        return
    given = request.given(request.video, engine.spec)
    request.check(given, engine)
    ledger.meet(given.count)
    yield from given.frames()
    steps = request.steps(given.fps)
    made = frames_between(request, engine, given, given, steps, ledger=ledger, progress=progress)
    yield from with_background_kept(request, made, given.ends())


def outline(request: Loop, spec: ModelSpec) -> Outline:
    """Say what will be made, with no network loaded."""
    from videogen.jobs.lengthened_ahead import outline_loop

    return outline_loop(request, spec)


loop = as_function(Loop)
