"""Change a video as words say: its latents, noised and drawn again, and the change laid over its own frames.

The video is decoded twice, once into latents and once to be shown; only latents are kept, so that memory does
not grow with its pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from videogen.conditions.reference import Canvas, covering, to_frame, to_picture
from videogen.engine import Conditions
from videogen.enhance.repaint import repaint
from videogen.errors import MediaError, RequestError
from videogen.jobs import Progress
from videogen.jobs.checks import check_amount
from videogen.jobs.denoising import denoise
from videogen.jobs.following import Glimpse, follow
from videogen.jobs.outline import Outline, outlined
from videogen.jobs.region import FoundRegion, Region, free_latents, lay_in
from videogen.jobs.source import read_source, source_size
from videogen.jobs.words import word_guidance
from videogen.media.image import read_image
from videogen.media.video import probe
from videogen.sampling import Timeline
from videogen.threads import in_threads

if TYPE_CHECKING:
    from fractions import Fraction

    from videogen.engine import Engine, ModelSpec
    from videogen.jobs.edit import Edit
    from videogen.jobs.ledger import Ledger
    from videogen.types import Frame, Latents

FOUND = "found"
"""The mask that is not a file: where the video shows what the words name."""
_FRAMES_AT_ONCE = 16


def check_edit(request: Edit, engine: Engine) -> None:
    """Raise `RequestError` where the model cannot be told what the request says."""
    model = f"the model {engine.model}"
    if engine.needs_poses or engine.reads_motion or not engine.reads_words:
        raise RequestError(f"{model} is not led by words alone; give --model pocket, or one that is")
    if request.reference is not None and not (engine.reads_carried or engine.reads_pictures):
        raise RequestError(f"{model} looks at no picture; leave --reference out, or add an --ip-adapter")


class Source:
    """The video that is changed, and where: read as often as is asked for, a frame at a time."""

    def __init__(self, request: Edit, spec: ModelSpec, *, rate: Fraction) -> None:
        """Look at the files; raises `RequestError` or `MediaError` where they cannot be used."""
        info = probe(request.video)
        self._request, self._rate = request, rate
        self.size = source_size(request.height, request.width, picture=(info.height, info.width))
        side = min(spec.height, spec.width)
        self.canvas = Canvas.fit(*self.size, side=side, multiple=spec.size_multiple)
        self.region: Iterable[Tensor] | None = None
        if request.mask is not None and request.mask != FOUND:
            self.region = Region.of(Path(request.mask), size=self.size, rate=rate)

    def frames(self) -> Iterator[Frame]:
        """The frames, at the output's rate and size."""
        request = self._request
        return read_source(request.video, rate=self._rate, size=self.size, seconds=request.seconds)

    def masked(self) -> Iterator[tuple[Frame, Tensor | None]]:
        """The frames, each with how much of it may change, `h w`; None: all."""
        return zip(self.frames(), repeat(None) if self.region is None else self.region, strict=False)


def read_latents(source: Source, engine: Engine, *, progress: Progress) -> tuple[Latents, Glimpse]:
    """All of a video as latents, and beside it made small."""
    canvas = source.canvas
    latents: list[Latents] = []
    waiting: list[Tensor] = []
    glimpse = Glimpse([], [])
    for count, (frame, mask) in enumerate(source.masked(), start=1):
        picture = to_picture(frame)
        waiting.append(canvas.place(picture))
        glimpse.frames.append(to_frame(Glimpse.of(picture[0])))
        if mask is not None:
            glimpse.masks.append(Glimpse.of(mask[None])[0])
        if len(waiting) == _FRAMES_AT_ONCE:
            latents.append(engine.encode_video(torch.cat(waiting)))
            waiting.clear()
            check_amount(count, canvas.height, canvas.width)
            progress("reading", count, None)
    if waiting:
        latents.append(engine.encode_video(torch.cat(waiting)))
    if not latents:
        raise MediaError("the video has no frames; give another")
    return torch.cat(latents, 2), glimpse


def timeline_of(latents: Latents, source: Source, engine: Engine, *, strength: float) -> Timeline:
    """Latents that are known to a strength, and exactly where the mask is black; raises `RequestError`."""
    if source.region is None:
        return Timeline.edit(latents, strength=strength)
    factor = engine.spec.vae_scale_factor
    masks = islice(source.region, latents.shape[2])
    free = torch.stack([free_latents(mask, source.canvas, factor=factor) for mask in masks])
    if not bool(free.any()):
        raise RequestError("--mask is black everywhere, so nothing may change; make white what may")
    return Timeline.edit(latents, strength=strength, keep=1 - free[None, None])


def redraw(
    request: Edit, engine: Engine, source: Source, *, rate: Fraction, ledger: Ledger, progress: Progress
) -> Iterator[Frame]:
    """Yield the changed frames."""
    spec, canvas = engine.spec, source.canvas
    scale = word_guidance(request.guidance_scale, negative_prompt=request.negative_prompt, spec=spec)
    latents, glimpse = read_latents(source, engine, progress=progress)
    maps = follow(request, engine, glimpse, canvas=canvas, rate=rate)
    if request.mask == FOUND:
        if maps is None or not bool(maps.any()):
            raise RequestError(f"--mask {FOUND}: nothing that the words name is found; give a FILE as --mask")
        source.region = FoundRegion.of(maps, canvas=canvas, size=source.size)
    line = timeline_of(latents, source, engine, strength=request.strength)
    told = replace(_shown(request, engine, canvas, fps=float(rate)), pose_maps=maps)
    away = replace(told, prompt=request.negative_prompt, picture=None, control_prompt=told.prompt)
    again = 1 if engine.reads_carried or source.region is None else 2

    def make() -> Latents:
        return denoise(
            request, engine, line, [away, told], scale=scale, size=(canvas.height, canvas.width),
            progress=progress, resamplings=again,
        )  # fmt: skip

    made = ledger.once("clip", make)

    def show(one: tuple[tuple[Frame, Tensor | None], Tensor, Tensor]) -> Frame:
        (frame, mask), before, after = one
        picture = to_picture(frame)[0]
        crop = canvas.crop
        changed = to_frame(repaint(picture, before=crop(before.cpu()), after=crop(after.cpu())))
        return changed if mask is None else lay_in(frame, changed, mask)

    drawn = zip(source.masked(), engine.decode_video(latents), engine.decode_video(made), strict=False)
    yield from in_threads(show, drawn)


def outline_edit(request: Edit, spec: ModelSpec) -> Outline:
    """What will be made of the request; raises `RequestError` or `MediaError` as the job itself."""
    rate = request.rate(spec.fps)
    source = Source(request, spec, rate=rate)
    scale = word_guidance(request.guidance_scale, negative_prompt=request.negative_prompt, spec=spec)
    length = sum(1 for _ in source.frames())
    if not length:
        raise MediaError("the video has no frames; give another")
    canvas = source.canvas
    check_amount(length, canvas.height, canvas.width)
    steps = request.num_inference_steps or spec.num_inference_steps
    run = max(1, round(steps * request.strength))
    again = 1 if spec.skeleton_style == "own" or request.mask is None else 2 - 1 / run
    made = outlined(
        request, spec, length=length, fps=rate, size=source.size, grid=(canvas.height, canvas.width),
        scale=scale, times=again * run / steps,
    )  # fmt: skip
    return made if request.strength > 0 else replace(made, rows=(), calls=0)


def _shown(request: Edit, engine: Engine, canvas: Canvas, *, fps: float) -> Conditions:
    """The words, and the picture of how it should look, in the way of each kind of model."""
    told = Conditions(fps=fps, prompt=request.prompt)
    if request.reference is None:
        return told
    picture = covering(to_picture(read_image(request.reference)), canvas.height, canvas.width)
    if engine.reads_carried:
        return replace(told, reference=engine.encode_video(picture))
    return replace(told, picture=picture)
