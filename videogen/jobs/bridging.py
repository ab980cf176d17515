"""The frames between the end of one video and the beginning of another, or of the same one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from videogen.conditions.bridge import Bridge
from videogen.jobs import Progress
from videogen.jobs.checks import check_amount
from videogen.jobs.given import GivenVideo
from videogen.jobs.going_on import NewFrames, words_scale
from videogen.jobs.ledger import Ledger
from videogen.jobs.rolling import make_clip
from videogen.jobs.windowing import contexts_between, cut_of
from videogen.sampling import Timeline
from videogen.types import Frame

if TYPE_CHECKING:
    from videogen.engine import Engine
    from videogen.jobs.lengthened import LengthenedRequest


def frames_between(
    request: LengthenedRequest, engine: Engine, first: GivenVideo, second: GivenVideo, steps: int, *,
    ledger: Ledger, progress: Progress,
) -> Iterator[Frame]:  # fmt: skip
    """Yield `steps` frames that lead from the end of the first video to the beginning of the second."""
    canvas = first.canvas
    there, here = contexts_between(
        request, cut_of(request, engine), before=len(first.last), after=len(second.first)
    )
    before, after = first.placed(first.last[-there:]), first.placed(second.first[:here])
    bridge = None
    if request.carry and engine.reads_carried:
        bridge = Bridge.of(first.onward(steps), second.backward(steps), seed=request.chosen_seed())
    new = NewFrames(first, bridge)
    told = new.told(engine, request.prompt, before=before, after=after, steps=steps)
    length = len(before) + steps + len(after)
    check_amount(length, canvas.height, canvas.width)
    known = engine.encode_video(torch.cat([before, after])).cpu()
    places = [*range(len(before)), *range(length - len(after), length)]
    line = Timeline.line(length).with_known(known, frames=places)
    made = make_clip(
        request, engine, line, told, scale=words_scale(request, engine.spec, request.prompt),
        size=(canvas.height, canvas.width), ledger=ledger, progress=progress,
        begins=first.count - len(before),
    )  # fmt: skip
    latents = torch.cat([piece.cpu() for piece in made], 2)
    yield from new.shown(engine, range(steps), latents[:, :, len(before) : len(before) + steps])
