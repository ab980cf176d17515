"""New frames beside given ones: what the network is told of them, and how they are shown at full size.

A network that has learnt to go on is told the given frames beside the new ones, what of them can be carried
on, and how surely; it draws the rest. What was carried is shown at full size, so that new frames are as sharp
as the given ones. Any other network finds the given frames imposed on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from videogen.conditions.reference import Canvas, to_frame
from videogen.engine import Conditions
from videogen.enhance.detail import enlarged, restore_detail
from videogen.jobs.words import warn_of_unknown_words, word_guidance
from videogen.types import Frame, Latents

if TYPE_CHECKING:
    from videogen.engine import Engine, ModelSpec
    from videogen.generative import TimelineRequest
    from videogen.jobs.given import GivenVideo

_AT_ONCE = 48


class Carried(Protocol):
    """What can be told of new frames: `Onward`, or `Bridge`."""

    @property
    def steps(self) -> int:
        """How many there are."""

    def at_small(self, steps: range) -> tuple[Tensor, Tensor]:
        """Some frames, `t c h w`, and how surely, `t h w`."""

    def full(self, step: int) -> tuple[Tensor, Tensor]:
        """One at full size, `c H W`, and how surely, `H W`."""


@dataclass(frozen=True)
class NewFrames:
    """New frames of the size of the `given` video: `carried` says what is known of them, None nothing."""

    given: GivenVideo
    carried: Carried | None

    def told(
        self, engine: Engine, prompt: str | None, *, before: Tensor, after: Tensor, steps: int
    ) -> list[Conditions]:
        """Conditions without and with the words, for given pictures `t c h w`, the new ones, given ones."""
        fps = float(self.given.fps)
        told = Conditions(fps=fps, prompt=prompt)
        if self.carried is not None:
            carried = [self._encoded(engine, before, torch.ones_like(before[:, 0]))]
            for first in range(0, steps, _AT_ONCE):
                pictures, seen = self.carried.at_small(range(first, min(first + _AT_ONCE, steps)))
                carried.append(self._encoded(engine, *self._on_grid(pictures, seen)))
            carried.append(self._encoded(engine, after, torch.ones_like(after[:, 0])))
            told = Conditions(
                fps=fps,
                prompt=prompt,
                carried=torch.cat([latents for latents, _ in carried], 2),
                visibility=torch.cat([seen for _, seen in carried], 2),
            )
        if prompt is not None:
            warn_of_unknown_words(prompt, engine)
        return [engine.without_words(told), told]

    def _on_grid(self, pictures: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        canvas: Canvas = self.given.canvas
        room = (0, canvas.width - canvas.columns, 0, canvas.height - canvas.rows)
        return F.pad(pictures, room, mode="replicate"), F.pad(seen[:, None], room, mode="replicate")[:, 0]

    def _encoded(self, engine: Engine, pictures: Tensor, seen: Tensor) -> tuple[Latents, Tensor]:
        factor = engine.spec.vae_scale_factor
        small = F.avg_pool2d(seen[:, None], factor).transpose(0, 1)[None]
        if not len(pictures):
            return torch.zeros(1, engine.spec.latent_channels, 0, *small.shape[-2:]), small
        return engine.encode_video(pictures).cpu(), small

    def show(self, step: int, drawn: Tensor) -> Frame:
        """New frame number `step` as the network drew it, `c h w`, at full size."""
        large = enlarged(self.given.canvas.crop(drawn.cpu()), self.given.size)
        if self.carried is None:
            return to_frame(large)
        picture, seen = self.carried.full(step)
        return to_frame(restore_detail(large, picture, seen))

    def shown(self, engine: Engine, numbers: range, latents: Latents) -> Iterator[Frame]:
        """The new frames with these numbers, decoded from latents `1 c t h w` one at a time."""
        for step, drawn in zip(numbers, engine.decode_video(latents), strict=True):
            yield self.show(step, drawn)


def words_scale(request: TimelineRequest, spec: ModelSpec, prompt: str | None) -> float:
    """How strongly words are followed; 1 where there are none."""
    if prompt is None:
        return 1.0
    return word_guidance(request.guidance_scale, negative_prompt=None, spec=spec)
