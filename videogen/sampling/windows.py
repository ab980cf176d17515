"""Overlapping windows: a denoiser for short clips becomes a denoiser for clips of any length.

At every step the clip is cut into windows of the network's own length, each is denoised, and the predictions
are averaged with weights that fall off towards a window's edges ("MultiDiffusion", Bar-Tal et al. 2023,
along time). The seams move from one timestep to the next, so that none of them can settle. Windows wrap
around the end on a ring, and only there. With an anchor the clip's first frame is shown to every window
("MimicMotion", Zhang et al. 2024), so that what is far from it looks like it too.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from videogen.errors import RequestError
from videogen.types import Denoiser, Latents

Weights: TypeAlias = Literal["pyramid", "overlap-linear", "flat"]
"""How a window's frames count: up to its middle and down again, up and down over the overlap, or alike."""


def plan_windows(
    length: int, *, window: int, overlap: int, ring: bool = False, shift: int = 0
) -> list[list[int]]:
    """The frame numbers of every window over a clip of `length` frames.

    Neighbours share at least `overlap` frames, every frame is covered, and `shift` (any whole number) moves
    the seams. On a line windows that would run over an end are aligned to it, never shortened; on a ring
    they wrap. A clip that fits in one window is one window, which on a ring starts at frame `shift`, so that
    the place where the ring is cut moves too. Raises `RequestError` for an impossible window.
    """
    if length < 1 or not 0 <= overlap < window:
        raise RequestError(
            f"length {length}, window {window}, overlap {overlap}: give a length of at least 1 and an "
            f"overlap from 0 to below the window"
        )
    stride = window - overlap
    if length <= window:
        window, starts = length, [0]
    elif ring:
        count = -(-length // stride)
        starts = [i * length // count for i in range(count)]
    else:
        offset = -(shift % stride)
        moved = range(offset, length - window + stride, stride)
        starts = sorted({min(max(start, 0), length - window) for start in moved})
    turn = shift if ring else 0
    return [[(turn + start + i) % length for i in range(window)] for start in starts]


def windowed(
    denoiser: Denoiser, *, length: int, window: int, overlap: int, ring: bool = False, batch: int = 1,
    weights: Weights = "overlap-linear", anchor: bool = False,
) -> Denoiser:  # fmt: skip
    """Denoise clips of `length` frames by windows of `window` frames that share at least `overlap`.

    The inner denoiser gets up to `batch` windows at once, stacked as rows, with the frame numbers of each.
    `weights` blend to exactly one: where all windows agree, their common value returns bit for bit. With
    `anchor` one frame of each window is frame 0 of the clip, before the window's own. What is predicted for
    it there is dropped, as it is out of place; it has a window where it is not. A line that fits in one
    window is passed on untouched. Raises `RequestError` for an impossible window or batch.
    """
    own = window - 1 if anchor else window
    plan_windows(length, window=own, overlap=overlap, ring=ring)
    if batch < 1:
        raise RequestError(f"a window batch of {batch} was asked for; give at least 1")
    if length <= window and not ring:
        return denoiser
    anchored = anchor and length > window

    def denoise(latents: Latents, timestep: Tensor, frames: Tensor) -> Latents:
        if latents.shape[2] != length:
            raise RequestError(f"windows over {length} frames were given {latents.shape[2]} frames")
        size = own if anchored else window
        plan = plan_windows(length, window=size, overlap=overlap, ring=ring, shift=_shift(timestep))
        rows = [_anchored(numbers, length=length) for numbers in plan] if anchored else plan
        blended, weight = torch.zeros_like(latents), latents.new_zeros(length)
        for group in (rows[first : first + batch] for first in range(0, len(rows), batch)):
            seen = torch.cat([latents[:, :, numbers] for numbers in group])
            numbers_of_rows = torch.cat([frames[:, numbers] for numbers in group])
            predictions = denoiser(seen, timestep, numbers_of_rows).to(latents).chunk(len(group))
            for numbers, prediction in zip(group, predictions, strict=True):
                first = int(anchored and _is_shown_an_anchor(numbers, length=length))
                numbers, prediction = numbers[first:], prediction[:, :, first:]
                taper = _taper(len(numbers), overlap=overlap, weights=weights).to(latents)
                weight[numbers] += taper
                share = (taper / weight[numbers])[:, None, None]  # t 1 1
                blended[:, :, numbers] = torch.lerp(blended[:, :, numbers], prediction, share)
        return blended

    return denoise


def _anchored(numbers: list[int], *, length: int) -> list[int]:
    """A window with frame 0 before it, or, where it holds that frame already, with the frame after it.

    On a line such a window starts at frame 0 and ends before the end of the clip.
    """
    return [*numbers, (numbers[-1] + 1) % length] if 0 in numbers else [0, *numbers]


def _is_shown_an_anchor(numbers: list[int], *, length: int) -> bool:
    """Whether a window begins with a frame that does not come right before its own."""
    return len(numbers) > 1 and numbers[1] != (numbers[0] + 1) % length


def _taper(window: int, *, overlap: int, weights: Weights) -> Tensor:
    """Weights `t` of a window's frames: rising from either edge to the middle, over the overlap, or alike."""
    highest = {"pyramid": window, "overlap-linear": overlap + 1, "flat": 1}[weights]
    inwards = torch.arange(1, window + 1)
    return torch.minimum(inwards, inwards.flip(0)).clamp(max=highest)


def _shift(timestep: Tensor) -> int:
    """A whole number that depends on nothing but the timestep, and looks random from one to the next."""
    return int.from_bytes(blake2b(struct.pack("<d", float(timestep)), digest_size=4).digest(), "little")
