"""The networks that a request needs, and the frames that they make of it, finished as it says.

A clip that a model denoised is finished here, whatever the job: frames drawn between its own, and larger
frames. The jobs know nothing of it. Networks that were loaded last are kept for the next request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from videogen.generative import AgreeingRequest
from videogen.jobs import Progress, jobs
from videogen.jobs.ledger import Ledger
from videogen.jobs.measuring import Measured
from videogen.model_request import ModelRequest
from videogen.request import Request

if TYPE_CHECKING:
    import torch

    from videogen.engine import Engine
    from videogen.enhancer import Enhancer
    from videogen.types import Frame


@lru_cache(maxsize=2)
def load_enhancer(
    *, interpolates: bool = False, scale: int = 1, checkpoint: Path | None = None, device: str, precision: str
) -> Enhancer:
    """Load what betters frames, keeping the last two."""
    from videogen.enhancer import Enhancer

    return Enhancer(
        interpolates=interpolates, scale=scale, checkpoint=checkpoint, device=device, precision=precision
    )


def finisher(request: Request) -> Enhancer | None:
    """What finishes the clip that a request makes, None where nothing does; raises `CheckpointError`."""
    if not isinstance(request, ModelRequest) or request.interpolate == request.upscale == 1:
        return None
    return load_enhancer(
        interpolates=request.interpolate > 1, scale=request.upscale, device=request.device,
        precision=request.precision,
    )  # fmt: skip


def agrees(request: Request) -> bool:
    """Whether a request leads or ranks clips by how well they agree with their words."""
    led = isinstance(request, AgreeingRequest) and request.clip_guidance > 0
    return led or getattr(request, "best_of", 1) > 1


@dataclass(frozen=True)
class Networks:
    """The networks of a request: those of its job, and those that finish what that makes, if any."""

    engine: Engine | Enhancer
    finisher: Enhancer | None = None
    agrees: bool = False
    """Whether the job also asks the engine's text-video encoder."""

    @property
    def hashes(self) -> dict[str, str]:
        """The sha256 of every file of weights by its name."""
        found = self.engine.hashes | ({} if self.finisher is None else self.finisher.hashes)
        from videogen.enhancer import Enhancer

        if not self.agrees or isinstance(self.engine, Enhancer):
            return found
        return found | self.engine.agreement.hashes

    @property
    def device(self) -> torch.device:
        """Where the job's networks are."""
        return self.engine.device

    @property
    def own_rate(self) -> Fraction:
        """The model's own frames per second; 1 where there is no model."""
        from videogen.enhancer import Enhancer

        return Fraction(1) if isinstance(self.engine, Enhancer) else self.engine.spec.fps

    def frames(self, request: Request, *, progress: Progress, ledger: Ledger) -> Measured:
        """The frames of the output, measured as the job makes them."""
        fps = request.rate(self.own_rate)
        made = jobs()[request.job].generate(request, self.engine, progress=progress, ledger=ledger)
        if self.finisher is None or not isinstance(request, ModelRequest):
            return Measured(made, ledger, fps=fps)
        last, times = self.finisher, request.interpolate

        def finish(frames: Iterator[Frame]) -> Iterator[Frame]:
            return finished(frames, last, source_fps=fps, fps=times * fps, ledger=ledger)

        return Measured(made, ledger, fps=fps, finish=finish)


def finished(
    frames: Iterator[Frame], enhancer: Enhancer, *, source_fps: Fraction, fps: Fraction, ledger: Ledger
) -> Iterator[Frame]:
    """Yield a clip's frames at `fps`, larger as the enhancer makes them; those of a stopped run are kept."""
    from videogen.jobs.enhancing import Bettering

    what = Bettering(source_fps, fps)

    def make(begin: int) -> Iterator[Frame]:
        first = next(frames)  # with it the job has told its ledger what the clip is
        return what.frames(chain([first], frames), enhancer, begin=begin, ring=ledger.ring)

    yield from ledger.film(make)
