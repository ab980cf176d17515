"""Attention over space, over words and over time, with diffusers' submodule names.

Tokens keep the memory of the feature map they come from, `b t (h w) d`: projections run on it directly
and only the attention product sees a permuted view. Keys and values of the text and of a reference are
computed once per clip, not once per frame.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from videogen.models.layers import normalize, sinusoid
from videogen.models.linear import Linear, PointConv2d, linear

_SHORT = 64
"""Keys up to which a CPU attends in float32 twice as fast as in bfloat16."""


def attend(query: Tensor, key: Tensor, value: Tensor, *, bias: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention over the last two axes, `… n d`; `bias` `… n m` is added to its logits.

    The fused kernel's backward is slow for short sequences on a CPU, where training multiplies matrices.
    """
    if query.requires_grad and query.device.type == "cpu":
        scale: float = query.shape[-1] ** -0.5
        logits = query @ key.transpose(-1, -2) * scale
        weights = (logits if bias is None else logits + bias).softmax(-1)
        return weights @ value
    lead = query.shape[:-3]  # the fused kernel takes exactly one axis before the heads
    query, key, value = (x.flatten(0, -4) if len(lead) > 1 else x for x in (query, key, value))
    kind = query.dtype
    if kind == torch.bfloat16 and query.device.type == "cpu" and key.shape[-2] <= _SHORT:
        query, key, value = query.float(), key.float(), value.float()
    out: Tensor = F.scaled_dot_product_attention(query, key, value, attn_mask=bias).unflatten(0, lead)
    return out.to(kind)


class Attention(nn.Module):
    """Multi-head attention; `context` is the width that keys and values are made from, where it differs.

    Cross-attention with an `image` prompt has keys and values of its own for a picture's tokens.
    """

    def __init__(self, width: int, *, heads: int, context: int | None = None, image: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = Linear(width, width, bias=False)
        self.to_k = Linear(context or width, width, bias=False)
        self.to_v = Linear(context or width, width, bias=False)
        self.to_out = nn.ModuleList([Linear(width, width), nn.Identity()])
        if image:
            self.to_k_ip = Linear(context or width, width, bias=False)
            self.to_v_ip = Linear(context or width, width, bias=False)

    def _split(self, x: Tensor) -> Tensor:
        return rearrange(x, "... n (heads d) -> ... heads n d", heads=self.heads)

    def _join(self, x: Tensor) -> Tensor:
        out: Tensor = self.to_out[0](rearrange(x, "... heads n d -> ... n (heads d)"))
        return out

    def over_space(self, x: Tensor, reference: Tensor | None) -> Tensor:
        """Each frame attends to itself and to the reference: `b t n d`, reference `b l d`.

        Tokens of zero add nothing, but take their share of the attention; None has no tokens at all.
        """
        query, key, value = self._split(self.to_q(x)), self._split(self.to_k(x)), self._split(self.to_v(x))
        if reference is not None:
            extra = [self._split(to(reference))[:, None] for to in (self.to_k, self.to_v)]
            key, value = (
                torch.cat([own, other.expand(-1, x.shape[1], -1, -1, -1)], -2)
                for own, other in zip((key, value), extra, strict=True)
            )
        return self._join(attend(query, key, value))

    def over_words(
        self, x: Tensor, text: Tensor, *, bias: Tensor | None = None, image: Tensor | None = None
    ) -> Tensor:
        """All tokens of a clip attend to its words: `b t n d`, text `b l d`; `bias` `b 1 1 l` per word.

        Where each frame has words of its own, `b t l d`, its tokens attend to those. To a picture's tokens,
        `image` `b l d`, they attend apart, and both answers are added.
        """
        b, t, n, _ = x.shape
        query = self._split(self.to_q(x).reshape(b, t * n, -1))
        key, value = self._split(self.to_k(text)), self._split(self.to_v(text))
        if text.ndim == 4:
            framed = rearrange(query, "b heads (t n) d -> b t heads n d", t=t)
            told = rearrange(attend(framed, key, value), "b t heads n d -> b heads (t n) d")
        else:
            told = attend(query, key, value, bias=bias)
        if image is not None:
            told = told + attend(query, self._split(self.to_k_ip(image)), self._split(self.to_v_ip(image)))
        return self._join(told).view(b, t, n, -1)

    def over_time(self, x: Tensor) -> Tensor:
        """Each place attends to itself in all frames: `b t n d`."""
        query, key, value = (
            rearrange(to(x), "b t n (heads d) -> b n heads t d", heads=self.heads)
            for to in (self.to_q, self.to_k, self.to_v)
        )
        out = attend(query, key, value)
        joined: Tensor = self.to_out[0](rearrange(out, "b n heads t d -> b t n (heads d)"))
        return joined


class GEGLU(nn.Module):
    """A linear layer gated by the GELU of another (Shazeer 2020)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.proj = Linear(width, inner * 2)

    def forward(self, x: Tensor) -> Tensor:
        """`… width` → `… inner`."""
        halves = zip(self.proj.weight.chunk(2), self.proj.bias.chunk(2), strict=True)
        hidden, gate = (linear(x, weight, bias) for weight, bias in halves)
        if gate.requires_grad:
            return hidden * F.gelu(gate)
        return hidden.mul_(torch.ops.aten.gelu_(gate))


class FeedForward(nn.Module):
    """GEGLU and a linear layer, `mult` times as wide inside."""

    def __init__(self, width: int, *, mult: int) -> None:
        super().__init__()
        self.net = nn.ModuleList([GEGLU(width, width * mult), nn.Identity(), Linear(width * mult, width)])

    def forward(self, x: Tensor) -> Tensor:
        """`… width` → `… width`."""
        for layer in self.net:
            x = layer(x)
        return x


class SpatialBlock(nn.Module):
    """Self-attention with reference tokens, cross-attention to words and an image, feed-forward."""

    def __init__(self, width: int, *, heads: int, context: int, mult: int, image: bool = False) -> None:
        super().__init__()
        self.norm1, self.attn1 = nn.LayerNorm(width), Attention(width, heads=heads)
        self.norm2 = nn.LayerNorm(width)
        self.attn2 = Attention(width, heads=heads, context=context, image=image)
        self.norm3, self.ff = nn.LayerNorm(width), FeedForward(width, mult=mult)

    def forward(
        self, x: Tensor, text: Tensor, reference: Tensor | None, image: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """`x` `b t n d`, `text` and `image` `b l c`, `reference` `b l d` or None.

        Returns `b t n d` and the normed tokens that another network may take as its reference.
        """
        tokens: Tensor = self.norm1(x)
        x = x + self.attn1.over_space(tokens, reference)
        x = x + self.attn2.over_words(self.norm2(x), text, image=image)
        fed: Tensor = self.ff(self.norm3(x))
        return x + fed, tokens


class SpatialReader(nn.Module):
    """As much of a spatial block as its own tokens need: the last one of a network that is only read."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)

    def forward(
        self, x: Tensor, text: Tensor, reference: Tensor | None, image: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `SpatialBlock`, whose first tokens these are."""
        return x, self.norm1(x)


class SpatialTransformer(nn.Module):
    """diffusers' Transformer2DModel with one block: what a frame shows, told by words and a reference.

    `read` builds no more of it than its tokens need.
    """

    def __init__(
        self, width: int, *, heads: int, context: int, groups: int, mult: int, read: bool = False,
        image: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.norm = nn.GroupNorm(groups, width, 1e-6)
        self.proj_in = PointConv2d(width, width)
        self.transformer_blocks = nn.ModuleList(
            [
                SpatialReader(width)
                if read
                else SpatialBlock(width, heads=heads, context=context, mult=mult, image=image)
            ]
        )
        self.proj_out = None if read else PointConv2d(width, width)

    def forward(
        self, x: Tensor, text: Tensor, reference: Tensor | None, image: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """`x` `(b t) c h w` → the same shape, and tokens `b t n d`; `text` and `image` `b l c`."""
        h, b = x.shape[-2], text.shape[0]
        hidden = rearrange(self.proj_in(normalize(self.norm, x)), "(b t) c h w -> b t (h w) c", b=b)
        hidden, tokens = self.transformer_blocks[0](hidden, text, reference, image)
        if self.proj_out is None:
            return x, tokens
        out: Tensor = self.proj_out(rearrange(hidden, "b t (h w) c -> (b t) c h w", h=h))
        return x + out, tokens


class TemporalBlock(nn.Module):
    """Attention over time, once or twice, and a feed-forward (AnimateDiff, Guo et al. 2023)."""

    def __init__(self, width: int, *, heads: int, attentions: int, max_frames: int, mult: int) -> None:
        super().__init__()
        self.norm1, self.attn1 = nn.LayerNorm(width), Attention(width, heads=heads)
        self.norm2 = nn.LayerNorm(width) if attentions == 2 else None
        self.attn2 = Attention(width, heads=heads) if attentions == 2 else None
        self.norm3, self.ff = nn.LayerNorm(width), FeedForward(width, mult=mult)
        self.max_frames = max_frames

    def forward(self, x: Tensor) -> Tensor:
        """`b t n d` → the same shape."""
        t, d = x.shape[1], x.shape[-1]
        if t > self.max_frames:
            raise ValueError(
                f"{t} frames at once, but the motion modules know {self.max_frames}; use windows"
            )
        place = _interleaved(sinusoid(torch.arange(t, device=x.device), d)).to(x.dtype)[:, None]
        x = x + self.attn1.over_time(self.norm1(x) + place)
        if self.attn2 is not None and self.norm2 is not None:
            x = x + self.attn2.over_time(self.norm2(x) + place)
        fed: Tensor = self.ff(self.norm3(x))
        return x + fed


def _interleaved(features: Tensor) -> Tensor:
    """Cosines-then-sines to sine, cosine, sine, cosine, … (the layout of Vaswani et al. 2017)."""
    cosines, sines = features.chunk(2, -1)
    return torch.stack([sines, cosines], -1).flatten(-2)


class MotionModule(nn.Module):
    """AnimateDiff's motion module: frames exchange what they know, place by place.

    The projection out starts at zero, so a fresh module changes nothing.
    """

    def __init__(
        self, width: int, *, heads: int, attentions: int, groups: int, max_frames: int, mult: int,
        over_frames: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.over_frames = over_frames
        self.norm = nn.GroupNorm(groups, width, 1e-6)
        self.proj_in = Linear(width, width)
        self.transformer_blocks = nn.ModuleList(
            [TemporalBlock(width, heads=heads, attentions=attentions, max_frames=max_frames, mult=mult)]
        )
        self.proj_out = Linear(width, width)
        nn.init.zeros_(self.proj_out.weight)
        nn.init.zeros_(self.proj_out.bias)

    def forward(self, x: Tensor, num_frames: int) -> Tensor:
        """`(b t) c h w` → the same shape."""
        h = x.shape[-2]
        hidden = normalize(self.norm, x, num_frames=num_frames if self.over_frames else 1)
        hidden = rearrange(hidden, "(b t) c h w -> b t (h w) c", t=num_frames)
        hidden = self.proj_in(hidden)
        for block in self.transformer_blocks:
            hidden = block(hidden)
        out: Tensor = rearrange(self.proj_out(hidden), "b t (h w) c -> (b t) c h w", h=h)
        return x + out
