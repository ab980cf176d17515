"""Where a bent picture of a head can be trusted: not where it is torn or folded, nor in new openings."""

from __future__ import annotations

import torch
from torch import Tensor

from videogen.conditions.geometry import smoothstep

# Upper and lower rims, corner to corner, of both eyes and of the mouth, within the 70 face points.
_OPENINGS = (
    ((36, 37, 38, 39), (36, 41, 40, 39)),
    ((42, 43, 44, 45), (42, 47, 46, 45)),
    ((60, 61, 62, 63, 64), (60, 67, 66, 65, 64)),
)


def firmness(place: Tensor, *, aspect: float) -> Tensor:
    """Say how near to rigid the map `n h w 2` is at each pixel: 1 rigid, 0 torn or folded, `n h w`.

    Coordinates are in units of the picture's height, `aspect` is its width over its height.
    """
    _, height, width, _ = place.shape
    if min(height, width) < 2:
        return torch.ones_like(place[..., 0])
    (down,) = torch.gradient(place, spacing=1.0 / height, dim=1)
    (right,) = torch.gradient(place, spacing=aspect / width, dim=2)
    area = right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]
    total = right.square().sum(-1) + down.square().sum(-1)
    # The singular values of a 2 x 2 matrix, from its determinant and Frobenius norm.
    root = (total.square() - 4 * area.square()).clamp_min(0).sqrt()
    small = ((total - root) / 2).clamp_min(0).sqrt() * area.sign()
    large = ((total + root) / 2).sqrt()
    return smoothstep(small, 0.2, 0.55) * (1 - smoothstep(large, 2.5, 5.0))


def opened(there: Tensor, here: Tensor, seen: Tensor, places: Tensor) -> Tensor:
    """Say where eyes or mouth are open wider than the reference shows them, 0…1, `n h w`.

    `there` and `here` are face points `n 70 2` of reference and driving pose, `seen` `n 70` says which
    count, `places` are pixel centres `h w 2`, all in units of the picture's height.
    """
    hidden = torch.zeros(here.shape[0], *places.shape[:2], device=here.device, dtype=here.dtype)
    for upper, lower in _OPENINGS:
        top, bottom = list(upper), list(lower)
        gap_there = (there[:, top] - there[:, bottom]).norm(dim=-1).amax(-1)
        gap_here = (here[:, top] - here[:, bottom]).norm(dim=-1).amax(-1)
        span_there = (there[:, top[0]] - there[:, top[-1]]).norm(dim=-1).clamp_min(1e-4)
        span_here = (here[:, top[0]] - here[:, top[-1]]).norm(dim=-1).clamp_min(1e-4)
        news = smoothstep(gap_here / span_here - 1.3 * gap_there / span_there, 0.05, 0.25)
        news = news * (seen[:, top] & seen[:, bottom]).all(-1)
        centre = (here[:, top].mean(1) + here[:, bottom].mean(1)) / 2
        axis = (here[:, top[-1]] - here[:, top[0]]) / span_here[:, None]
        dx = places[..., 0] - centre[:, None, None, 0]
        dy = places[..., 1] - centre[:, None, None, 1]
        u, v = axis[:, None, None, 0], axis[:, None, None, 1]
        across = (dx * u + dy * v) / (span_here / 2)[:, None, None]
        along = (dy * u - dx * v) / (gap_here / 2).clamp_min(1e-4)[:, None, None]
        oval = 1 - smoothstep(torch.hypot(across, along), 0.7, 1.1)
        hidden = torch.maximum(hidden, oval * news[:, None, None])
    return hidden
