"""How a clip is cut into windows: as the request says, else as the model is at home with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from videogen.errors import RequestError

if TYPE_CHECKING:
    from videogen.engine import Engine, ModelSpec
    from videogen.generative import GenerativeRequest, TimelineRequest


@dataclass(frozen=True)
class Cut:
    """Windows of `window` frames, of which neighbours share at least `overlap`."""

    window: int
    overlap: int


def cut_of(request: GenerativeRequest, engine: Engine) -> Cut:
    """The windows that a request names, the model's own where it names none; see `cut_ahead`.

    Raises `RequestError` also for more frames than the network takes at once.
    """
    longest = engine.longest_window
    if (request.window or engine.spec.window) > longest:
        raise RequestError(
            f"--window {request.window or engine.spec.window} is more than the {longest} frames that "
            f"{engine.model} takes at once; give less"
        )
    return cut_ahead(request, engine.spec)


def cut_ahead(request: GenerativeRequest, spec: ModelSpec) -> Cut:
    """As `cut_of`, by what a model is at home with.

    In shorter windows the model's own overlap is at most half of one. Raises `RequestError` for an overlap
    that leaves a window no frames of its own.
    """
    window = request.window or spec.window
    own = window - 1 if request.anchor_frame else window
    if own < 1:
        raise RequestError("--anchor-frame takes one frame of each window, and --window 1 has no other")
    most = own - 1 if request.window is None else own // 2
    overlap = min(spec.overlap, most) if request.overlap is None else request.overlap
    if overlap >= own:
        beside = " beside the anchor frame" if request.anchor_frame else ""
        raise RequestError(
            f"--overlap {overlap} leaves nothing of windows of {own} frames{beside}; give less, or a larger "
            f"--window"
        )
    return Cut(window=window, overlap=overlap)


def context_of(request: TimelineRequest, cut: Cut, *, frames: int) -> int:
    """How many of so many given frames on one side new ones are made beside."""
    return min(request.context, frames, cut.window - 1)


def contexts_between(request: TimelineRequest, cut: Cut, *, before: int, after: int) -> tuple[int, int]:
    """The same for new frames that lie between given ones."""
    most = max(1, min(request.context, (cut.window - 1) // 2))
    return min(most, before), min(most, after)
