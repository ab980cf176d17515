"""Drawn skeletons to features that are added behind the U-Net's first convolution.

The layout and the names of ControlNet's conditioning embedding (Zhang et al. 2023) and of AnimateAnyone's
pose guider: convolutions that halve the size once per width, the last one starting at zero.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn


class PoseEncoder(nn.Module):
    """See the module; `widths` are the channels at each size, each step from one to the next halves it."""

    def __init__(self, out_channels: int, *, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(3, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList()
        for narrow, wide in pairwise(widths):
            self.blocks.append(nn.Conv2d(narrow, narrow, 3, padding=1))
            self.blocks.append(nn.Conv2d(narrow, wide, 3, padding=1, stride=2))
        self.conv_out = nn.Conv2d(widths[-1], out_channels, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        assert self.conv_out.bias is not None
        nn.init.zeros_(self.conv_out.bias)

    def forward(self, maps: Tensor) -> Tensor:
        """`n 3 H W`, 0…1 → `n c h w` at the size of the latents."""
        hidden = F.silu(self.conv_in(maps))
        for block in self.blocks:
            hidden = F.silu(block(hidden))
        out: Tensor = self.conv_out(hidden)
        return out
