"""ControlNets: the U-Net's way down once more, told by pictures, as residuals for the U-Net's skips.

Zhang et al. 2023; over time as in SparseCtrl (Guo et al. 2023), which knows some frames only and does not
see the noisy latents. Submodules are named as in diffusers' ControlNetModel. In: noisy latents, timestep,
words, and a hint for every frame. Out: residuals for `TemporalUNet.forward`.
"""

from __future__ import annotations

from dataclasses import dataclass

from diffusers.models.controlnets.controlnet import ControlNetConditioningEmbedding
from einops import rearrange
from torch import Tensor, nn

from videogen.models.blocks import Descent, Given, frames_of
from videogen.models.config import TemporalUNetConfig
from videogen.models.linear import PointConv2d

LAST_TIMESTEP = 1000
"""The timestep of pure noise, in the units of Stable Diffusion's schedules."""


@dataclass(frozen=True)
class Strength:
    """How strongly a ControlNet acts: `scale`, from the share `start` of the way from noise until `end`."""

    scale: float = 1.0
    start: float = 0.0
    end: float = 1.0

    def at(self, timestep: Tensor) -> float:
        """The scale at a timestep (scalar, or equal ones), 0 where it does not act."""
        if (self.start, self.end) == (0.0, 1.0):
            return self.scale
        way = 1 - float(timestep.flatten()[0]) / LAST_TIMESTEP
        return self.scale if self.start <= way and (way < self.end or self.end == 1) else 0.0


@dataclass(frozen=True)
class Residuals:
    """What a ControlNet adds to a U-Net, `(b t) c h w`: one per skip, and one for the middle."""

    down: tuple[Tensor, ...]
    mid: Tensor

    def __add__(self, other: Residuals) -> Residuals:
        """Both at once."""
        down = tuple(one + two for one, two in zip(self.down, other.down, strict=True))
        return Residuals(down, self.mid + other.mid)

    def scaled(self, scale: float) -> Residuals:
        """All times `scale`."""
        return Residuals(tuple(residual * scale for residual in self.down), self.mid * scale)


class ControlNet(Descent):
    """See the module's docstring.

    The hint has `hint_channels`. `hint_widths` are the channels of the layers that make it an eighth as
    large; empty for hints that are latents, which one convolution reads. A `blind` network sees zeros in
    place of the noisy latents.
    """

    def __init__(
        self, config: TemporalUNetConfig, *, hint_channels: int, hint_widths: tuple[int, ...],
        blind: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(config)
        first, deepest = config.block_out_channels[0], config.block_out_channels[-1]
        self.blind, self.reads_latents = blind, not hint_widths
        self.controlnet_cond_embedding: nn.Module = (
            ControlNetConditioningEmbedding(first, hint_channels, hint_widths)
            if hint_widths
            else nn.Conv2d(hint_channels, first, 3, padding=1)
        )
        self.controlnet_down_blocks = nn.ModuleList(PointConv2d(width, width) for width in self.skip_widths)
        self.controlnet_mid_block = PointConv2d(deepest, deepest)

    def forward(self, x: Tensor, timestep: Tensor, text: Tensor, hint: Tensor) -> Residuals:
        """The residuals for noisy latents `b c t h w`.

        `timestep` and `text` as for the U-Net; `hint` `b c t H W` or `1 c t H W`, 0…1 or latents.
        """
        return self.respond(x, timestep, text, self.watch(hint))

    def watch(self, hint: Tensor) -> Tensor:
        """What the network makes of a hint `b c t H W`, `b c t h w`: it needs to be read once."""
        watched = self.controlnet_cond_embedding(frames_of(hint))
        out: Tensor = rearrange(watched, "(b t) c h w -> b c t h w", b=len(hint))
        return out

    def respond(self, x: Tensor, timestep: Tensor, text: Tensor, watched: Tensor) -> Residuals:
        """As `forward`, to what `watch` has made of the hint."""
        b, t = x.shape[0], x.shape[2]
        told = frames_of(watched.expand(b, -1, -1, -1, -1))
        if self.blind:
            assert self.conv_in.bias is not None
            hidden = told + self.conv_in.bias[:, None, None]
        else:
            hidden = self.conv_in(frames_of(x)) + told
        given = Given(self.embed_time(timestep.expand(b), text), text, {}, t)
        hidden, skips = self.descend(hidden, given)
        down = zip(self.controlnet_down_blocks, skips, strict=True)
        return Residuals(tuple(layer(skip) for layer, skip in down), self.controlnet_mid_block(hidden))
