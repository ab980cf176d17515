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
from videogen.sampling import Timeline
from videogen.threads import in_threads

if TYPE_CHECKING:
    from torch import Tensor

    from videogen.carried import CarriedPicture
    from videogen.engine import Engine
    from videogen.jobs.animate import Animate
    from videogen.types import Frame


def portray(
    request: Animate, engine: Engine, carried: CarriedPicture, *, fps: float, progress: Progress
) -> Iterator[Frame]:
    """Yield the frames of a carried picture at its own size."""
    draw = partial(_draw, request, engine, fps=fps)
    if not engine.reads_carried:
        yield from map(carried.as_drawn, draw(carried, progress=progress))
        return
    close_up = CloseUp.of(carried, spec=engine.spec)
    near = None if close_up is None else draw(close_up.carried, progress=progress)

    def finish(one: tuple[int, Tensor, Tensor | None]) -> Frame:
        number, drawn, face = one
        whole = carried.enlarge(drawn)
        if close_up is not None and face is not None:
            whole = close_up.lay_over(whole, number, face)
        return carried.detailed(number, whole)

    whole = draw(carried, progress=progress)
    yield from in_threads(finish, zip(count(), whole, repeat(None) if near is None else near))


def _draw(
    request: Animate, engine: Engine, carried: CarriedPicture, *, fps: float, progress: Progress
) -> Iterator[Tensor]:
    """What the network draws, frame by frame, `c h w`."""
    conditions = Conditions(
        fps=fps,
        prompt=request.prompt,
        reference=engine.encode_video(carried.reference),
        carried=engine.encode_video(carried.frames),
        visibility=carried.visibility,
        pose_maps=carried.pose_maps,
        picture=carried.reference,
    )
    spec = engine.spec
    latents = denoise(
        request,
        engine,
        Timeline.line(carried.num_frames),
        [engine.without(conditions), conditions],
        scale=spec.pose_guidance if request.guidance_scale is None else request.guidance_scale,
        size=(carried.canvas.height, carried.canvas.width),
        progress=progress,
    )
    return engine.decode_video(latents)
