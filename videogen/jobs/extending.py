"""The frames that `extend` adds: after a video forwards, before it backwards, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from videogen.engine import Conditions
from videogen.jobs import Progress
from videogen.jobs.checks import check_amount
from videogen.jobs.denoising import denoise
from videogen.jobs.given import GivenVideo
from videogen.jobs.going_on import Carried, NewFrames, words_scale
from videogen.jobs.ledger import Ledger
from videogen.jobs.rolling import resamplings, roll, rolls_on
from videogen.jobs.windowing import context_of, cut_of
from videogen.sampling import Timeline
from videogen.types import Frame, Latents

if TYPE_CHECKING:
    from videogen.engine import Engine
    from videogen.jobs.lengthened import LengthenedRequest


def frames_after(
    request: LengthenedRequest, engine: Engine, given: GivenVideo, steps: int, *,
    ledger: Ledger, progress: Progress, begins: int = 0,
) -> Iterator[Frame]:  # fmt: skip
    """Yield `steps` frames that follow a video; the first of them is that frame of the output."""
    context = context_of(request, cut_of(request, engine), frames=len(given.last))
    carries = request.carry and engine.reads_carried
    new = NewFrames(given, given.onward(steps) if carries else None)
    shown = given.placed(given.last[-context:])
    told = new.told(engine, request.prompt, before=shown, after=shown[:0], steps=steps)
    for numbers, latents in _made(
        request, engine, context + steps, told, known=engine.encode_video(shown).cpu(), at=0,
        size=_grid(given, steps), ledger=ledger, progress=progress, name="after-", begins=begins - context,
    ):  # fmt: skip
        yield from new.shown(engine, range(numbers.start - context, numbers.stop - context), latents)


def frames_before(
    request: LengthenedRequest, engine: Engine, given: GivenVideo, steps: int, *,
    ledger: Ledger, progress: Progress,
) -> Iterator[Frame]:  # fmt: skip
    """Yield `steps` frames that come before a video; they are made from the last one to the first."""
    context = context_of(request, cut_of(request, engine), frames=len(given.first))
    carries = request.carry and engine.reads_carried
    new = NewFrames(given, _Reversed(given.backward(steps)) if carries else None)
    shown = given.placed(given.first[:context])
    told = new.told(engine, request.prompt, before=shown[:0], after=shown, steps=steps)
    pieces: list[Latents] = []
    for _, latents in _made(
        request, engine, steps + context, told, known=engine.encode_video(shown).cpu(), at=steps,
        size=_grid(given, steps), ledger=ledger, progress=progress, name="before-", begins=0,
    ):  # fmt: skip
        pieces.insert(0, latents.cpu())
    yield from new.shown(engine, range(steps), torch.cat(pieces, 2))


def _made(
    request: LengthenedRequest, engine: Engine, length: int, told: list[Conditions], *,
    known: Latents, at: int, size: tuple[int, int], ledger: Ledger, progress: Progress, name: str,
    begins: int,
) -> Iterator[tuple[range, Latents]]:  # fmt: skip
    """Yield the numbers and latents of new frames beside known ones: piece by piece, or all at once."""
    scale, line = words_scale(request, engine.spec, request.prompt), Timeline.line(length)
    if rolls_on(request):
        yield from roll(
            request, engine, line, told, known=known, at=at, scale=scale, size=size,
            ledger=ledger, progress=progress, name=name, begins=begins,
        )  # fmt: skip
        return
    given = range(at, at + known.shape[2])
    line = line.with_known(known, frames=given)
    new = range(given.stop, length) if at == 0 else range(at)

    def make() -> Latents:
        return denoise(
            request, engine, line, told, scale=scale, size=size, progress=progress,
            resamplings=resamplings(request, engine), keeper=ledger.steps(f"{name}clip"),
        )  # fmt: skip

    yield new, ledger.once(f"{name}clip", make)[:, :, new.start : new.stop]


class _Reversed:
    """What was carried on backwards, in the order of time."""

    def __init__(self, backward: Carried) -> None:
        self.steps, self._backward = backward.steps, backward

    def at_small(self, steps: range) -> tuple[torch.Tensor, torch.Tensor]:
        return self._backward.at_small(range(self.steps)[::-1][steps.start : steps.stop])

    def full(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self._backward.full(self.steps - 1 - step)


def _grid(given: GivenVideo, steps: int) -> tuple[int, int]:
    """The network's grid for a video, checked for the amount of what is to be made."""
    check_amount(steps, given.canvas.height, given.canvas.width)
    return given.canvas.height, given.canvas.width
