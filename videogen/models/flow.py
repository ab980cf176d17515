"""Motion between two frames as fields of pixels: where it leads, how to look there, and hints of what it is.

Fields are `b 2 h w`, x then y, in pixels of their own size. Nothing here has weights.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

REACH = 2
"""Features are compared when each frame is shifted by up to so many pixels of a level, opposite ways."""
WINDOWS = (5, 13)
"""Sides, in pixels, of the squares in which motion is fitted."""


def flows_at(speed: Tensor, bend: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
    """Where points of the frame at `time` lie in the first and in the second frame, relative to it."""
    bent = time * (1 - time) * bend
    return bent - time * speed, bent + (1 - time) * speed


def finer_fields(fields: Tensor) -> Tensor:
    """Motion and its logit `b 5 h w` at twice the size."""
    return twice(fields) * fields.new_tensor([2, 2, 2, 2, 1])[:, None, None]


def warp(pictures: Tensor, flow: Tensor, *, mode: str = "bilinear") -> Tensor:
    """Look up each pixel of `b c h w` where `flow` (`b 2 h w`, pixels, x then y) leads; edges go on."""
    h, w = flow.shape[-2:]
    x = (torch.arange(w, device=flow.device) + 0.5) * (2 / w) - 1
    y = (torch.arange(h, device=flow.device) + 0.5) * (2 / h) - 1
    where = torch.stack([x + flow[:, 0] * (2 / w), y[:, None] + flow[:, 1] * (2 / h)], -1)
    return functional.grid_sample(pictures, where, mode=mode, padding_mode="border", align_corners=False)


def agreement(first: Tensor, second: Tensor) -> Tensor:
    """How alike features are when each frame is shifted by a step the opposite way, `b (2r+1)² h w`."""
    first, second = (each / (each.square().mean(1, keepdim=True) + 1e-4).sqrt() for each in (first, second))
    h, w = first.shape[-2:]
    first, second = (functional.pad(each, [REACH] * 4) for each in (first, second))
    steps = range(2 * REACH + 1)
    likeness = [
        (first[..., y : y + h, x : x + w] * second[..., 2 * REACH - y :, 2 * REACH - x :][..., :h, :w]).mean(
            1
        )
        for y in steps
        for x in steps
    ]
    return torch.stack(likeness, 1)


def lucas_kanade(first: Tensor, second: Tensor) -> Tensor:
    """The motion from `first` to `second` by least squares in each window, at most 2 pixels, `b 2·n h w`."""
    middle, change = (first + second) / 2, second - first
    padded = functional.pad(middle, (1, 1, 1, 1), mode="replicate")
    across = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    products = torch.stack(
        [
            each.sum(1)
            for each in (across * across, across * down, down * down, across * change, down * change)
        ],
        1,
    )
    found = []
    for window in WINDOWS:
        xx, xy, yy, xt, yt = _box(products, window).unbind(1)
        xx, yy = xx + 1e-4, yy + 1e-4
        scale = 1 / (xx * yy - xy * xy)
        found += [(xy * yt - yy * xt) * scale, (xy * xt - xx * yt) * scale]
    return torch.stack(found, 1).clamp(-2, 2)


def _box(values: Tensor, side: int) -> Tensor:
    """Means over squares of an odd side, as far as they lie within the picture."""
    rows = functional.avg_pool2d(values, (1, side), 1, (0, side // 2), count_include_pad=False)
    return functional.avg_pool2d(rows, (side, 1), 1, (side // 2, 0), count_include_pad=False)


def twice(values: Tensor) -> Tensor:
    """Values `b c h w` at twice the size, bilinearly."""
    return functional.interpolate(values, scale_factor=2.0, mode="bilinear", align_corners=False)
