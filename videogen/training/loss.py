"""Flow matching: the straight path from data to noise, and which parts of it to practise.

x_σ = (1 − σ) x₀ + σ ε, and the network predicts the velocity ε − x₀ (Lipman et al. 2023; Liu et al. 2023,
eq. 5). A third of the levels are drawn above 0.9, where words decide what moves where.
"""

from __future__ import annotations

import torch
from torch import Tensor


def draw_levels(count: int, *, generator: torch.Generator) -> Tensor:
    """Noise levels in 0.001…1, `count`: two thirds logit-normal (Esser et al. 2024), a third from 0.9…1."""
    middle = torch.sigmoid(torch.randn(count, generator=generator) + 0.2)
    high = 0.9 + 0.1 * torch.rand(count, generator=generator)
    return torch.where(torch.rand(count, generator=generator) < 1 / 3, high, middle).clamp(1e-3, 1.0)


def make_noisy(clean: Tensor, noise: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
    """Noisy latents and the velocity to predict, for latents `b c t h w` and levels `b`."""
    level = levels.view(-1, 1, 1, 1, 1).to(clean)
    return torch.lerp(clean, noise, level), noise - clean


def flow_loss(prediction: Tensor, velocity: Tensor, unknown: Tensor) -> Tensor:
    """Mean squared error per clip, `b`, over the places where `unknown` (`b 1 t h w`) is 1."""
    squared = (prediction.float() - velocity).square().mean(1, keepdim=True) * unknown
    return squared.flatten(1).sum(1) / unknown.flatten(1).sum(1).clamp_min(1.0)
