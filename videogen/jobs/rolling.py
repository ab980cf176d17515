"""A clip piece by piece, each denoised from the last frames before it.

What is passed on from piece to piece are latents, never pictures, and their colours are held at those of the
first one: decoding and encoding again, and matching each piece to the one before, is what makes long clips
fade. A network that has learnt to go on is also shown the nearest known frame as its reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from videogen.engine import Conditions
from videogen.jobs import Progress
from videogen.jobs.denoising import denoise
from videogen.jobs.ledger import Ledger
from videogen.jobs.windowing import cut_of
from videogen.sampling import Scale, Timeline
from videogen.sampling.pieces import Colours, Piece, plan_pieces
from videogen.types import Latents

if TYPE_CHECKING:
    from videogen.engine import Engine
    from videogen.generative import TimelineRequest

LONG = 10
"""Seconds above which a clip is made piece by piece where nobody says how."""


def rolls(request: TimelineRequest, *, length: int, fps: float, window: int) -> bool:
    """Whether a clip of `length` frames is made piece by piece."""
    if length <= window or request.mode == "joint" or request.is_windowed:
        return False
    return request.mode == "outpaint" or length > LONG * fps


def rolls_on(request: TimelineRequest) -> bool:
    """Whether what goes on from given frames is made piece by piece: unless it is asked for at once."""
    return request.mode != "joint" and not request.is_windowed


def make_clip(
    request: TimelineRequest, engine: Engine, line: Timeline, chain: Sequence[Conditions], *,
    scale: Scale, size: tuple[int, int], ledger: Ledger, progress: Progress, begins: int = 0,
) -> Iterator[Latents]:  # fmt: skip
    """Yield the latents `1 c t h w` of a clip: all of it at once, or piece by piece, as the request says.

    It `begins` at that frame of the output.
    """
    if rolls(request, length=line.length, fps=chain[-1].fps, window=cut_of(request, engine).window):
        for _, made in roll(
            request, engine, line, chain, scale=scale, size=size, ledger=ledger, progress=progress,
            begins=begins,
        ):  # fmt: skip
            yield made
        return
    again = resamplings(request, engine)

    def make() -> Latents:
        return denoise(
            request, engine, line, chain, scale=scale, size=size, progress=progress, resamplings=again,
            keeper=ledger.steps("clip"),
        )  # fmt: skip

    yield ledger.once("clip", make)


def resamplings(request: TimelineRequest, engine: Engine) -> int:
    """How often steps beside known frames are taken: once by a network that has learnt to go on."""
    return request.resamplings or (1 if engine.reads_carried else 2)


def roll(
    request: TimelineRequest, engine: Engine, line: Timeline, chain: Sequence[Conditions], *,
    scale: Scale, size: tuple[int, int], ledger: Ledger, progress: Progress,
    known: Latents | None = None, at: int = 0, name: str = "", begins: int = 0,
) -> Iterator[tuple[range, Latents]]:  # fmt: skip
    """Yield the numbers and the latents `1 c t h w` of the new frames of each piece, as they are made.

    The clip has the length of `line`, which may know frames here and there. `known` are those that it goes on
    from, the first of them number `at`. `chain` is told of the whole clip, as for `denoise`. `name` tells one
    clip of a run from another in its ledger; it `begins` at that frame of the output.
    """
    shelf = {} if known is None else {at + number: one for number, one in enumerate(known.split(1, 2))}
    window = cut_of(request, engine).window
    pieces = plan_pieces(
        line.length, window=window, context=min(request.context, window - 1), known=range(at, at + len(shelf))
    )
    colours = None if known is None else Colours.of(known)
    for number, piece in enumerate(pieces):
        tell = counted(progress, piece=number, pieces=len(pieces))
        make = partial(
            _make, request, engine, line, chain, piece, shelf, scale=scale, size=size, progress=tell
        )
        made = ledger.once(f"{name}{piece.made.start:06d}", make)
        if colours is not None:
            made = colours.hold(made, strength=request.colour_anchor)
        colours = colours or Colours.of(made)
        meets = piece.made.start if piece.known.start == piece.start else piece.made.stop
        if number and not _is_given(line, meets):
            ledger.join(begins + meets)
        yield piece.made, made
        shelf |= dict(zip(piece.made, made.split(1, 2), strict=True))
        for old in sorted(shelf)[window:-window]:
            del shelf[old]


def _is_given(line: Timeline, number: int) -> bool:
    """Whether a frame of a clip was known before anything was made."""
    return line.mask is not None and bool(line.mask[:, :, number].all())


def _make(
    request: TimelineRequest, engine: Engine, line: Timeline, chain: Sequence[Conditions], piece: Piece,
    shelf: Mapping[int, Latents], *, scale: Scale, size: tuple[int, int], progress: Progress,
) -> Latents:  # fmt: skip
    """The new frames of one piece, from what stands on the shelf by their numbers."""
    told = [conditions.between(piece.start, piece.stop) for conditions in chain]
    line = line.between(piece.start, piece.stop)
    if isinstance(scale, torch.Tensor):
        scale = scale[piece.start : piece.stop]
    if piece.known:
        context = torch.cat([shelf[number] for number in piece.known], 2)
        line = line.with_known(context, frames=[number - piece.start for number in piece.known])
        if engine.reads_carried:
            nearest = context[:, :, -1:] if piece.known.start == piece.start else context[:, :, :1]
            told = [each if each.reference is not None else replace(each, reference=nearest) for each in told]
    whole = denoise(
        request, engine, line, told, scale=scale, size=size, progress=progress,
        first=piece.start, resamplings=resamplings(request, engine) if piece.known else 1,
    )  # fmt: skip
    return whole[:, :, piece.made.start - piece.start : piece.made.stop - piece.start]


def counted(progress: Progress, *, piece: int, pieces: int) -> Progress:
    """Progress of one of so many pieces, or whole clips, as a part of one stage."""

    def tell(stage: str, done: int, total: int | None) -> None:
        progress(stage, piece * (total or 0) + done, None if total is None else pieces * total)

    return tell
