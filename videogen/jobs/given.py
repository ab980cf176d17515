"""A video that a job goes on from: its frames as a stream, and its ends as the network is shown them.

The video is read twice, never held whole: once to count it and to keep some frames of its beginning and its
end, of the first and of the last shot, and once on the way out. It keeps its own size and rate unless others
are asked for.
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
from videogen.conditions.reference import Canvas, covering, to_frame, to_picture
from videogen.enhance.cuts import marked
from videogen.errors import MediaError
from videogen.jobs.source import frames_at, source_size
from videogen.media.video import probe
from videogen.types import Frame, Frames

if TYPE_CHECKING:
    from videogen.engine import ModelSpec

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
    def beside(cls, path: Path, other: GivenVideo) -> GivenVideo:
        """Read a video at the size and the rate of another; what its proportions have too much is cut off."""
        return cls._read(path, fps=other.fps, size=other.size, canvas=other.canvas)

    @classmethod
    def read(
        cls, path: Path, spec: ModelSpec, *, rate: Fraction | None, height: int | None, width: int | None
    ) -> GivenVideo:
        """Read a video through once; raises `MediaError` where it has no frames or is damaged."""
        info = probe(path)
        fps = rate or info.fps
        size = source_size(height, width, picture=(info.height, info.width))
        canvas = Canvas.fit(*size, side=min(spec.height, spec.width), multiple=spec.size_multiple)
        return cls._read(path, fps=fps, size=size, canvas=canvas)

    @classmethod
    def _read(cls, path: Path, *, fps: Fraction, size: tuple[int, int], canvas: Canvas) -> GivenVideo:
        kept = max(2, min(ceil(_WATCHED * fps), _MOST_PIXELS // (size[0] * size[1])))
        first: list[Frame] = []
        last: deque[Frame] = deque(maxlen=kept)
        count, in_first = 0, True
        for frame, is_cut in marked(_frames(path, fps=fps, size=size)):
            if is_cut:
                in_first = False
                last.clear()
            if in_first and len(first) < kept:
                first.append(frame)
            last.append(frame)
            count += 1
        if not count:
            raise MediaError(f"{path} has no frames; give a video")
        return cls(path, fps, size, canvas, count, np.stack(first), np.stack(list(last)))

    def frames(self) -> Iterator[Frame]:
        """The frames once more, uint8 `h w c`, as the file has them unless another size is asked for."""
        return _frames(self.path, fps=self.fps, size=self.size)

    def ends(self) -> Iterator[Frame]:
        """Frames of its beginning, and of its end."""
        yield from self.first
        yield from self.last

    def placed(self, frames: Sequence[Frame] | Frames) -> Tensor:
        """Frames on the network's grid, −1…1 `t c h w`."""
        return torch.cat([self.canvas.place(to_picture(frame)) for frame in frames])

    def onward(self, steps: int) -> Onward:
        """The video carried on past its end."""
        small = self.canvas.crop(self.placed(self.last))
        return Onward.of(small, self.last, steps=steps, fps=float(self.fps))

    def backward(self, steps: int) -> Onward:
        """The video carried on before its beginning; its moments count backwards."""
        frames = np.ascontiguousarray(self.first[::-1])
        return Onward.of(self.canvas.crop(self.placed(frames)), frames, steps=steps, fps=float(self.fps))


def _frames(path: Path, *, fps: Fraction, size: tuple[int, int]) -> Iterator[Frame]:
    """A video's frames at a rate and size (height, width); of others in shape their middle is cut out."""
    for frame in frames_at(path, rate=fps):
        if frame.shape[:2] == size:
            yield frame
        else:
            yield to_frame(covering(to_picture(frame), *size)[0])
