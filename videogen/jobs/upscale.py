"""Upscale: a video with more pixels, and with the detail that belongs there.

Comes in: a video, how many times as large or how high it shall be, and if wanted a checkpoint, or a sharp
picture of the same things. Goes out: its frames larger, at its own rate, with its own sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, model_validator

from videogen.clip import as_function
from videogen.errors import RequestError
from videogen.jobs import Progress, silent
from videogen.jobs.enhancing import Bettering, EnhancingRequest, bettered, outline_bettered
from videogen.jobs.ledger import Ledger

if TYPE_CHECKING:
    from videogen.enhance.upscale import Enlargement
    from videogen.enhancer import Enhancer
    from videogen.jobs.outline import Outline
    from videogen.types import Frame


class Upscale(EnhancingRequest):
    """Make a video larger, and sharp."""

    job: ClassVar[str] = "upscale"

    scale: int | None = Field(
        default=None, ge=2, le=4, description="How many times as wide and high: 2 or 4; 2 if nothing is said."
    )
    height: int | None = Field(
        default=None,
        ge=16,
        le=8192,
        description="Or the height wanted in pixels, even, up to 4 times the video's; the width follows.",
    )
    reference: Path | None = Field(default=None, description="A sharp picture of it, whose detail is used.")
    tile: int = Field(
        default=640,
        ge=64,
        le=4096,
        description="Work on squares of so many of the video's pixels, which overlap: smaller ones need less "
        "memory and make hardly another picture.",
    )

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if self.scale is not None and self.height is not None:
            raise ValueError("--scale and --height were both given; give one of them")
        if self.scale == 3:
            raise ValueError("--scale was given as 3; expected 2 or 4, or give --height")
        return self

    def plan(self) -> Enlargement:
        """Return by how much the network enlarges and the size that is wanted; raises `RequestError`."""
        from videogen.enhance.upscale import plan_enlargement

        # Foreign networks often enlarge four times in one step.
        step = 2 if self.height is None or self.checkpoint is None else 4
        info, scale = self.info(), (self.scale or 2) if self.height is None else None
        plan = plan_enlargement(info.width, info.height, step=step, scale=scale, target=self.height)
        if plan.scale > 4:
            raise RequestError(
                f"--height {self.height} is given for {info.height} rows; at most 4 times that"
            )
        return plan

    def networks(self) -> dict[str, Any]:
        """Return what chooses the networks, by the names of the settings."""
        return {**super().networks(), "scale": self.plan().scale, "checkpoint": self.checkpoint}

    def bettering(self) -> Bettering:
        """Return what is done to the frames; raises `MediaError` for a reference that is no picture."""
        from videogen.media.image import read_image

        plan, fps = self.plan(), self.info().fps
        picture = None if self.reference is None else read_image(self.reference)
        size = plan.height, plan.width
        return Bettering(fps, fps, cuts=self.cuts, size=size, tile=self.tile, reference=picture)


def generate(
    request: Upscale, engine: Enhancer, *, progress: Progress = silent, ledger: Ledger | None = None
) -> Iterator[Frame]:
    """Yield the frames; raises `RequestError` or `MediaError`."""
    yield from bettered(request, engine, request.bettering(), ledger=ledger or Ledger())


def outline(request: Upscale, spec: None = None) -> Outline:
    """Say what will be made, with no network loaded."""
    return outline_bettered(request, request.bettering(), scale=request.plan().scale)


upscale = as_function(Upscale)
