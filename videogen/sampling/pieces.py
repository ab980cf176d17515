"""A long clip piece by piece: which frames are made together, and which of them are known by then.

Each piece is as long as the network's window and begins or ends with frames that the piece before it has made
(or that were given), so that motion goes on. Memory holds one piece, however long the clip.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from videogen.errors import RequestError
from videogen.types import Latents


@dataclass(frozen=True)
class Piece:
    """Frames `start` to before `stop`; those of `known` are given, the rest is made."""

    start: int
    stop: int
    known: range

    @property
    def made(self) -> range:
        """The frames that are made; they lie on one side of the known ones."""
        if not self.known:
            return range(self.start, self.stop)
        forwards = self.known.start == self.start
        return range(self.known.stop, self.stop) if forwards else range(self.start, self.known.start)


def plan_pieces(length: int, *, window: int, context: int, known: range = range(0)) -> list[Piece]:
    """The pieces of a clip of `length` frames of which `known`, one stretch, are given.

    What follows the known frames is made first, forwards, then what comes before them, backwards. Each piece
    knows `context` frames, fewer where there are not so many, more where the last piece would else be shorter
    than the window. Raises `RequestError` where a window has no room for new frames, or frames lie outside.
    """
    if not 1 <= context < window:
        raise RequestError(f"a context of {context} frames leaves nothing of a window of {window}; give less")
    if known and not 0 <= known.start < known.stop <= length:
        raise RequestError(f"the known frames {known.start} to {known.stop} lie outside {length} frames")
    pieces = []
    begin, end = (known.start, known.stop) if known else (0, 0)
    if not known:
        end = min(window, length)
        pieces.append(Piece(0, end, range(0)))
    while end < length:
        start = max(begin, end - context)
        stop = min(start + window, length)
        start = max(begin, min(start, stop - window))
        pieces.append(Piece(start, stop, range(start, end)))
        end = stop
    while begin > 0:
        stop = min(end, begin + context)
        start = max(stop - window, 0)
        stop = min(end, max(stop, start + window))
        pieces.append(Piece(start, stop, range(begin, stop)))
        begin = start
    return pieces


@dataclass(frozen=True)
class Colours:
    """The means and deviations of the channels of latents, `1 c 1 1 1`."""

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, latents: Latents) -> Colours:
        """Those of latents `1 c t h w` over all frames and places."""
        axes = (2, 3, 4)
        return cls(latents.mean(axes, keepdim=True), latents.std(axes, keepdim=True).clamp_min(1e-4))

    def hold(self, latents: Latents, *, strength: float) -> Latents:
        """Latents `1 c t h w` with their own moments moved to these by a share `strength`, 0…1.

        Adaptive instance normalisation (Huang & Belongie 2017, equation 8), in part.
        """
        if strength == 0:
            return latents
        own = Colours.of(latents)
        spread = torch.lerp(torch.ones_like(own.deviation), self.deviation / own.deviation, strength)
        return (latents - own.mean) * spread + torch.lerp(own.mean, self.mean, strength)
