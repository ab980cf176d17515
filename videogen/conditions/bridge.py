"""From the end of one clip to the beginning of another: both carried on, and one gives way to the other.

Forwards from the first clip, backwards from the second. A thing that both show goes from the one place to the
other in one curve; what differs changes over behind a front that runs over the picture, so that nothing is
seen through anything else. Along the front nothing is told, and a network draws it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from videogen.conditions.geometry import smoothstep
from videogen.conditions.onward import Array, Onward

_ALIKE, _AS_LARGE = 0.2, 5.0
"""How far the mean colours of one thing may differ at both ends, and how many times its area."""
_TURNS, _AS_QUICK = 0.03, 2.0
"""Radians a frame from which on a thing turns, and how many times as quickly it may at the other end."""
_BAND = 0.16
"""How wide the front is, as a share of its way."""
_WAVES = 5
"""Places of the coarse random field that bends the front."""
_DIFFERENT = 0.08, 0.25


@dataclass(frozen=True)
class Bridge:
    """`steps` frames between two clips, of which `before` goes forwards and `after` backwards; `order`
    `h w`, 0…1, says when the front passes each place."""

    before: Onward
    after: Onward
    order: Tensor

    @classmethod
    def of(cls, before: Onward, after: Onward, *, seed: int) -> Bridge:
        """Join two clips that were carried on towards each other, equally far."""
        there, back = _met(before.beside(after), after.beside(before))
        height, width = before.small.shape[-2:]
        return cls(there, back, _front(height, width, seed=seed))

    @property
    def steps(self) -> int:
        """How many frames there are."""
        return self.before.steps

    def at_small(self, steps: range) -> tuple[Tensor, Tensor]:
        """Some of the frames, `t c h w`, grey where nothing is told, and how surely, `t h w`."""
        first, seen_first = self.before.at_small(steps)
        second, seen_second = self.after.at_small(range(self.steps)[::-1][steps.start : steps.stop])
        found = [
            self._joined(step, one[None], seen_one, two[None], seen_two)
            for step, one, seen_one, two, seen_two in zip(
                steps, first, seen_first, second, seen_second, strict=True
            )
        ]
        pictures, seen = torch.cat([each for each, _ in found]), torch.stack([each for _, each in found])
        return pictures * seen[:, None], seen

    def full(self, step: int) -> tuple[Tensor, Tensor]:
        """One frame at full size, `c H W`, and how surely, `H W`."""
        first, seen_first = self.before.full(step)
        second, seen_second = self.after.full(self.steps - 1 - step)
        picture, seen = self._joined(step, first[None], seen_first, second[None], seen_second)
        return picture[0], seen

    def _joined(
        self, step: int, first: Tensor, seen_first: Tensor, second: Tensor, seen_second: Tensor
    ) -> tuple[Tensor, Tensor]:
        size = first.shape[-2:]
        order = F.interpolate(self.order[None, None], size, mode="bilinear", align_corners=False)[0, 0]
        time = (step + 1) / (self.steps + 1) * (1 + _BAND)
        over = smoothstep((time - order) / _BAND, 0.0, 1.0)
        apart = F.avg_pool2d((first - second).abs().mean(1, keepdim=True) / 2, 3, 1, 1)[0, 0]
        between = 4 * over * (1 - over) * smoothstep(apart, *_DIFFERENT)
        picture = torch.lerp(first, second, torch.where(between > 0.2, over.round(), over))
        return picture, torch.lerp(seen_first, seen_second, over) * (1 - between)


def _met(before: Onward, after: Onward) -> tuple[Onward, Onward]:
    """Both clips with the paths of things that are in both made one."""
    there, back = list(before.paths), list(after.paths)
    free = set(range(len(after.parted.things)))
    for number, thing in enumerate(before.parted.things):
        colour = _colour(before, number)
        for other in sorted(free, key=lambda index: float(np.abs(colour - _colour(after, index)).max())):
            sizes = thing.mask.sum() / max(after.parted.things[other].mask.sum(), 1e-6)
            if np.abs(colour - _colour(after, other)).max() < _ALIKE and 1 / _AS_LARGE < sizes < _AS_LARGE:
                there[number], back[other] = _curve(before, after, number, other, larger=0.5 * np.log(sizes))
                free.remove(other)
            break
    still = [np.zeros_like(before.paths[-1])]
    return replace(before, paths=(*there[:-1], *still)), replace(after, paths=(*back[:-1], *still))


def _colour(clip: Onward, number: int) -> Array:
    mask = clip.parted.things[number].mask[..., None]
    return np.asarray((clip.parted.last * mask).sum((0, 1)) / mask.sum())


def _curve(before: Onward, after: Onward, number: int, other: int, *, larger: float) -> tuple[Array, Array]:
    """A thing's path from its last state in one clip to its first in the other.

    As the first clip counts sizes and angles, and as the second does, backwards. Places follow a cubic
    (Hermite) that begins and ends at the paces that were seen; sizes, whose paces are not seen as surely, go
    over evenly; what turns alike at both ends turns on.
    """
    first, second = before.parted.things[number].path, after.parted.things[other].path
    steps, length = np.arange(1, before.steps + 1), before.steps + 1
    out, into = _speed(first) / before.stride, -_speed(second) / after.stride
    t = steps[:, None] / length
    places = (
        (2 * t**3 - 3 * t**2 + 1) * first[-1, :2] + (t**3 - 2 * t**2 + t) * out[:2] * length
        + (3 * t**2 - 2 * t**3) * second[-1, :2] + (t**3 - t**2) * into[:2] * length
    )  # fmt: skip
    turn = _turning(out[3], into[3])
    path = np.column_stack([places, first[-1, 2] - larger * t, first[-1, 3] + turn * steps])
    back = np.column_stack([places[::-1], second[-1, 2] + larger * t, second[-1, 3] - turn * steps])
    return path, back


def _turning(out: float, into: float) -> float:
    """How much a thing turns in a frame, in the mean of both ends; 0 unless it does so alike at both."""
    slower, quicker = sorted((abs(out), abs(into)))
    alike = out * into > 0 and slower >= _TURNS and quicker <= _AS_QUICK * slower
    return (out + into) / 2 if alike else 0.0


def _speed(path: Array) -> Array:
    """The pace of a path `t 4` at its last moment: the mean of its last steps, and where they change evenly,
    as on a circle, as much on as they have changed."""
    steps = np.diff(path[-4:], axis=0)
    if not len(steps):
        return np.zeros_like(path[-1])
    pace = steps[-2:].mean(0)
    changes = np.diff(steps, axis=0)
    if len(changes) < 2:
        return np.asarray(pace)
    bend, uneven = changes.mean(0), changes[1] - changes[0]
    if np.hypot(*uneven[:2]) < np.hypot(*bend[:2]):
        pace[:2] = steps[:, :2].mean(0) + 1.5 * bend[:2]
    return np.asarray(pace)


def _front(height: int, width: int, *, seed: int) -> Tensor:
    """When a front that runs over a picture passes each place, 0…1 `h w`: across, in waves."""
    coarse = torch.randn(1, 1, _WAVES, _WAVES, generator=torch.Generator().manual_seed(seed % 2**31))
    waves = F.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)[0, 0]
    across = torch.linspace(0, 1, width).expand(height, width)
    order = across + 0.12 * waves
    low, high = order.amin(), order.amax()
    return (order - low) / (high - low)
