"""Where a video may change: a mask as a picture or a video, at the size of the video's frames.

White may change and black may not; what lies between changes in part. Masks that were written with losses
are taken for the black and white that they were.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import repeat
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from videogen.conditions.reference import Canvas
from videogen.errors import RequestError
from videogen.jobs.source import frames_at
from videogen.media.image import is_still, read_image
from videogen.media.video import probe
from videogen.types import Frame

_BLACK, _WHITE = 0.06, 0.94
_FEATHER = 96
"""An edge is feathered over the shorter side of the picture through this, inside the region."""
_ROOM = 10
"""Of the shorter side of the picture, the part that is left around what was found: for edges and shadows."""
_TOUCHED = 0.1
"""Share of a pixel of the network's grid from which on its latents may change."""


@dataclass(frozen=True)
class Region:
    """The mask in a file, for frames of `size` (height, width) at `rate`."""

    path: Path
    size: tuple[int, int]
    rate: Fraction

    @classmethod
    def of(cls, path: Path, *, size: tuple[int, int], rate: Fraction) -> Region:
        """Look at a mask's size; raises `RequestError` where it is of other proportions, or `MediaError`."""
        if is_still(path):
            height, width = read_image(path).shape[:2]
        else:
            info = probe(path)
            height, width = info.height, info.width
        if abs(height * size[1] - width * size[0]) > max(*size, height, width):
            raise RequestError(
                f"--mask {path.name} has {width}x{height} pixels and the video {size[1]}x{size[0]}; "
                f"expected the same proportions"
            )
        return cls(path, size, rate)

    def __iter__(self) -> Iterator[Tensor]:
        """How much each frame may change, 0…1 `h w`; the last mask stays."""
        if is_still(self.path):
            yield from repeat(self._read(read_image(self.path)))
            return
        mask = torch.zeros(self.size)
        for frame in frames_at(self.path, rate=self.rate):
            mask = self._read(frame)
            yield mask
        yield from repeat(mask)

    def _read(self, frame: Frame) -> Tensor:
        grey = Image.fromarray(np.rint(frame.mean(-1)).astype(np.uint8))
        if frame.shape[:2] != self.size:
            grey = grey.resize((self.size[1], self.size[0]), Image.Resampling.BILINEAR)
        values = torch.from_numpy(np.asarray(grey, np.float32) / 255)
        return ((values - _BLACK) / (_WHITE - _BLACK)).clamp(0, 1)


@dataclass(frozen=True)
class FoundRegion:
    """Where maps on the network's grid show something, with room around it that ends softly.

    `masks` are 0…1 `t h w`.
    """

    masks: Tensor
    canvas: Canvas
    size: tuple[int, int]

    @classmethod
    def of(cls, maps: Tensor, *, canvas: Canvas, size: tuple[int, int]) -> FoundRegion:
        """The region of maps `1 3 t h w` for frames of `size` (height, width)."""
        reach = max(1, min(canvas.rows, canvas.columns) // _ROOM)
        shown = (maps[0].amax(0) > 0.25).float()[None]
        reaches = range(max(1, reach // 3), reach + 1)
        grown = [F.max_pool2d(shown, 2 * each + 1, stride=1, padding=each) for each in reaches]
        return cls(torch.stack(grown).mean(0)[0], canvas, size)

    def __iter__(self) -> Iterator[Tensor]:
        """How much each frame may change, 0…1 `h w`."""
        for mask in self.masks:
            yield F.interpolate(self.canvas.crop(mask)[None, None], self.size, mode="bilinear")[0, 0]


def free_latents(mask: Tensor, canvas: Canvas, *, factor: int) -> Tensor:
    """Which latents a mask `h w` lets change: 0/1 `h w` on the grid, `factor` times smaller."""
    small = F.interpolate(mask[None, None], (canvas.rows, canvas.columns), mode="area")
    padding = (0, canvas.width - canvas.columns, 0, canvas.height - canvas.rows)
    touched = F.max_pool2d(F.pad(small, padding, mode="replicate"), factor)[0, 0]
    return (touched > _TOUCHED).float()


def lay_in(source: Frame, changed: Frame, mask: Tensor) -> Frame:
    """A frame with what changed in a region `h w`, feathered inside of it; outside every bit is kept."""
    reach = max(1, min(mask.shape) // _FEATHER)
    padded = F.pad(mask[None, None], (reach,) * 4, mode="replicate")
    around = F.avg_pool2d(padded, 2 * reach + 1, stride=1)[0, 0]
    share = (mask * (2 * around - 1).clamp(0, 1)).numpy()[..., None]
    mixed = np.rint(source + share * (changed.astype(np.float32) - source)).astype(np.uint8)
    return np.where(share > 0, mixed, source)
