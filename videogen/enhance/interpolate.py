"""Frames in between: a film at another rate, or slower, as a stream.

In: frames, each with whether a shot begins with it (`cuts.marked`), their rate, and the rate wanted. Out: the
frames of the same seconds at that rate, marked alike. The time map is exact: n frames at rate r last n/r
seconds, of which the output has n/r·fps frames, rounded; its frame k shows the film at k/fps seconds, which
is the source's frame k·r/fps. Where that is a whole number the source's own frame is passed on byte for byte;
between two frames of one shot a network draws it; before a cut, and after the last frame, the last one stays.
Times are fractions, so that no length of film makes them wander. Memory holds two frames of the source, those
that are drawn together, and one that waits for the film's end to be known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from math import ceil, floor
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from videogen.types import Frame

Network: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Two pictures 0…1 `b c h w` and moments `b` between them, 0…1, to the pictures there, `b c h w`."""

_PIXELS_AT_ONCE = 2**20
"""Pixels of the frames that are drawn together: more gain nothing, and a fixed number keeps the bits."""


def count_at(count: int, *, source_fps: Fraction, fps: Fraction) -> int:
    """The number of frames at `fps` that last as long as `count` at `source_fps`, one at least."""
    return max(1, floor(count * fps / source_fps + Fraction(1, 2)))


def interpolate(
    marked: Iterable[tuple[Frame, bool]], network: Network, *, source_fps: Fraction, fps: Fraction,
    begin: int = 0, ring: bool = False, device: torch.device | str = "cpu",
) -> Iterator[tuple[Frame, bool]]:  # fmt: skip
    """Yield the frames at `fps` of a film at `source_fps`, uint8 `h w 3`, each with whether it begins a shot.

    Those before number `begin` are left out, and cost no network. On a `ring` the first frame comes after the
    last. The network sees pictures on `device`. Raises ValueError for rates that are not above 0.
    """
    if source_fps <= 0 or fps <= 0:
        raise ValueError(f"rates of {source_fps} and {fps} frames a second; expected more than 0")
    step = Fraction(source_fps) / fps
    waiting: tuple[Frame, bool] | None = None
    number = index = 0
    is_cut = False
    for index, (here, starts, after) in enumerate(_with_next(marked, ring=ring), start=1):
        is_cut |= starts
        numbers = range(number, ceil(index / step))
        moments = [each * step - (index - 1) for each in numbers]
        skipped = numbers.stop <= begin
        drawn = (here for _ in moments) if skipped else _drawn(here, after, moments, network, device)
        for number, frame in zip(numbers, drawn, strict=True):
            if waiting is not None:
                yield waiting
            waiting = (frame, is_cut) if number >= begin else None
            is_cut = False
        number = numbers.stop
    # Whether the last frame's seconds are rounded up or down is known only now.
    if waiting is not None and number <= count_at(index, source_fps=source_fps, fps=fps):
        yield waiting


def _with_next(
    marked: Iterable[tuple[Frame, bool]], *, ring: bool
) -> Iterator[tuple[Frame, bool, Frame | None]]:
    """Every frame, whether it begins a shot, and the one after it in the same shot, if any."""
    iterator = iter(marked)
    first = next(iterator, None)
    if first is None:
        return
    here, starts = first
    for after, splits in iterator:
        yield here, starts, None if splits else after
        here, starts = after, splits
    yield here, starts, first[0] if ring else None


def _drawn(
    here: Frame, after: Frame | None, moments: Sequence[Fraction], network: Network,
    device: torch.device | str,
) -> Iterator[Frame]:  # fmt: skip
    """The frames at moments 0…1 (without 1), in order, between one and the next: itself where there is none.

    They are drawn a few at a time, and not at all where nothing changes.
    """
    if after is None or not any(moments) or np.array_equal(here, after):
        yield from (here for _ in moments)
        return
    size = max(1, _PIXELS_AT_ONCE // (here.shape[0] * here.shape[1]))
    if not moments[0]:
        yield here
    between = [float(moment) for moment in moments if moment]
    first, second = (_picture(each, device) for each in (here, after))
    for start in range(0, len(between), size):
        times = torch.tensor(between[start : start + size], device=device)
        as_often = len(times), -1, -1, -1
        with torch.inference_mode():
            pictures = network(first.expand(as_often), second.expand(as_often), times)
        yield from _frames(pictures)


def _picture(frame: Frame, device: torch.device | str) -> Tensor:
    """A frame as a picture, 0…1 `1 c h w`."""
    return torch.tensor(frame, device=device).permute(2, 0, 1)[None].float() / 255


def _frames(pictures: Tensor) -> Iterator[Frame]:
    rounded = pictures.float().clamp(0, 1).mul(255).round().to(torch.uint8)
    for picture in rounded.permute(0, 2, 3, 1).cpu().contiguous():
        yield picture.numpy()
