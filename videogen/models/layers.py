"""Convolutional layers of the temporal U-Net.

Inside the network a clip is a batch of frames, `(b t) c h w` in channels-last memory. Seen as
`b t (h w) c` the same memory is contiguous, so a convolution over time is a (3, 1) convolution on a view
and no layer ever copies to change axes. Submodules carry diffusers' names, so its files load as they are.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from videogen.models.linear import Conv2d, Linear, PointConv2d

_SMALL_MAP = 1024
"""Places of a map below which torch normalizes it group by group."""


def sinusoid(values: Tensor, width: int) -> Tensor:
    """Sinusoidal features of scalars, `…` → `… width` (Ho et al. 2020).

    Cosines come first, as with diffusers' `flip_sin_to_cos`.
    """
    half = width // 2
    rates = torch.exp(-math.log(10000) / half * torch.arange(half, device=values.device, dtype=torch.float32))
    angles = values.float()[..., None] * rates
    return torch.cat([angles.cos(), angles.sin()], -1)


def normalize(norm: nn.GroupNorm, x: Tensor, *, num_frames: int = 1) -> Tensor:
    """Group norm of `(b t) c h w` with statistics over `num_frames` frames at a time, without a copy."""
    if num_frames == 1:
        return _normalized(norm, x)
    h, w = x.shape[-2:]
    tall = x.permute(0, 2, 3, 1).reshape(-1, num_frames * h, w, x.shape[1])  # b (t h) w c
    tall = _normalized(norm, tall.permute(0, 3, 1, 2))
    return tall.permute(0, 2, 3, 1).reshape(-1, h, w, x.shape[1]).permute(0, 3, 1, 2)


def _normalized(norm: nn.GroupNorm, x: Tensor) -> Tensor:
    """Group norm of `n c h w`; small maps in bfloat16 go by float32, whose kernel is five times faster."""
    if x.dtype == torch.bfloat16 and x.device.type == "cpu" and x[0, 0].numel() < _SMALL_MAP:
        even = F.group_norm(x.float(), norm.num_groups, eps=norm.eps).to(x.dtype)
        return torch.addcmul(norm.bias[:, None, None], even, norm.weight[:, None, None])
    out: Tensor = norm(x)
    return out


class PseudoConv3d(Conv2d):
    """A convolution over space, then one over time (Make-A-Video, Singer et al. 2022, eq. 3).

    The temporal child starts as the identity, so a fresh video layer is its image layer. Without
    `temporal` this is a plain convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, *, temporal: bool) -> None:
        super().__init__(in_channels, out_channels)
        self.temporal = TemporalConv(out_channels) if temporal else None

    def forward(self, x: Tensor, num_frames: int = 1) -> Tensor:
        """`(b t) c h w` → `(b t) c' h w`; `num_frames` is t."""
        x = super().forward(x)
        return x if self.temporal is None else self.temporal(x, num_frames)


class TemporalConv(nn.Conv2d):
    """A convolution over three frames, per pixel; the identity at initialisation."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, (3, 1), padding=(1, 0))
        nn.init.dirac_(self.weight)
        assert self.bias is not None
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, num_frames: int = 1) -> Tensor:
        """`(b t) c h w` → the same shape."""
        h, w = x.shape[-2:]
        clip = x.permute(0, 2, 3, 1).reshape(-1, num_frames, h * w, x.shape[1])  # b t (h w) c
        clip = super().forward(clip.permute(0, 3, 1, 2))  # b c t (h w)
        frames = clip.permute(0, 2, 3, 1).reshape(-1, h, w, clip.shape[1])  # (b t) h w c
        return frames.permute(0, 3, 1, 2)  # (b t) c h w


class TimestepEmbedding(nn.Module):
    """Two linear layers over sinusoidal features, `… features` → `… width`."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.linear_1 = Linear(features, width)
        self.linear_2 = Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """`… features` → `… width`."""
        out: Tensor = self.linear_2(F.silu(self.linear_1(x)))
        return out


class ResnetBlock(nn.Module):
    """Two pseudo-3D convolutions with FiLM by the embedding (diffusers' ResnetBlock2D).

    `scale_shift` chooses between adding the embedding (Stable Diffusion) and scaling and shifting by it;
    `over_frames` whether the norms see all frames of a clip at once.
    """

    def __init__(
        self, in_channels: int, out_channels: int, embedding: int, *, groups: int, eps: float,
        scale_shift: bool, temporal: bool, over_frames: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.scale_shift, self.over_frames = scale_shift, over_frames
        self.norm1 = nn.GroupNorm(groups, in_channels, eps)
        self.conv1 = PseudoConv3d(in_channels, out_channels, temporal=temporal)
        self.time_emb_proj = Linear(embedding, out_channels * (2 if scale_shift else 1))
        self.norm2 = nn.GroupNorm(groups, out_channels, eps)
        self.conv2 = PseudoConv3d(out_channels, out_channels, temporal=temporal)
        self.conv_shortcut = PointConv2d(in_channels, out_channels) if in_channels != out_channels else None

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """`(b t) c h w` → `(b t) c' h w`; `embedding` has a row per frame, `b t d`, or per clip, `b 1 d`."""
        num_frames = x.shape[0] // embedding.shape[0]
        film = self.time_emb_proj(F.silu(embedding)).expand(-1, num_frames, -1)
        film = rearrange(film, "b t d -> (b t) d 1 1")
        together = num_frames if self.over_frames else 1
        hidden: Tensor = self.conv1(F.silu(normalize(self.norm1, x, num_frames=together)), num_frames)
        if self.scale_shift:
            scale, shift = film.chunk(2, 1)
            hidden = torch.addcmul(shift, normalize(self.norm2, hidden, num_frames=together), 1 + scale)
        else:
            hidden = normalize(self.norm2, hidden + film, num_frames=together)
        hidden = self.conv2(F.silu(hidden), num_frames)
        shortcut: Tensor = x if self.conv_shortcut is None else self.conv_shortcut(x)
        return hidden + shortcut


class Downsample(nn.Module):
    """Half the size by a strided convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Conv2d(channels, channels, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """`n c h w` → `n c h/2 w/2`."""
        out: Tensor = self.conv(x)
        return out


class Upsample(nn.Module):
    """A larger size by nearest neighbours, and a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Conv2d(channels, channels)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """`n c h w` → `n c` and `size`, twice as large or one less where halving rounded up."""
        out: Tensor = self.conv(F.interpolate(x, size, mode="nearest"))
        return out
