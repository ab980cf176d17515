"""The windows of AnimateDiff's followers, for results equal to MagicAnimate's and AnimateAnyone's.

They wrap around the end even where nobody asked for a loop, take frames at strides of 1, 2, 4, … at once, and
average with equal weights. `windows` has what is used where nobody asks for these.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from videogen.types import Denoiser, Latents


def plan_original_windows(
    length: int, *, window: int, overlap: int, stride: int = 1, ring: bool = True, step: int = 0
) -> list[list[int]]:
    """The frame numbers of every window over a clip of `length` frames.

    `stride` is the number of spacings 1, 2, 4, … at which frames are taken, as far as the clip is long enough
    for them; `step` moves the seams, though the originals always say 0. Without `ring` the last windows may
    still run over the end and come back to the start.
    """
    if length <= window:
        return [list(range(length))]
    plan = []
    moved = round(length * _reversed_fraction(step))
    for power in range(min(stride, math.ceil(math.log2(length / window)) + 1)):
        spacing = 2**power
        first = int(_reversed_fraction(step) * spacing) + moved
        last = length + moved - (0 if ring else overlap)
        for start in range(first, last, window * spacing - overlap):
            plan.append([(start + index * spacing) % length for index in range(window)])
    return plan


def originally_windowed(
    denoiser: Denoiser, *, length: int, window: int, overlap: int, stride: int = 1, batch: int = 1
) -> Denoiser:
    """Denoise clips of `length` frames by those windows, averaged with equal weights.

    A frame that stands twice in a window counts once, as it does there. The inner denoiser gets up to `batch`
    windows at once, stacked as rows.
    """
    plan = plan_original_windows(length, window=window, overlap=overlap, stride=stride)

    def denoise(latents: Latents, timestep: Tensor, frames: Tensor) -> Latents:
        total, count = torch.zeros_like(latents), latents.new_zeros(length)
        for group in (plan[first : first + batch] for first in range(0, len(plan), batch)):
            rows = torch.cat([latents[:, :, numbers] for numbers in group])
            numbers_of_rows = torch.cat([frames[:, numbers] for numbers in group])
            predictions = denoiser(rows, timestep, numbers_of_rows).to(latents).chunk(len(group))
            for numbers, prediction in zip(group, predictions, strict=True):
                last = {number: index for index, number in enumerate(numbers)}
                once = list(last)
                total[:, :, once] += prediction[:, :, list(last.values())]
                count[once] += 1
        return total / count[:, None, None]

    return denoise


def _reversed_fraction(step: int) -> float:
    """The binary digits of a number mirrored at the point: 0, 1/2, 1/4, 3/4, 1/8, … (van der Corput 1935)."""
    value, unit = 0.0, 0.5
    while step:
        value, step, unit = value + unit * (step % 2), step // 2, unit / 2
    return value
