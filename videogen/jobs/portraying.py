"""A carried picture drawn by the network: whole, and its face again from near, and the two put together."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import count, repeat
from typing import TYPE_CHECKING

from videogen.close_up import CloseUp
from videogen.engine import Conditions
from videogen.jobs import Progress
from videogen.jobs.denoising import denoise
from videogen.jobs.ledger import Ledger
from videogen.sampling import Timeline
from videogen.threads import in_threads

if TYPE_CHECKING:
    from torch import Tensor

    from videogen.carried import CarriedPicture
    from videogen.engine import Engine
    from videogen.jobs.animate import Animate
    from videogen.types import Frame, Latents


def portray(
    request: Animate, engine: Engine, carried: CarriedPicture, *, fps: float, progress: Progress,
    ledger: Ledger,
) -> Iterator[Frame]:  # fmt: skip
    """Yield the frames of a carried picture at its own size."""
    draw = partial(_draw, request, engine, fps=fps, progress=progress, ledger=ledger)
    if not engine.reads_carried:
        yield from map(carried.as_drawn, draw(carried, name="whole"))
        return
    close_up = CloseUp.of(carried, spec=engine.spec)
    near = None if close_up is None else draw(close_up.carried, name="near")

    def finish(one: tuple[int, Tensor, Tensor | None]) -> Frame:
        return ledger.frame(one[0], lambda: put_together(*one))

    def put_together(number: int, drawn: Tensor, face: Tensor | None) -> Frame:
        whole = carried.enlarge(drawn)
        if close_up is not None and face is not None:
            whole = close_up.lay_over(whole, number, face)
        return carried.detailed(number, whole)

    whole = draw(carried, name="whole")
    yield from in_threads(finish, zip(count(), whole, repeat(None) if near is None else near))


def _draw(
    request: Animate, engine: Engine, carried: CarriedPicture, *, fps: float, progress: Progress,
    ledger: Ledger, name: str,
) -> Iterator[Tensor]:  # fmt: skip
    """What the network draws, frame by frame, `c h w`; `name` is that of its latents."""

    def make() -> Latents:
        conditions = Conditions(
            fps=fps,
            prompt=request.prompt,
            reference=engine.encode_video(carried.reference),
            carried=engine.encode_video(carried.frames),
            visibility=carried.visibility,
            pose_maps=carried.pose_maps,
            picture=carried.reference,
        )
        return denoise(
            request,
            engine,
            Timeline.line(carried.num_frames),
            [engine.without(conditions), conditions],
            scale=engine.spec.pose_guidance if request.guidance_scale is None else request.guidance_scale,
            size=(carried.canvas.height, carried.canvas.width),
            progress=progress,
            keeper=ledger.steps(name),
        )

    return engine.decode_video(ledger.once(name, make))
