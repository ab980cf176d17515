"""Extend: a video goes on after its end, and begins before its beginning.

Comes in: a video, and if wanted a sentence. Goes out: its own frames as they are, with new ones before and
after them. New frames are made piece by piece from the last ones, so that motion goes on; latents are passed
on, and colours held.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from videogen.clip import as_function
from videogen.jobs import Progress, silent
from videogen.jobs.ledger import Ledger
from videogen.jobs.lengthened import LengthenedRequest
from videogen.jobs.sounding import sound_around
from videogen.sound import Sound

if TYPE_CHECKING:
    from videogen.engine import Engine, ModelSpec
    from videogen.jobs.outline import Outline
    from videogen.types import Frame


class Extend(LengthenedRequest):
    """Make a video go on, forwards, backwards or both."""

    job: ClassVar[str] = "extend"

    video: Path = Field(kw_only=False, description="The video to go on from.")
    before: float = Field(default=0.0, ge=0, le=600, description="Seconds to add before the beginning.")
    after: float = Field(default=0.0, ge=0, le=600, description="Seconds to add after the end.")

    @model_validator(mode="after")
    def _some_more(self) -> Self:
        if self.before == 0 and self.after == 0:
            raise ValueError("nothing is to be added; give --after SECONDS, --before SECONDS, or both")
        return self

    def rate(self, default: Fraction) -> Fraction:
        """Return the frames per second of the output: asked for, or the video's own."""
        return self.rate_of(self.video)

    def sound(self) -> Sound | None:
        """Return the sound that goes with the output, None for silence; raises `MediaError` for bad files."""
        rate = self.rate(Fraction(1))
        before, after = (self.steps(each, rate) / rate for each in (self.before, self.after))
        length = self.length_of(self.video)
        return sound_around(self.audio, self.video, at=before, length=length, total=before + length + after)

    def steps(self, seconds: float, rate: Fraction) -> int:
        """Return how many new frames that is: one at least, where any are asked for."""
        return max(1, round(Fraction(seconds) * rate)) if seconds else 0


def generate(
    request: Extend, engine: Engine, *, progress: Progress = silent, ledger: Ledger | None = None
) -> Iterator[Frame]:
    """Yield new frames, the video's own, and new ones; raises `RequestError` or `MediaError`."""
    from videogen.jobs.extending import frames_after, frames_before
    from videogen.jobs.keeping import with_background_kept

    ledger = ledger or Ledger()
    given = request.given(request.video, engine.spec)
    request.check(given, engine)
    before, after = (request.steps(each, given.fps) for each in (request.before, request.after))
    ledger.meet(before, before + given.count)
    if before:
        made = frames_before(request, engine, given, before, ledger=ledger, progress=progress)
        yield from with_background_kept(request, made, given.ends())
    yield from given.frames()
    if after:
        begins = before + given.count
        made = frames_after(request, engine, given, after, ledger=ledger, progress=progress, begins=begins)
        yield from with_background_kept(request, made, given.ends())


def outline(request: Extend, spec: ModelSpec) -> Outline:
    """Say what will be made, with no network loaded."""
    from videogen.jobs.lengthened_ahead import outline_extended

    return outline_extended(request, spec)


extend = as_function(Extend)
