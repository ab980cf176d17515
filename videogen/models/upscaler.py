"""The upscaler: a frame and its neighbours to the frame at twice the size.

A residual to bicubic upsampling, which is what an untrained network gives; once trained, a network leaves the
smallest residuals out (Donoho 1995, "De-noising by soft-thresholding"). Neighbours are upsampled, moved
onto the middle frame (`alignment`: to fractions of a pixel, without weights) and read as differences to it,
at every place of the larger picture: what they add, and where they do not fit, is plain to see. The body
works at half the size of what comes in, where weights are cheap, and pixels are shuffled to their places
(Shi et al. 2016). 4x is 2x twice: one network has all of a short training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from videogen.models.alignment import brightness, find_motion
from videogen.models.flow import warp

_LARGEST = 1024
_NOISE = 2.5 / 255
"""Residuals up to this are those that rounding and codecs cause, and flicker; finished frames do without."""
SCALE = 2
"""How much larger one pass makes a picture, on each side."""


@dataclass(frozen=True)
class UpscalerConfig:
    """The sizes of an upscaler: `frames` it sees (odd), channels at the input's size and at half of it.

    Raises ValueError for impossible numbers.
    """

    frames: int = 3
    width: int = 48
    inner: int = 96
    blocks: int = 5

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 1 <= value <= _LARGEST:
                raise ValueError(f"the upscaler's {name} is {value}, expected 1 to {_LARGEST}")
        if self.frames % 2 == 0:
            raise ValueError(f"the upscaler's frames are {self.frames}; expected an odd number")

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> UpscalerConfig:
        """A config from JSON values; raises TypeError for unknown names and for values of another kind."""
        kinds = {field.name for field in fields(cls)}
        for name, value in values.items():
            if name not in kinds:
                raise TypeError(f"unknown setting of the upscaler: {name}")
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"the upscaler's {name} is {value!r}, expected a whole number")
        return cls(**values)  # type: ignore[arg-type]

    def to_dict(self) -> dict[str, object]:
        """The config as JSON values."""
        return asdict(self)


class Upscaler(nn.Module):
    """Frames `b t c h w` of three colours, 0…1, to the middle one, `b c 2h 2w`, 0…1 but for overshoot."""

    def __init__(self, config: UpscalerConfig) -> None:
        super().__init__()
        self.config = config
        width, inner, cell = config.width, config.inner, SCALE * SCALE
        self.stem = nn.Conv2d(3 + 3 * cell * (config.frames - 1), width, 3, padding=1)
        self.down = nn.Conv2d(4 * width, inner, 1)
        self.body = nn.ModuleList(_Block(inner) for _ in range(config.blocks))
        self.up = nn.Conv2d(inner, 4 * width, 1)
        self.last = _Block(width)
        self.head = nn.Conv2d(width, 3 * cell, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    @property
    def scale(self) -> int:
        """How much larger the picture becomes, on each side."""
        return SCALE

    @property
    def frames(self) -> int:
        """How many frames it sees, the middle one in the middle."""
        return self.config.frames

    def forward(self, clip: Tensor) -> Tensor:
        """The middle frame of `clip`, larger; raises ValueError for a clip of another length."""
        b, t, c, h, w = clip.shape
        if t != self.config.frames:
            raise ValueError(f"the upscaler sees {self.config.frames} frames, not {t}")
        more = (0, -w % 2, 0, -h % 2)
        if any(more):
            clip = F.pad(clip.flatten(1, 2), more, mode="replicate").unflatten(1, (t, c))
        large = F.interpolate(clip.flatten(0, 1), scale_factor=SCALE, mode="bicubic").unflatten(0, (b, t))
        middle = t // 2
        x = self.stem(torch.cat([clip[:, middle] - 0.5, self._differences(clip, large)], 1))
        deep = self.down(F.pixel_unshuffle(x, 2))
        for block in self.body:
            deep = block(deep)
        x = self.last(x + F.pixel_shuffle(self.up(deep), 2))
        residual = F.pixel_shuffle(self.head(x), SCALE)
        if not self.training:
            residual = F.softshrink(residual, _NOISE)
        found: Tensor = large[:, middle] + residual
        return found[..., : SCALE * h, : SCALE * w]

    def _differences(self, clip: Tensor, large: Tensor) -> Tensor:
        """The others moved onto the middle frame, minus it: `b n h w`, a channel for each larger pixel."""
        b, t = clip.shape[:2]
        others = [number for number in range(t) if number != t // 2]
        if not others:
            return clip.new_zeros(b, 0, *clip.shape[-2:])
        with torch.no_grad(), torch.autocast(clip.device.type, enabled=False):
            light = brightness(clip.flatten(0, 1)).unflatten(0, (b, t))
            first = light[:, t // 2, None].expand(-1, len(others), -1, -1, -1).flatten(0, 1)
            motion = find_motion(first, light[:, others].flatten(0, 1))
            motion = F.interpolate(motion, scale_factor=SCALE, mode="bilinear", align_corners=False) * SCALE
            there = large[:, others].flatten(0, 1)
            moved = warp(there.float(), motion).to(clip).unflatten(0, (b, len(others)))
            return F.pixel_unshuffle((moved - large[:, t // 2, None]).flatten(1, 2), SCALE)


class _Block(nn.Module):
    """Two convolutions that add to what comes in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight *= 0.3

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = x + self.second(F.leaky_relu(self.first(x), 0.1))
        return found
