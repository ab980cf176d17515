"""The outlines of videos that are lengthened, closed and joined: by their own files, with nothing loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from videogen.jobs.checks import check_amount, picture_size
from videogen.jobs.given import GivenVideo
from videogen.jobs.going_on import words_scale
from videogen.jobs.outline import Outline, Row, calls_from_near, calls_of, moved, rows_of
from videogen.jobs.rolling import rolls, rolls_on
from videogen.jobs.windowing import context_of, contexts_between, cut_ahead
from videogen.jobs.words import word_guidance

if TYPE_CHECKING:
    from videogen.jobs.extend import Extend
    from videogen.jobs.lengthened import LengthenedRequest
    from videogen.jobs.loop import Loop
    from videogen.jobs.transition import Transition
    from videogen.weights.spec import ModelSpec


def outline_extended(request: Extend, spec: ModelSpec) -> Outline:
    """Say what will be made; raises `RequestError` or `MediaError` as the job itself."""
    given = request.given(request.video, spec)
    before, after = (request.steps(each, given.fps) for each in (request.before, request.after))
    scale, cut = words_scale(request, spec, request.prompt), cut_ahead(request, spec)
    length = before + given.count + after
    rolled = rolls_on(request)
    rows: list[Row] = []
    calls = 0.0
    for steps, frames, backwards in ((before, given.first, True), (after, given.last, False)):
        if not steps:
            continue
        check_amount(steps, given.canvas.height, given.canvas.width)
        known = context_of(request, cut, frames=len(frames))
        begun = range(steps, steps + known) if backwards else range(known)
        some = rows_of(
            request, spec, length=steps + known, known=begun, begun=begun if rolled else range(0),
            context=request.context if rolled else None,
        )  # fmt: skip
        calls += calls_of(request, spec, some, scale=scale, in_pieces=rolled)
        rows.extend(moved(some, 0 if backwards else before + given.count - known, length=length))
    return _of(given, length=length, rows=tuple(rows), calls=calls, in_pieces=rolled)


def outline_transition(request: Transition, spec: ModelSpec) -> Outline:
    """Say what will be made; raises `RequestError` or `MediaError` as the job itself."""
    first = request.given(request.first, spec)
    second = GivenVideo.beside(request.second, first)
    steps = request.steps(first.fps)
    length = first.count + steps + second.count
    return _between(request, spec, first, second, steps=steps, length=length)


def outline_loop(request: Loop, spec: ModelSpec) -> Outline:
    """Say what will be made; raises `RequestError` or `MediaError` as the job itself."""
    if request.video is not None:
        given = request.given(request.video, spec)
        steps = request.steps(given.fps)
        return _between(request, spec, given, given, steps=steps, length=given.count + steps)
    fps, size = request.rate(spec.fps), picture_size(request.height, request.width, spec=spec)
    length = request.steps(fps)
    check_amount(length, *size)
    scale = word_guidance(request.guidance_scale, negative_prompt=None, spec=spec)
    rows = rows_of(request, spec, length=length, ring=True)
    calls = round(calls_of(request, spec, rows, scale=scale))
    near = calls_from_near(request, [str(request.prompt)], spec, scale=scale)
    return Outline(length, fps, *size, grid=size, rows=rows, calls=calls + near)


def _between(
    request: LengthenedRequest, spec: ModelSpec, first: GivenVideo, second: GivenVideo, *,
    steps: int, length: int,
) -> Outline:  # fmt: skip
    """New frames between the end of one video and the beginning of another, or of the same one."""
    cut = cut_ahead(request, spec)
    before, after = contexts_between(request, cut, before=len(first.last), after=len(second.first))
    denoised = before + steps + after
    check_amount(denoised, first.canvas.height, first.canvas.width)
    rolled = rolls(request, length=denoised, fps=float(first.fps), window=cut.window)
    rows = rows_of(
        request, spec, length=denoised, known=[*range(before), *range(before + steps, denoised)],
        context=request.context if rolled else None,
    )  # fmt: skip
    scale = words_scale(request, spec, request.prompt)
    calls = calls_of(request, spec, rows, scale=scale, in_pieces=rolled)
    rows = moved(rows, first.count - before, length=length)
    return _of(first, length=length, rows=rows, calls=calls, in_pieces=rolled)


def _of(given: GivenVideo, *, length: int, rows: tuple[Row, ...], calls: float, in_pieces: bool) -> Outline:
    grid = given.canvas.height, given.canvas.width
    return Outline(length, given.fps, *given.size, grid, rows, calls=round(calls), in_pieces=in_pieces)
