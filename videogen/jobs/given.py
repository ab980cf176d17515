"""A video that a job goes on from: its frames as a stream, and its ends as the network is shown them.

The video is read twice, never held whole: once to count it and to keep some frames of its beginning and its
end, and once on the way out. It keeps its own size and rate unless others are asked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from videogen.conditions.onward import Onward
from videogen.conditions.reference import Canvas, to_picture
from videogen.errors import MediaError
from videogen.jobs.source import read_source, source_size
from videogen.media.video import probe
from videogen.types import Frame, Frames

if TYPE_CHECKING:
    from videogen.engine import Engine, ModelSpec
    from videogen.types import Latents

_WATCHED = 2.0
"""Seconds of each end of a video that say how it goes on."""
_MOST_PIXELS = 250_000_000
"""Pixels of the frames that are kept of each end."""


@dataclass(frozen=True)
class GivenVideo:
    """A video of `count` frames of `size` (height, width) at `fps`; the `first` of them and the `last`."""

    path: Path
    fps: Fraction
    size: tuple[int, int]
    canvas: Canvas
    count: int
    first: Frames
    last: Frames

    @classmethod
    def read(
        cls, path: Path, spec: ModelSpec, *, rate: Fraction | None, height: int | None, width: int | None
    ) -> GivenVideo:
        """Read a video through once; raises `MediaError` where it has no frames or is damaged."""
        info = probe(path)
        fps = rate or info.fps
        size = source_size(height, width, picture=(info.height, info.width))
        kept = max(2, min(ceil(_WATCHED * fps), _MOST_PIXELS // (size[0] * size[1])))
        first: list[Frame] = []
        last: deque[Frame] = deque(maxlen=kept)
        count = 0
        for frame in read_source(path, rate=fps, size=size, seconds=None):
            if len(first) < kept:
                first.append(frame)
            last.append(frame)
            count += 1
        if not count:
            raise MediaError(f"{path} has no frames; give a video")
        canvas = Canvas.fit(*size, side=min(spec.height, spec.width), multiple=spec.size_multiple)
        return cls(path, fps, size, canvas, count, np.stack(first), np.stack(list(last)))

    def frames(self) -> Iterator[Frame]:
        """The frames once more, uint8 `h w c`, as the file has them unless another size is asked for."""
        return read_source(self.path, rate=self.fps, size=self.size, seconds=None)

    def placed(self, frames: Sequence[Frame] | Frames) -> Tensor:
        """Frames on the network's grid, −1…1 `t c h w`."""
        return torch.cat([self.canvas.place(to_picture(frame)) for frame in frames])

    def latents(self, engine: Engine, frames: Frames) -> Latents:
        """Frames as latents `1 c t h w`."""
        return engine.encode_video(self.placed(frames)).cpu()

    def onward(self, steps: int) -> Onward:
        """The video carried on past its end."""
        small = self.canvas.crop(self.placed(self.last))
        return Onward.of(small, self.last, steps=steps, fps=float(self.fps))

    def backward(self, steps: int) -> Onward:
        """The video carried on before its beginning; its moments count backwards."""
        frames = np.ascontiguousarray(self.first[::-1])
        return Onward.of(self.canvas.crop(self.placed(frames)), frames, steps=steps, fps=float(self.fps))
