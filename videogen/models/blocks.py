"""The blocks of a temporal U-Net, and its way down to the middle, which a ControlNet shares.

Hidden states are frames, `(b t) c h w` in channels-last memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from einops import rearrange
from torch import Tensor, nn

from videogen.models.attention import MotionModule, SpatialTransformer
from videogen.models.config import TemporalUNetConfig
from videogen.models.layers import Downsample, ResnetBlock, TimestepEmbedding, sinusoid


@dataclass(frozen=True)
class Given:
    """What every block is told: FiLM embedding `b t d` or `b 1 d`, words `b l c`, reference tokens by layer.

    `image` are a picture's tokens `b l c`, beside the words. `name` is the block's own, by which it finds its
    reference tokens; `lent` takes its own tokens, for another network's attention.
    """

    embedding: Tensor
    text: Tensor
    reference: Mapping[str, Tensor]
    num_frames: int
    lent: dict[str, Tensor] | None = None
    name: str = ""
    image: Tensor | None = None

    def named(self, name: str) -> Given:
        """The same, for the block called `name`."""
        return replace(self, name=name)


class Block(nn.Module):
    """One size of the U-Net: residual blocks, each followed by attention and a motion module where present.

    `widths` are (in, out) of each residual block; `refined` how many of them are followed by more; of the
    last attention of a network that is only `read`, no more is built than its tokens need.
    """

    def __init__(
        self, config: TemporalUNetConfig, widths: Sequence[tuple[int, int]], *, refined: int, attention: bool,
        motion: bool, read: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        c, width = config, widths[-1][1]
        self.resnets = nn.ModuleList(
            ResnetBlock(
                i, o, c.block_out_channels[0] * 4, groups=c.norm_num_groups, eps=c.norm_eps,
                scale_shift=c.scale_shift, temporal=c.temporal_convolution, over_frames=c.norm_over_frames,
            )
            for i, o in widths
        )  # fmt: skip
        self.attentions = nn.ModuleList(
            SpatialTransformer(
                width, heads=c.attention_heads, context=c.cross_attention_dim, groups=c.norm_num_groups,
                mult=c.feed_forward_mult, read=read and index == refined - 1, image=c.image_prompt,
            )
            for index in range(refined if attention else 0)
        )  # fmt: skip
        self.motion_modules = nn.ModuleList(
            MotionModule(
                width, heads=c.motion_heads, attentions=c.motion_attentions, groups=c.motion_num_groups,
                max_frames=c.motion_max_frames, mult=c.feed_forward_mult,
                over_frames=c.motion_norm_over_frames,
            )
            for _ in range(refined if motion else 0)
        )  # fmt: skip
        self.downsamplers = nn.ModuleList()
        self.upsamplers = nn.ModuleList()

    def layer(self, index: int, x: Tensor, given: Given) -> Tensor:
        """Residual block, attention and motion module number `index`, over `x` `(b t) c h w`."""
        return self.refine(index, self.resnets[index](x, given.embedding), given)

    def refine(self, index: int, x: Tensor, given: Given) -> Tensor:
        """Attention and motion module number `index`."""
        if len(self.attentions):
            name = f"{given.name}.attentions.{index}"
            x, tokens = self.attentions[index](x, given.text, given.reference.get(name), given.image)
            if given.lent is not None:
                given.lent[name] = tokens
        if len(self.motion_modules):
            x = self.motion_modules[index](x, given.num_frames)
        return x


class Descent(nn.Module):
    """What a temporal U-Net and its ControlNets share: the first convolution, the way down, the middle."""

    def __init__(self, config: TemporalUNetConfig) -> None:
        super().__init__()
        self.config = config
        widths, layers = config.block_out_channels, config.layers_per_block
        self.conv_in = nn.Conv2d(config.in_channels, widths[0], 3, padding=1)
        self.time_embedding = TimestepEmbedding(widths[0], widths[0] * 4)
        self.skip_widths = [widths[0]]
        self.down_blocks = nn.ModuleList()
        before = widths[0]
        for level, (width, attention, motion) in enumerate(
            zip(widths, config.attention_levels, config.motion_levels, strict=True)
        ):
            pairs = [(before if i == 0 else width, width) for i in range(layers)]
            block = Block(config, pairs, refined=layers, attention=attention, motion=motion)
            self.skip_widths += [width] * layers
            if level < len(widths) - 1:
                block.downsamplers.append(Downsample(width))
                self.skip_widths.append(width)
            self.down_blocks.append(block)
            before = width
        self.mid_block = Block(
            config, [(before, before)] * 2, refined=1, attention=True, motion=config.motion_mid_block
        )

    def embed_time(self, timestep: Tensor, like: Tensor) -> Tensor:
        """The embedding of timesteps `b`, `b 1 d`, in the numbers of `like`."""
        features = sinusoid(timestep, self.config.block_out_channels[0]).to(like.dtype)
        embedding: Tensor = self.time_embedding(features)[:, None]
        return embedding

    def shallow(self, hidden: Tensor, given: Given) -> list[Tensor]:
        """From the first convolution's output, every skip of the largest size, `(b t) c h w`."""
        block, skips = next(blocks_of(self.down_blocks)), [hidden]
        for index in range(self.config.layers_per_block):
            skips.append(block.layer(index, skips[-1], given.named("down_blocks.0")))
        return skips

    def descend(self, hidden: Tensor, given: Given) -> tuple[Tensor, list[Tensor]]:
        """From the first convolution's output through the middle; also every skip, `(b t) c h w`."""
        skips = self.shallow(hidden, given)
        for number, block in enumerate(blocks_of(self.down_blocks)):
            if number > 0:
                for index in range(self.config.layers_per_block):
                    skips.append(block.layer(index, skips[-1], given.named(f"down_blocks.{number}")))
            for downsample in block.downsamplers:
                skips.append(downsample(skips[-1]))
        hidden = skips[-1]
        hidden = self.mid_block.layer(0, hidden, given.named("mid_block"))
        return self.mid_block.resnets[1](hidden, given.embedding), skips


def frames_of(x: Tensor) -> Tensor:
    """`b c t h w` → `(b t) c h w` in channels-last memory."""
    return rearrange(x, "b c t h w -> (b t) c h w").contiguous(memory_format=torch.channels_last)


def blocks_of(modules: nn.ModuleList) -> Iterator[Block]:
    """The blocks of a list, by their type."""
    for module in modules:
        assert isinstance(module, Block)
        yield module
