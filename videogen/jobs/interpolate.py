"""Interpolate: a video at another frame rate, or slower, with frames drawn in between.

Comes in: a video, and the rate, the factor or the slow motion wanted. Goes out: frames at exact times of the
same seconds, the video's own among them untouched, its sound beside them; larger too if wanted, in one pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from videogen.clip import as_function
from videogen.jobs import Progress, silent
from videogen.jobs.enhancing import Bettering, EnhancingRequest, bettered, outline_bettered
from videogen.jobs.ledger import Ledger
from videogen.request import Rate, one_two_or_four
from videogen.sound import Sound

if TYPE_CHECKING:
    from videogen.enhancer import Enhancer
    from videogen.jobs.outline import Outline
    from videogen.types import Frame


class Interpolate(EnhancingRequest):
    """Make a video smoother, or slower, with frames drawn between its own."""

    job: ClassVar[str] = "interpolate"
    least: ClassVar[int] = 2

    fps: Rate | None = Field(
        default=None, gt=0, le=240, description="Frames per second wanted, such as 24, 23.976 or 60000/1001."
    )
    factor: int | None = Field(
        default=None,
        ge=2,
        le=8,
        description="Or how many times as many as the video's; 2 if neither is given, nor --slow-motion.",
    )
    slow_motion: Rate = Field(
        default=Fraction(1),
        ge=1,
        le=16,
        description="Let it last so many times as long, such as 2 or 2.5; at the video's own rate unless "
        "another is given.",
    )
    scale: int = Field(
        default=1, ge=1, le=4, description="Upscale in the same pass, so many times: 1, 2 or 4."
    )
    _checked_scale = field_validator("scale")(one_two_or_four)

    @model_validator(mode="after")
    def _one_rate(self) -> Self:
        if self.fps is not None and self.factor is not None:
            raise ValueError("--fps and --factor were both given; give one of them")
        return self

    def rate(self, default: Fraction) -> Fraction:
        """Return the frames per second of the output: asked for, or a multiple of the video's own."""
        if self.fps is not None:
            return self.fps
        return self.info().fps * (self.factor or (2 if self.slow_motion == 1 else 1))

    def sound(self) -> Sound | None:
        """Return the sound that goes with the output, None for silence; raises `MediaError` for bad files."""
        sound = super().sound()
        if sound is None or sound.asked or self.slow_motion == 1:
            return sound
        return Sound.of(self.video, asked=False, tempo=1 / self.slow_motion)

    def networks(self) -> dict[str, Any]:
        """Return what chooses the networks, by the names of the settings."""
        wanted = {"interpolates": True, "scale": self.scale, "checkpoint": self.checkpoint}
        return {**super().networks(), **wanted}

    def bettering(self) -> Bettering:
        """Return what is done to the frames."""
        source_fps = self.info().fps / self.slow_motion
        return Bettering(source_fps, self.rate(source_fps), cuts=self.cuts)


def generate(
    request: Interpolate, engine: Enhancer, *, progress: Progress = silent, ledger: Ledger | None = None
) -> Iterator[Frame]:
    """Yield the frames; raises `RequestError` for a video of one frame, or `MediaError`."""
    yield from bettered(request, engine, request.bettering(), ledger=ledger or Ledger())


def outline(request: Interpolate, spec: None = None) -> Outline:
    """Say what will be made, with no network loaded."""
    return outline_bettered(request, request.bettering(), scale=request.scale)


interpolate = as_function(Interpolate)
