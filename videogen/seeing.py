"""What a model sees of pictures: what one looks like, in place of words or beside them, and keyframes.

In: the loaded networks and pictures −1…1. Out: tokens for the U-Net's cross-attention, and hints for a
SparseCtrl. A model that is not shown a picture is told so, in the way that it was trained with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from einops import rearrange
from torch import Tensor

from videogen.clip_conditions import Conditions, hint_at
from videogen.conditions.reference import middle_square, seen_by_clip
from videogen.errors import RequestError
from videogen.models.stable import StableUNet
from videogen.weights.parts import Networks


def look_in_place_of_words(networks: Networks, picture: Tensor | None) -> Tensor | None:
    """A picture `1 c h w` as the only token `1 1 c` of models that read no words; None for all others."""
    if (encoder := networks.image_encoder) is None:
        return None
    weight = next(encoder.parameters())
    shape = 1, 1, encoder.config.projection_dim
    if picture is None:
        return torch.zeros(shape, device=weight.device, dtype=weight.dtype)
    side = encoder.vision_model.embeddings.image_size
    pixels = networks.see(picture.to(weight.device), side=side)
    embedding: Tensor = encoder(pixels.to(weight.dtype)).image_embeds
    return embedding.view(shape)


def look_beside_words(networks: Networks, picture: Tensor | None) -> Tensor | None:
    """The tokens `1 l c` of a picture `1 c h w`, its middle square, by an IP-Adapter; None without one."""
    if (prompt := networks.image_prompt) is None:
        return None
    pixels = None
    if picture is not None:
        weight = next(prompt.parameters())
        pixels = seen_by_clip(middle_square(picture.to(weight.device)), side=prompt.side).to(weight.dtype)
    tokens: Tensor = prompt(pixels)
    return tokens


def reads_keyframes(networks: Networks) -> bool:
    """Whether the model has a SparseCtrl, which is told what frames are like that it need not repeat."""
    return isinstance(networks.denoiser, StableUNet) and networks.denoiser.sparse is not None


def keyframe_hint(
    networks: Networks, pictures: Tensor, *, frames: Sequence[int], length: int,
    encode: Callable[[Tensor], Tensor],
) -> Tensor:  # fmt: skip
    """Pictures −1…1 `n c h w` at the numbers `frames` of a clip of `length`, as `Conditions.keyframes`.

    `encode` makes latents of them. Raises RequestError for models without a SparseCtrl.
    """
    network = networks.denoiser
    if not isinstance(network, StableUNet) or network.sparse is None:
        raise RequestError("the model reads no keyframes; add --sparse-control FILE to it")
    if network.sparse.reads_latents:
        return hint_at(encode(pictures), frames=frames, length=length)
    return hint_at(rearrange(pictures + 1, "n c h w -> 1 c n h w") / 2, frames=frames, length=length)


def check_reads(networks: Networks, conditions: Conditions, *, model: str) -> None:
    """Raise RequestError where the model cannot be told what it is given."""
    if conditions.pose_maps is not None and not networks.denoiser.reads_poses:
        raise RequestError(
            f"the model {model} does not read poses; give one that comes with a ControlNet for them, or add "
            f"one with --controlnet"
        )
    if conditions.prompt is not None and networks.text_encoder is None:
        raise RequestError(
            f"the model {model} reads a picture in place of words; leave the prompt out, or give a model "
            f"that reads words"
        )
    if conditions.keyframes is not None and not reads_keyframes(networks):
        raise RequestError(f"the model {model} reads no keyframes; add --sparse-control FILE to it")
