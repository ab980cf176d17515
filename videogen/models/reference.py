"""What a reference picture looks like, as tokens for the U-Net's self-attention.

Keys and values of every spatial attention are extended by the reference's tokens (reference-only control;
AnimateAnyone, Hu et al. 2023). Pocket reads them with a small convolutional encoder instead of a second
U-Net: one feature map per size, handed to all attention layers of that size by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn


class AppearanceEncoder(nn.Module):
    """Reference latents to tokens for each attention layer.

    `layers` maps the name of an attention layer to its level (how often the size was halved); `widths` are
    the channels at each level.
    """

    def __init__(self, in_channels: int, *, widths: tuple[int, ...], layers: Mapping[str, int]) -> None:
        super().__init__()
        self.layers = dict(layers)
        self.conv_in = nn.Conv2d(in_channels, widths[0], 3, padding=1)
        self.downs = nn.ModuleList(
            nn.Conv2d(narrow, wide, 3, padding=1, stride=2) for narrow, wide in pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in widths)

    def forward(self, latents: Tensor, present: Tensor) -> dict[str, Tensor]:
        """`b c h w` latents and `b` (1 where there is a reference) → name → tokens `b l d`.

        An absent reference gives tokens of zero: they add nothing, and take the same share of the attention
        whatever the frame shows, in training as in use.
        """
        hidden = F.silu(self.conv_in(latents))
        levels = [hidden]
        for down in self.downs:
            hidden = F.silu(down(hidden))
            levels.append(hidden)
        tokens: dict[int, Tensor] = {}
        for level in set(self.layers.values()):
            flat = self.norms[level](rearrange(levels[level], "b c h w -> b (h w) c"))
            tokens[level] = flat * present[:, None, None].to(flat)
        return {name: tokens[level] for name, level in self.layers.items()}
