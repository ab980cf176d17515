"""An adversary that tells what a network made from the truth, patch by patch, and learns on the way.

Isola et al., "Image-to-image translation with conditional adversarial networks" (2017), with the hinge loss
of Miyato et al. (2018). It judges what is finer than eight pixels alone: colours and shapes are right anyway.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

_COARSE = 8


class Adversary:
    """A small network of patches of about 20 pixels, and its optimiser."""

    def __init__(self, *, width: int = 32, learning_rate: float) -> None:
        layers = [
            nn.Conv2d(3, width, 4, 2, 1), nn.Conv2d(width, 2 * width, 4, 2, 1),
            nn.Conv2d(2 * width, 1, 3, 1, 1),
        ]  # fmt: skip
        first, second, last = (spectral_norm(layer) for layer in layers)
        self.network = nn.Sequential(first, nn.LeakyReLU(0.2), second, nn.LeakyReLU(0.2), last)
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=learning_rate, betas=(0.5, 0.98), weight_decay=0.0
        )

    def judge(self, made: Tensor, truth: Tensor) -> Tensor:
        """How little pictures `b 3 h w` pass for true ones, to be lowered; learns to tell them apart."""
        self.network.to(made.device)
        fine, true = _fine(made), _fine(truth)
        if torch.is_grad_enabled():
            self._learn(fine.detach(), true)
        self.network.requires_grad_(False)
        verdict: Tensor = -self.network(fine).mean()
        self.network.requires_grad_(True)
        return verdict

    def _learn(self, fine: Tensor, true: Tensor) -> None:
        """A step towards true patches over 1, made ones under −1."""
        wrong = F.relu(1 - self.network(true)).mean() + F.relu(1 + self.network(fine)).mean()
        self._optimizer.zero_grad()
        wrong.backward()
        self._optimizer.step()


def _fine(pictures: Tensor) -> Tensor:
    """Pictures without what is coarser than 8 pixels."""
    return pictures - F.avg_pool2d(pictures, _COARSE + 1, 1, _COARSE // 2, count_include_pad=False)
