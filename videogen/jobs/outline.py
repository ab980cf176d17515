"""What a job will make, before any network is loaded: how many frames of what size, in which windows.

A job's module may have a function `outline(request, spec)` beside its `generate`, which finds length and size
by the same functions as that and hands them to `outlined`. It may read inputs, and loads nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from videogen.generative import GenerativeRequest, TimelineRequest
from videogen.jobs.windowing import cut_ahead

if TYPE_CHECKING:
    from videogen.weights.spec import ModelSpec

COLUMNS = 100
MADE, KNOWN, ELSEWHERE = "#", "=", "."


@dataclass(frozen=True)
class Row:
    """The frames of one window or piece that are `made`, and those it knows by then."""

    made: Sequence[int]
    known: Sequence[int] = ()


@dataclass(frozen=True)
class Outline:
    """A clip of `length` frames at `fps`, `height` x `width` pixels, which the network draws on its `grid`.

    `grid` is height and width in pixels. `calls` is about how often the network is called, a window each.
    """

    length: int
    fps: Fraction
    height: int
    width: int
    grid: tuple[int, int]
    rows: tuple[Row, ...]
    calls: int
    in_pieces: bool = False

    def picture(self) -> Iterator[str]:
        """A line of text per window: # where frames are made, = where they are known, . elsewhere."""
        columns = min(self.length, COLUMNS)
        for row in self.rows:
            cells = [ELSEWHERE] * columns
            for numbers, sign in ((row.known, KNOWN), (row.made, MADE)):
                for number in numbers:
                    cells[number * columns // self.length] = sign
            yield "".join(cells)


def outlined(
    request: GenerativeRequest, spec: ModelSpec, *, length: int, fps: Fraction, size: tuple[int, int],
    grid: tuple[int, int], scale: float, known: Sequence[int] = (), times: float = 1,
) -> Outline:  # fmt: skip
    """The outline of a clip of `size` (height, width) that is denoised on a `grid` with guidance of `scale`.

    The frames `known` are given. The clip is made `times` over.
    """
    from videogen.jobs.rolling import rolls

    window = cut_ahead(request, spec).window
    context = None
    if isinstance(request, TimelineRequest) and rolls(request, length=length, fps=float(fps), window=window):
        context = request.context
    rows = rows_of(request, spec, length=length, known=known, context=context)
    calls = calls_of(request, spec, rows, scale=scale, in_pieces=context is not None)
    height, width = size
    return Outline(
        length, fps, height, width, grid, rows, calls=round(times * calls), in_pieces=context is not None
    )


def calls_of(
    request: GenerativeRequest, spec: ModelSpec, rows: Sequence[Row], *, scale: float, in_pieces: bool = False
) -> float:
    """About how often the network is called for windows or pieces, with guidance of `scale`.

    Windows go together through all steps; a piece by itself, and often only where it knows something.
    """
    steps = request.num_inference_steps or spec.num_inference_steps
    guided = sum(request.guidance_start <= n / steps < request.guidance_end for n in range(steps))
    calls = steps + (guided if scale != 1 else 0)
    again = getattr(request, "resamplings", None) or (1 if spec.skeleton_style == "own" else 2)
    agree = any(row.known for row in rows)
    often = [again - (again - 1) / steps if (row.known if in_pieces else agree) else 1 for row in rows]
    return calls * sum(often)


def calls_from_near(
    request: GenerativeRequest, texts: Sequence[str], spec: ModelSpec, *, scale: float
) -> int:
    """About how often the network is called to draw the things of a clip from near, before any is loaded."""
    from videogen.tracks import THINGS
    from videogen.weights.spec import FEW_STEPS
    from videogen.world.caption import named_things

    if spec.skeleton_style != "own":
        return 0
    steps = min(request.num_inference_steps or spec.num_inference_steps, FEW_STEPS)
    said = [named_things(text) for text in texts]
    if any(len(names) > THINGS or len(names) != len(said[0]) for names in said):
        return 0
    drawn = {(name, number) for names in said for number, name in enumerate(names)}
    return len(drawn) * steps * (1 if scale == 1 else 2)


def rows_of(
    request: GenerativeRequest, spec: ModelSpec, *, length: int, known: Sequence[int] = (),
    ring: bool = False, context: int | None = None, begun: range = range(0),
) -> tuple[Row, ...]:  # fmt: skip
    """The windows of the first step, on a `ring` such that wrap; with a `context` the pieces.

    Pieces go on from the frames `begun`, one stretch.
    """
    from videogen.sampling.original_windows import plan_original_windows
    from videogen.sampling.pieces import plan_pieces
    from videogen.sampling.windows import plan_windows

    cut, given = cut_ahead(request, spec), {*known}
    if context is not None:
        pieces = plan_pieces(length, window=cut.window, context=min(context, cut.window - 1), known=begun)
        return tuple(
            Row(
                [n for n in piece.made if n not in given],
                [n for n in range(piece.start, piece.stop) if n in piece.known or n in given],
            )
            for piece in pieces
        )
    if request.windows == "original":
        plan = plan_original_windows(length, window=cut.window, overlap=cut.overlap)
    else:
        own = cut.window - 1 if request.anchor_frame and length > cut.window else cut.window
        plan = plan_windows(length, window=own, overlap=cut.overlap, ring=ring)
    return tuple(
        Row([n for n in numbers if n not in given], [n for n in numbers if n in given]) for numbers in plan
    )


def moved(rows: Iterable[Row], by: int, *, length: int) -> tuple[Row, ...]:
    """Rows whose numbers count from frame `by` of a clip of `length` frames, and go round its end."""
    return tuple(
        Row([(n + by) % length for n in row.made], [(n + by) % length for n in row.known]) for row in rows
    )
