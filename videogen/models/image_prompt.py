"""What a picture looks like, as tokens beside the words (IP-Adapter, Ye et al. 2023).

In: a picture as CLIP's image encoder takes it. Out: tokens for the cross-attention of a U-Net whose config
says `image_prompt`. The plain adapter reads the picture's embedding, the others every token before CLIP's
last layer; what stands for no picture is what each was trained with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import CLIPVisionModelWithProjection


class ImagePrompt(nn.Module):
    """CLIP's image encoder and an adapter's projection of what it says.

    With `whole` the projection reads CLIP's tokens `b n c`, else the embedding `b c`.
    """

    def __init__(self, encoder: CLIPVisionModelWithProjection, projection: nn.Module, *, whole: bool) -> None:
        super().__init__()
        self.encoder, self.projection, self.whole = encoder, projection, whole

    @property
    def side(self) -> int:
        """Pixels of the square pictures that the encoder takes."""
        side: int = self.encoder.vision_model.embeddings.image_size
        return side

    def forward(self, pixels: Tensor | None) -> Tensor:
        """A picture `b 3 side side`, normalised as CLIP's, or None for none (`b` = 1), to tokens `b l c`."""
        if self.whole:
            seen = self._blank() if pixels is None else pixels
            tokens = self.encoder(seen, output_hidden_states=True).hidden_states[-2]
        elif pixels is None:
            tokens = self._blank().new_zeros(1, self.encoder.config.projection_dim)
        else:
            tokens = self.encoder(pixels).image_embeds
        out: Tensor = self.projection(tokens)
        return out

    def _blank(self) -> Tensor:
        weight = next(self.encoder.parameters())
        return torch.zeros(1, 3, self.side, self.side, device=weight.device, dtype=weight.dtype)
