"""Keyframes that show motion: what lies before, between and after them is carried on from it.

Two keyframes or more that follow each other at once tell how things move. As `extend` and `transition` do
beside videos, the clip is then carried on from them, and the network is told that picture and how surely it
is known; it draws the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from videogen.conditions.bridge import Bridge
from videogen.conditions.onward import Onward
from videogen.conditions.reference import to_frame
from videogen.enhance.detail import enlarged, restore_detail

if TYPE_CHECKING:
    from videogen.clip_conditions import Conditions
    from videogen.engine import Engine
    from videogen.jobs.going_on import Carried
    from videogen.types import Frame

_AT_ONCE = 48


@dataclass(frozen=True)
class Moving:
    """The `keyframes` −1…1 `c h w` of a clip of `length` frames, by their numbers.

    `carried` says for every other frame which of its moments is carried on by what.
    """

    length: int
    keyframes: Mapping[int, Tensor]
    carried: Mapping[int, tuple[Carried, int]]

    @classmethod
    def of(
        cls, keyframes: Tensor, *, frames: tuple[int, ...], length: int, fps: float, seed: int
    ) -> Moving | None:
        """Carry a clip on from keyframes `n c h w` at some `frames`; None where one of them stands alone."""
        placed = dict(sorted(zip(frames, keyframes, strict=True)))
        runs = list(_runs(list(placed)))
        if any(len(run) < 2 for run in runs):
            return None
        pictures = [torch.stack([placed[number] for number in run]) for run in runs]
        carried: dict[int, tuple[Carried, int]] = {}
        for step in range(first := runs[0].start):
            earlier = carried[0][0] if step else _onward(pictures[0].flip(0), steps=first, fps=fps)
            carried[step] = earlier, first - 1 - step
        for (run, some), (later, others) in pairwise(zip(runs, pictures, strict=True)):
            steps = later.start - run.stop
            ways = (_onward(each, steps=steps, fps=fps) for each in (some, others.flip(0)))
            bridge = Bridge.of(*ways, seed=seed)
            carried |= {run.stop + step: (bridge, step) for step in range(steps)}
        if steps := length - runs[-1].stop:
            onward = _onward(pictures[-1], steps=steps, fps=fps)
            carried |= {runs[-1].stop + step: (onward, step) for step in range(steps)}
        return cls(length, placed, carried)

    def told(self, conditions: Conditions, engine: Engine) -> Conditions:
        """Conditions with what is known of the clip, and how surely."""
        factor = engine.spec.vae_scale_factor
        latents, visibility = [], []
        for first in range(0, self.length, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, self.length))
            pictures, seen = zip(*(self._at(number) for number in numbers), strict=True)
            latents.append(engine.encode_video(torch.stack(pictures)).cpu())
            visibility.append(F.avg_pool2d(torch.stack(seen)[:, None], factor).transpose(0, 1)[None])
        return replace(conditions, carried=torch.cat(latents, 2), visibility=torch.cat(visibility, 2))

    def show(self, number: int, drawn: Tensor) -> Frame:
        """A frame as the network drew it, `c h w`, with what is known of it: of a keyframe all."""
        if number in self.keyframes:
            return to_frame(self.keyframes[number])
        source, step = self.carried[number]
        picture, seen = source.full(step)
        return to_frame(restore_detail(enlarged(drawn.cpu(), picture.shape[-2:]), picture, seen))

    def _at(self, number: int) -> tuple[Tensor, Tensor]:
        """A frame `c h w`, grey where nothing is known, and how surely, `h w`."""
        if number in self.keyframes:
            picture = self.keyframes[number]
            return picture, torch.ones_like(picture[0])
        source, step = self.carried[number]
        pictures, seen = source.at_small(range(step, step + 1))
        return pictures[0], seen[0]


def _runs(numbers: list[int]) -> Iterator[range]:
    """Numbers in order, as stretches without a gap."""
    start = 0
    for index, number in enumerate(numbers):
        if index + 1 == len(numbers) or numbers[index + 1] != number + 1:
            yield range(numbers[start], number + 1)
            start = index + 1


def _onward(pictures: Tensor, *, steps: int, fps: float) -> Onward:
    return Onward.of(pictures, np.stack([to_frame(each) for each in pictures]), steps=steps, fps=fps)
