"""Any network that makes one picture larger, called as the upscaler of clips is: it sees no neighbours."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class SingleImageUpscaler(nn.Module):
    """`network` as an upscaler by `scale`, called through `enlarge`, which knows what sizes it can take.

    `enlarge` makes one picture `1 c h w`, 0…1, larger; `channels` is 3, or 1 for a network that takes the
    colours one by one.
    """

    frames = 1
    """How many frames it sees."""

    def __init__(
        self, network: nn.Module, enlarge: Callable[[Tensor], Tensor], *, scale: int, channels: int = 3
    ) -> None:
        super().__init__()
        self.network, self.scale, self.channels = network, scale, channels
        self._enlarge = enlarge

    def forward(self, clip: Tensor) -> Tensor:
        """The middle frame of `b t c h w`, 0…1, as `b c s*h s*w`, 0…1; the other frames are not looked at."""
        pictures = clip[:, clip.shape[1] // 2]
        pieces = pictures.flatten(0, 1)[:, None] if self.channels == 1 else pictures
        made = torch.cat([self._enlarge(piece[None]) for piece in pieces])
        return made.reshape(*pictures.shape[:2], *made.shape[-2:]).clamp(0, 1)
