"""Transition: from the end of one video to the beginning of another.

Comes in: two videos, and if wanted a sentence. Goes out: both as they are, and between them new frames that
know how the one moved at its end and the other at its beginning. The second takes the size and the rate of
the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from videogen.clip import as_function
from videogen.jobs import Progress, silent
from videogen.jobs.ledger import Ledger
from videogen.jobs.lengthened import LengthenedRequest
from videogen.jobs.sounding import sound_across
from videogen.sound import Sound

if TYPE_CHECKING:
    from videogen.engine import Engine, ModelSpec
    from videogen.jobs.outline import Outline
    from videogen.types import Frame


class Transition(LengthenedRequest):
    """Pass from one video to another."""

    job: ClassVar[str] = "transition"

    first: Path = Field(kw_only=False, description="The video that comes first.")
    second: Path = Field(kw_only=False, description="The video that comes after it.")
    seconds: float = Field(default=1.0, gt=0, le=60, description="How long the new frames between them last.")

    @model_validator(mode="after")
    def _two_sounds(self) -> Self:
        if self.audio == "loop":
            raise ValueError("--audio loop is for one video, and these are two; give keep, none or a FILE")
        return self

    def rate(self, default: Fraction) -> Fraction:
        """Return the frames per second of the output: asked for, or the first video's own."""
        return self.rate_of(self.first)

    def sound(self) -> Sound | None:
        """Return the sound that goes with the output, None for silence; raises `MediaError` for bad files."""
        rate = self.rate(Fraction(1))
        first, second = self.length_of(self.first), self.length_of(self.second)
        between = Fraction(self.steps(rate)) / rate
        return sound_across(
            self.audio, self.first, self.second,
            first_length=first, second_at=first + between, second_length=second,
        )  # fmt: skip

    def steps(self, rate: Fraction) -> int:
        """Return how many new frames there are."""
        return max(1, round(Fraction(self.seconds) * rate))


def generate(
    request: Transition, engine: Engine, *, progress: Progress = silent, ledger: Ledger | None = None
) -> Iterator[Frame]:
    """Yield the first video's frames, new ones, and the second's; raises `RequestError` or `MediaError`."""
    from videogen.jobs.bridging import frames_between
    from videogen.jobs.given import GivenVideo
    from videogen.jobs.keeping import with_background_kept

    ledger = ledger or Ledger()
    first = request.given(request.first, engine.spec)
    request.check(first, engine)
    second = GivenVideo.beside(request.second, first)
    steps = request.steps(first.fps)
    ledger.meet(first.count, first.count + steps)
    yield from first.frames()
    made = frames_between(request, engine, first, second, steps, ledger=ledger, progress=progress)
    yield from with_background_kept(request, made, chain(first.ends(), second.ends()))
    yield from second.frames()


def outline(request: Transition, spec: ModelSpec) -> Outline:
    """Say what will be made, with no network loaded."""
    from videogen.jobs.lengthened_ahead import outline_transition

    return outline_transition(request, spec)


transition = as_function(Transition)
