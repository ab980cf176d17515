"""Where a bent picture of a head can be trusted: not where it is torn or folded."""

from __future__ import annotations

import torch
from torch import Tensor

from videogen.conditions.geometry import smoothstep


def firmness(place: Tensor, *, apart: tuple[float, float]) -> Tensor:
    """Say how near to rigid the map `n h w 2` is at each pixel: 1 rigid, 0 torn or folded, `n h w`.

    `apart` is how far rows and columns lie from each other, in the unit of the places.
    """
    _, height, width, _ = place.shape
    if min(height, width) < 2:
        return torch.ones_like(place[..., 0])
    (down,) = torch.gradient(place, spacing=apart[0], dim=1)
    (right,) = torch.gradient(place, spacing=apart[1], dim=2)
    area = right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]
    total = right.square().sum(-1) + down.square().sum(-1)
    # The singular values of a 2 x 2 matrix, from its determinant and Frobenius norm.
    root = (total.square() - 4 * area.square()).clamp_min(0).sqrt()
    small = ((total - root) / 2).clamp_min(0).sqrt() * area.sign()
    large = ((total + root) / 2).sqrt()
    return smoothstep(small, 0.2, 0.55) * (1 - smoothstep(large, 2.5, 5.0))
