"""The frames that `extend` adds: after a video forwards, before it backwards, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from videogen.jobs import Progress
from videogen.jobs.checks import check_amount
from videogen.jobs.given import GivenVideo
from videogen.jobs.going_on import Carried, NewFrames, words_scale
from videogen.jobs.ledger import Ledger
from videogen.jobs.rolling import roll
from videogen.jobs.windowing import cut_of
from videogen.sampling import Timeline
from videogen.types import Frame, Frames, Latents

if TYPE_CHECKING:
    from videogen.engine import Engine
    from videogen.jobs.lengthened import LengthenedRequest


def frames_after(
    request: LengthenedRequest, engine: Engine, given: GivenVideo, steps: int, *,
    ledger: Ledger, progress: Progress,
) -> Iterator[Frame]:  # fmt: skip
    """Yield `steps` frames that follow a video."""
    context = _context(request, engine, given.last)
    carries = request.carry and engine.reads_carried
    new = NewFrames(given, given.onward(steps) if carries else None)
    shown = given.placed(given.last[-context:])
    nothing = shown[:0]
    told = new.told(engine, request.prompt, before=shown, after=nothing, steps=steps)
    for numbers, latents in roll(
        request, engine, Timeline.line(context + steps), told, known=engine.encode_video(shown).cpu(), at=0,
        scale=words_scale(request, engine, request.prompt), size=_grid(given, steps),
        ledger=ledger, progress=progress, name="after-",
    ):  # fmt: skip
        yield from new.shown(engine, range(numbers.start - context, numbers.stop - context), latents)


def frames_before(
    request: LengthenedRequest, engine: Engine, given: GivenVideo, steps: int, *,
    ledger: Ledger, progress: Progress,
) -> Iterator[Frame]:  # fmt: skip
    """Yield `steps` frames that come before a video; they are made from the last one to the first."""
    context = _context(request, engine, given.first)
    carries = request.carry and engine.reads_carried
    new = NewFrames(given, _Reversed(given.backward(steps)) if carries else None)
    shown = given.placed(given.first[:context])
    told = new.told(engine, request.prompt, before=shown[:0], after=shown, steps=steps)
    pieces: list[Latents] = []
    for _, latents in roll(
        request, engine, Timeline.line(steps + context), told,
        known=engine.encode_video(shown).cpu(), at=steps,
        scale=words_scale(request, engine, request.prompt), size=_grid(given, steps),
        ledger=ledger, progress=progress, name="before-",
    ):  # fmt: skip
        pieces.insert(0, latents.cpu())
    yield from new.shown(engine, range(steps), torch.cat(pieces, 2))


class _Reversed:
    """What was carried on backwards, in the order of time."""

    def __init__(self, backward: Carried) -> None:
        self.steps, self._backward = backward.steps, backward

    def at_small(self, steps: range) -> tuple[torch.Tensor, torch.Tensor]:
        return self._backward.at_small(range(self.steps)[::-1][steps.start : steps.stop])

    def full(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self._backward.full(self.steps - 1 - step)


def _context(request: LengthenedRequest, engine: Engine, frames: Frames) -> int:
    return min(request.context, len(frames), cut_of(request, engine).window - 1)


def _grid(given: GivenVideo, steps: int) -> tuple[int, int]:
    """The network's grid for a video, checked for the amount of what is to be made."""
    check_amount(steps, given.canvas.height, given.canvas.width)
    return given.canvas.height, given.canvas.width
