"""RIFE, the interpolator of others' checkpoints: Practical-RIFE 4.5 to 4.26 (Huang et al. 2022, ECCV).

Blocks from coarse to fine, each at its own fraction of the size, correct the motion from the frame in between
to both frames and the mask that mixes them; features of both frames, and from 4.21 on what the block before
has thought, are handed along. Versions differ in sizes alone, save that masks are added up before 4.7 and
replaced from then on. Layers carry the checkpoints' own names.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_SLOPE = 0.2
_DEPTH = 8


@dataclass(frozen=True)
class RifeConfig:
    """The sizes of a version: `widths` and `scales` of its blocks, coarsest first.

    `spare` channels that a block gives beside four of motion and a mask, handed on if `remembers`; `features`
    of a frame by a head of `head_layers` layers with `head_width` channels, 0 = none; `named_head` whether
    its layers are called cnn0 to cnn3; `groups` of the blocks' convolutions. Raises ValueError for sizes that
    no version has.
    """

    widths: tuple[int, ...]
    scales: tuple[int, ...]
    spare: int
    remembers: bool
    features: int = 0
    head_layers: int = 0
    head_width: int = 0
    named_head: bool = False
    groups: int = 1

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.scales) or not self.widths:
            raise ValueError(f"{len(self.widths)} widths for {len(self.scales)} scales of RIFE's blocks")
        if (self.features > 0) != (self.head_layers > 0):
            raise ValueError("RIFE's head and its features go together")
        if any(width % (2 * self.groups) for width in self.widths):
            raise ValueError(f"RIFE's widths {self.widths} do not fit {self.groups} groups")

    @property
    def multiple(self) -> int:
        """What the sides of pictures are padded to: the coarsest block still halves its own size twice."""
        return 4 * max(self.scales)

    @property
    def adds_masks(self) -> bool:
        """Whether each block corrects the mask, instead of saying it anew."""
        return self.features == 0


class Rife(nn.Module):
    """Makes the frame at any moment between two frames."""

    def __init__(self, config: RifeConfig) -> None:
        super().__init__()
        self.config = config
        seen = 7 + 2 * config.features
        more = 1 + 4 + (config.spare if config.remembers else 0)  # the mask, the motion, the thoughts
        for number, width in enumerate(config.widths):
            channels = seen + (more if number else 0)
            self.add_module(f"block{number}", _Block(channels, width, config))
        if config.features:
            self.encode = (_NamedHead if config.named_head else _Head)(config)

    def forward(self, first: Tensor, second: Tensor, time: Tensor) -> Tensor:
        """The frame at `time` (`b`, 0…1) between two, all 0…1 `b 3 h w` of any size.

        Raises ValueError where shapes do not agree.
        """
        if first.shape != second.shape or first.dim() != 4 or time.shape != first.shape[:1]:
            raise ValueError(
                f"frames are {tuple(first.shape)} and {tuple(second.shape)}, times {tuple(time.shape)}; "
                "expected b 3 h w twice, and b"
            )
        h, w = first.shape[-2:]
        pair = torch.cat([first, second]).clamp(0, 1)
        pair = F.pad(pair, (0, -w % self.config.multiple, 0, -h % self.config.multiple))
        features = self.encode(pair) if self.config.features else pair[:, :0]
        moment = time.to(pair)[:, None, None, None].expand(-1, 1, *pair.shape[-2:])
        left, right, mask = self._meet(torch.cat([pair, features], 1), moment)
        made = left * mask + right * (1 - mask)
        return made[..., :h, :w].clamp(0, 1)

    def _meet(self, pair: Tensor, moment: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Both frames moved to the moment, `b 3 h w` each, and how much of the first is seen, `b 1 h w`.

        `pair` has the first frames and then the second ones, with their features behind the colours.
        """
        moved, flow, mask, thoughts = pair, None, None, None
        for number, scale in enumerate(self.config.scales):
            one, other = moved.chunk(2)
            seen = [one[:, :3], other[:, :3], one[:, 3:], other[:, 3:], moment]
            seen += [] if mask is None else [mask]
            seen += [] if thoughts is None or not self.config.remembers else [thoughts]
            change, said, thoughts = self.get_submodule(f"block{number}")(torch.cat(seen, 1), flow, scale)
            flow = change if flow is None else flow + change
            mask = said if mask is None or not self.config.adds_masks else mask + said
            moved = warp(pair, torch.cat(flow.chunk(2, 1)))
        left, right = moved[:, :3].chunk(2)
        assert mask is not None  # there is at least one block
        return left, right, mask.sigmoid()


class _Block(nn.Module):
    """What is seen at one fraction of the size, to a change of motion, a mask, and thoughts."""

    def __init__(self, channels: int, width: int, config: RifeConfig) -> None:
        super().__init__()
        self.conv0 = nn.Sequential(_halving(channels, width // 2), _halving(width // 2, width))
        self.convblock = nn.Sequential(*(_Residual(width, config.groups) for _ in range(_DEPTH)))
        self.lastconv = nn.Sequential(
            nn.ConvTranspose2d(width, 4 * (5 + config.spare), 4, 2, 1), nn.PixelShuffle(2)
        )

    def forward(self, seen: Tensor, flow: Tensor | None, scale: int) -> tuple[Tensor, Tensor, Tensor]:
        seen = _resized(seen, 1 / scale)
        if flow is not None:
            seen = torch.cat([seen, _resized(flow, 1 / scale) / scale], 1)
        said = _resized(self.lastconv(self.convblock(self.conv0(seen))), scale)
        return said[:, :4] * scale, said[:, 4:5], said[:, 5:]


class _Residual(nn.Module):
    """A convolution that adds to what comes in, each channel by its own share."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, 1, 1, groups=groups)
        self.beta = nn.Parameter(torch.ones(1, width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.conv(x) * self.beta + x, _SLOPE)


class _Head(nn.Sequential):
    """Features of a frame at its size; two layers have nothing between them, four bend between."""

    def __init__(self, config: RifeConfig) -> None:
        layers = _head_layers(config)
        bent = [part for layer in layers for part in (layer, nn.LeakyReLU(_SLOPE))][:-1]
        super().__init__(*(layers if config.head_layers == 2 else bent))


class _NamedHead(nn.Module):
    """The same with names, as from 4.14 on."""

    def __init__(self, config: RifeConfig) -> None:
        super().__init__()
        for number, layer in enumerate(_head_layers(config)):
            self.add_module(f"cnn{number}", layer)

    def forward(self, pictures: Tensor) -> Tensor:
        first, *others = self.children()
        seen: Tensor = first(pictures)
        for layer in others:
            seen = layer(F.leaky_relu(seen, _SLOPE))
        return seen


def _head_layers(config: RifeConfig) -> list[nn.Module]:
    width = config.head_width
    middle = (nn.Conv2d(width, width, 3, 1, 1) for _ in range(config.head_layers - 2))
    return [nn.Conv2d(3, width, 3, 2, 1), *middle, nn.ConvTranspose2d(width, config.features, 4, 2, 1)]


def _halving(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, 2, 1), nn.LeakyReLU(_SLOPE))


def _resized(values: Tensor, factor: float) -> Tensor:
    if factor == 1:
        return values
    return F.interpolate(values, scale_factor=factor, mode="bilinear", align_corners=False)


def warp(pictures: Tensor, flow: Tensor) -> Tensor:
    """Look up each pixel of `b c h w` where `flow` (`b 2 h w`, pixels, x then y) leads; edges go on."""
    h, w = flow.shape[-2:]
    x = torch.arange(w, device=flow.device) + flow[:, 0]
    y = torch.arange(h, device=flow.device)[:, None] + flow[:, 1]
    where = torch.stack([2 * x / max(w - 1, 1) - 1, 2 * y / max(h - 1, 1) - 1], -1)
    return F.grid_sample(pictures, where.to(pictures), padding_mode="border", align_corners=True)
