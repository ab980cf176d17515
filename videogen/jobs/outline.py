"""What a job will make, before any network is loaded: how many frames of what size, in which windows.

A job's module may have a function `outline(request, spec)` beside its `generate`, which finds length and size
by the same functions as that and hands them to `outlined`. It may read inputs, and loads nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from videogen.generative import GenerativeRequest, TimelineRequest

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
    grid: tuple[int, int], scale: float, known: range = range(0), ring: bool = False, times: int = 1,
) -> Outline:  # fmt: skip
    """The outline of a clip of `size` (height, width) that is denoised on a `grid` with guidance of `scale`.

    `known` are frames that are given, one stretch; on a `ring` windows wrap. The clip is made `times` over.
    """
    steps = request.num_inference_steps or spec.num_inference_steps
    guided = sum(request.guidance_start <= n / steps < request.guidance_end for n in range(steps))
    calls = steps + (guided if scale != 1 else 0)
    rows = _rows(request, spec, length=length, fps=fps, known=known, ring=ring)
    again = getattr(request, "resamplings", None) or (1 if spec.skeleton_style == "own" else 2)
    taken = [1 if not row.known else again - (again - 1) / steps for row in rows]
    height, width = size
    return Outline(length, fps, height, width, grid, rows, calls=round(times * calls * sum(taken)))


def _rows(
    request: GenerativeRequest, spec: ModelSpec, *, length: int, fps: Fraction, known: range, ring: bool
) -> tuple[Row, ...]:
    """The windows of the first step, or the pieces."""
    from videogen.jobs.rolling import rolls
    from videogen.sampling.original_windows import plan_original_windows
    from videogen.sampling.pieces import plan_pieces
    from videogen.sampling.windows import plan_windows

    window, overlap = spec.window, spec.overlap
    if isinstance(request, TimelineRequest) and rolls(
        request, length=length, fps=float(fps), window=spec.window
    ):
        context = min(request.context, spec.window - 1)
        pieces = plan_pieces(length, window=spec.window, context=context, known=known)
        return tuple(Row(piece.made, piece.known) for piece in pieces)
    if request.windows == "original":
        plan = plan_original_windows(length, window=window, overlap=overlap)
    else:
        plan = plan_windows(length, window=window, overlap=overlap, ring=ring)
    return tuple(
        Row([n for n in numbers if n not in known], [n for n in numbers if n in known]) for numbers in plan
    )
