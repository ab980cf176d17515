"""How a clip is cut into windows: as the request says, else as the model is at home with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from videogen.errors import RequestError

if TYPE_CHECKING:
    from videogen.engine import Engine
    from videogen.generative import GenerativeRequest


@dataclass(frozen=True)
class Cut:
    """Windows of `window` frames, of which neighbours share at least `overlap`."""

    window: int
    overlap: int


def cut_of(request: GenerativeRequest, engine: Engine) -> Cut:
    """The windows that a request names, the model's own where it names none.

    In shorter windows the model's own overlap is at most half of one. Raises `RequestError` for more frames
    than the network takes at once, and for an overlap that leaves a window no frames of its own.
    """
    spec, longest = engine.spec, engine.longest_window
    window = request.window or spec.window
    if window > longest:
        raise RequestError(
            f"--window {window} is more than the {longest} frames that {engine.model} takes at once; "
            f"give less"
        )
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
