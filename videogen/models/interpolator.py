"""The frame interpolator: two frames and a moment between them in, the frame of that moment out.

Four stages, called in order by `Interpolator.forward`. A pyramid of features of both frames (1/4 of the size
and below); motion, from the coarsest level to the finest, as seen from the frame to be made; a warp of both
frames; a fusion that says which frame is seen where and mends the rest. Below 1/8 one set of weights serves
all levels, so that larger frames simply have more of them, and motion may be as large as the frame.

Motion is two fields, in pixels of their level, x then y: `speed` V and `bend` A. At time t of 0…1 a point
of the new frame lies at −t V + t (1 − t) A in the first and at (1 − t) V + t (1 − t) A in the second, so both
ends are exact whatever t. Each level sees how well shifted features agree (both frames moved towards each
other, as in Park et al. 2020, "BMBC"), and the least-squares step of Lucas and Kanade (1981) in two windows:
what remains for the weights is which of these hints to believe.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from videogen.models.flow import (
    REACH,
    WINDOWS,
    agreement,
    finer_fields,
    flows_at,
    lucas_kanade,
    twice,
    warp,
)

_LEAST_SIDE = 4
_HINTS = 2 * len(WINDOWS)
_SHARED = 4
"""From this level on (1/16 of the size) levels share their weights."""
_PLAIN, _UNSEEN = 0.2, 1 / 255
"""How much of the way to the plain mix a finished frame goes, and how far at most."""


@dataclass(frozen=True)
class InterpolatorConfig:
    """Widths: of the features at 1/2, 1/4, 1/8 and below; of the estimators of motion at the same; of memory.

    `most_levels` bounds how often a frame is halved: 2**most_levels pixels are compared at once.
    """

    features: tuple[int, int, int, int] = (24, 40, 64, 96)
    estimators: tuple[int, int, int, int] = (48, 72, 112, 192)
    memory: int = 32
    most_levels: int = 7

    def to_dict(self) -> dict[str, Any]:
        """Return the values as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Motion:
    """What is known of the motion at a level: `fields` `b 5 h w` (V, A, and a logit), `memory` `b m h w`.

    The logit says how much more the first frame shows a point than the second.
    """

    fields: Tensor
    memory: Tensor

    def finer(self) -> Motion:
        """The same at twice the size."""
        return Motion(finer_fields(self.fields), twice(self.memory))


@dataclass(frozen=True)
class Between:
    """The frame `b 3 h w`, 0…1; and for training the flows of every level, finest last, and the plain mix."""

    frame: Tensor
    flows: list[tuple[Tensor, Tensor]]
    mix: Tensor


class Interpolator(nn.Module):
    """Makes the frame at any moment between two frames."""

    def __init__(self, config: InterpolatorConfig | None = None) -> None:
        super().__init__()
        self.config = config or InterpolatorConfig()
        half, quarter, eighth, below = self.config.features
        memory, widths = self.config.memory, self.config.estimators
        self.stem = _Convolution(12, half)
        self.to_quarter = _Pair(half, quarter)
        self.to_eighth = _Pair(quarter, eighth)
        self.to_sixteenth = _Pair(eighth, below)
        self.to_below = _Pair(below, below)
        self.at_quarter = Estimator(quarter, width=widths[1], memory=memory, depth=2)
        self.at_eighth = Estimator(eighth, width=widths[2], memory=memory, depth=2)
        self.below = Estimator(below, width=widths[3], memory=memory, depth=3)
        self.finest = FinestEstimator(width=widths[0], memory=memory)
        self.fusion = Fusion(width=widths[0], memory=memory)

    def forward(self, first: Tensor, second: Tensor, time: Tensor) -> Tensor:
        """The frame at `time` (`b`, 0…1) between two of any size from 16 pixels on, 0…1 `b 3 h w`."""
        frame = self.between(first, second, time).frame
        # Things do not always move evenly: a little of the plain mix, too little to be seen, is nearer.
        plain = torch.lerp(first, second, time.to(first)[:, None, None, None])
        return (frame + (_PLAIN * (plain - frame)).clamp(-_UNSEEN, _UNSEEN)).clamp(0, 1)

    def between(self, first: Tensor, second: Tensor, time: Tensor) -> Between:
        """The same with what led there; raises ValueError where shapes do not agree."""
        if first.shape != second.shape or first.dim() != 4 or time.shape != first.shape[:1]:
            raise ValueError(
                f"frames are {tuple(first.shape)} and {tuple(second.shape)}, times {tuple(time.shape)}; "
                "expected b 3 h w twice, and b"
            )
        h, w = first.shape[-2:]
        levels = self._levels(h, w)
        pair = _padded(torch.cat([first, second]), 2**levels)
        moment = time.to(pair)[:, None, None, None]
        motion, flows = self._motion(pair, moment, levels)
        fields, memory = self.finest(pair, motion, moment)
        flows.append(_flows(fields, moment))
        frame, mix = self.fusion(pair, fields, memory, moment)
        return Between(frame[..., :h, :w], flows, mix[..., :h, :w])

    def _levels(self, h: int, w: int) -> int:
        """How often the frame is halved."""
        levels = _SHARED
        while levels < self.config.most_levels and min(h, w) >= _LEAST_SIDE * 2 ** (levels + 1):
            levels += 1
        return levels

    def _motion(
        self, pair: Tensor, moment: Tensor, levels: int
    ) -> tuple[Motion, list[tuple[Tensor, Tensor]]]:
        """Motion at 1/4 of the size, and the flows of all levels up to it."""
        features = [self.to_quarter(self.stem(functional.pixel_unshuffle(pair, 2)))]
        for step in (self.to_eighth, self.to_sixteenth, *[self.to_below] * (levels - _SHARED)):
            features.append(step(features[-1]))
        estimators = [self.at_quarter, self.at_eighth, *[self.below] * (levels - _SHARED + 1)]
        motion, flows = self._rest(features[-1]), []
        for number in reversed(range(len(features))):
            picture = functional.avg_pool2d(pair, 4 * 2**number)
            motion = estimators[number](features[number], picture, motion, moment)
            flows.append(_flows(motion.fields, moment))
            if number:
                motion = motion.finer()
        return motion, flows

    def _rest(self, features: Tensor) -> Motion:
        b, _, h, w = features.shape
        fields = torch.zeros(b // 2, 5, h, w, device=features.device)
        return Motion(fields, features.new_zeros(b // 2, self.config.memory, h, w))


class Estimator(nn.Module):
    """What is known of the motion, and features and pictures of both frames in; better motion out."""

    def __init__(self, features: int, *, width: int, memory: int, depth: int) -> None:
        super().__init__()
        hints = 2 * features + (2 * REACH + 1) ** 2 + _HINTS + 3 + 5 + memory + 1
        self.body = nn.Sequential(
            _Convolution(hints, width),
            *(_Convolution(width, width) for _ in range(depth - 1)),
            _Convolution(width, width // 2 + memory),
        )
        self.to_fields = _silent(width // 2 + memory, 5)
        self.to_memory = nn.Conv2d(width // 2 + memory, memory, 1)

    def forward(self, features: Tensor, pictures: Tensor, motion: Motion, moment: Tensor) -> Motion:
        """`features` and `pictures` are those of the first frames and then of the second."""
        # Hints are seen where the motion known so far leads; how it came about is not their business.
        fields = motion.fields.detach()
        flows = torch.cat(_flows(fields, moment))
        first, second = warp(features.float(), flows).chunk(2)
        left, right = warp(pictures, flows).chunk(2)
        known = [
            *(agreement(first, second), lucas_kanade(left, right), right - left, fields),
            *(motion.memory, moment.expand(-1, 1, *left.shape[-2:])),
        ]
        seen = self.body(torch.cat([first, second, *(each.float() for each in known)], 1))
        return Motion(motion.fields + self.to_fields(seen).float(), self.to_memory(seen))


class FinestEstimator(nn.Module):
    """Motion at the full size: the pictures themselves are seen, four pixels at a time."""

    def __init__(self, *, width: int, memory: int) -> None:
        super().__init__()
        hints = 4 * (6 + _HINTS) + 5 + memory + 1
        self.body = nn.Sequential(_Convolution(hints, width), _Convolution(width, width))
        self.to_fields = _silent(width, 4 * 5)
        self.to_memory = nn.Conv2d(width, memory, 1)

    def forward(self, pair: Tensor, motion: Motion, moment: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the fields of motion at the full size, and the memory at half of it."""
        half = motion.finer()
        coarse = finer_fields(half.fields)
        left, right = warp(pair, torch.cat(_flows(coarse.detach(), moment))).chunk(2)
        seen = functional.pixel_unshuffle(torch.cat([left, right, lucas_kanade(left, right)], 1), 2)
        known = [half.fields.detach(), half.memory.float(), moment.expand(-1, 1, *half.fields.shape[-2:])]
        hidden = self.body(torch.cat([seen, *known], 1))
        fields = coarse + functional.pixel_shuffle(self.to_fields(hidden).float(), 2)
        return fields, self.to_memory(hidden)


class Fusion(nn.Module):
    """Both frames, warped to the moment, to one: a mix by what is seen where, and what the mix lacks."""

    def __init__(self, *, width: int, memory: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_Convolution(4 * 7 + memory, width), _Convolution(width, width))
        self.to_picture = _silent(width, 4 * 4)

    def forward(self, pair: Tensor, fields: Tensor, memory: Tensor, moment: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the frame and the mix before it was mended, `b 3 h w` each."""
        left, right = warp(pair, torch.cat(_flows(fields, moment)), mode="bicubic").chunk(2)
        logit = fields[:, 4:] + torch.log((1 - moment).clamp_min(1e-4) / moment.clamp_min(1e-4))
        seen = functional.pixel_unshuffle(torch.cat([left, right, fields[:, 4:].detach()], 1), 2)
        more = functional.pixel_shuffle(
            self.to_picture(self.body(torch.cat([seen, memory.float()], 1))).float(), 2
        )
        mix = torch.lerp(right, left, (logit + more[:, 3:]).sigmoid())
        return mix + more[:, :3], mix


def _flows(fields: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
    """Where points of the frame at `time` (`b 1 1 1`) lie in the first and second: `b 2 h w` each."""
    return flows_at(fields[:, :2], fields[:, 2:4], time)


class _Convolution(nn.Sequential):
    def __init__(self, before: int, after: int, *, stride: int = 1) -> None:
        super().__init__(nn.Conv2d(before, after, 3, stride, 1), nn.LeakyReLU(0.1, inplace=True))


class _Pair(nn.Sequential):
    """Half the size."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(_Convolution(before, after, stride=2), _Convolution(after, after))


def _silent(before: int, after: int) -> nn.Conv2d:
    """A convolution that says nothing until it has learnt to."""
    layer = nn.Conv2d(before, after, 3, padding=1)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
    return layer


def _padded(pictures: Tensor, step: int) -> Tensor:
    """Pictures whose sides are multiples of `step`, their last rows and columns repeated."""
    h, w = pictures.shape[-2:]
    return functional.pad(pictures, (0, -w % step, 0, -h % step), mode="replicate")
