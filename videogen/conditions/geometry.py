"""Small plane geometry that both motion fields share: pixel centres, soft steps, picture edges."""

from __future__ import annotations

import torch
from torch import Tensor


def pixel_centres(height: int, width: int, *, like: Tensor) -> Tensor:
    """Centres of all pixels as fractions of width and height, `h w 2`."""
    rows = (torch.arange(height, device=like.device, dtype=like.dtype) + 0.5) / height
    columns = (torch.arange(width, device=like.device, dtype=like.dtype) + 0.5) / width
    return torch.stack([columns[None].expand(height, width), rows[:, None].expand(height, width)], -1)


def smoothstep(value: Tensor, low: float | Tensor, high: float | Tensor) -> Tensor:
    """Rise smoothly from 0 at `low` to 1 at `high`."""
    x = ((value - low) / (high - low)).clamp(0, 1)
    return x * x * (3 - 2 * x)


def within_picture(fractions: Tensor) -> Tensor:
    """1 for places `b t h w 2` within the picture, falling to 0 one pixel outside, `b t h w`."""
    height, width = fractions.shape[2:4]
    margin = torch.minimum(fractions, 1 - fractions) * fractions.new_tensor([width, height])
    return (1 + margin.amin(-1)).clamp(0, 1)
