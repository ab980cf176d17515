"""What lies behind: the colours of each row at the picture's edges, and what differs from them.

Everything is measured on pictures of 64 x 64 pixels, whatever the size of a clip.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

from videogen.types import Frames
from videogen.world.analysis.colour import Floats, to_lab

SIDE = 64
_EDGE = 5


@dataclass(frozen=True)
class Sight:
    """A clip made ready.

    `frames` and `lab` are `t 64 64 3`, `rows` the colours of the rows at the edges `64 3`, `gap` `t 64 64`
    how far each pixel lies from them in Lab.
    """

    frames: Frames
    lab: Floats
    rows: Floats
    gap: Floats


def look(frames: Frames) -> Sight:
    """Make frames uint8 `t h w c` ready to be analysed."""
    small = to_side(frames)
    lab = to_lab(small)
    edges = np.concatenate([lab[:, :, :_EDGE], lab[:, :, -_EDGE:]], 2)
    rows = np.median(edges, axis=(0, 2))
    left, right = (np.median(part, axis=(0, 2)) for part in (lab[:, :, :_EDGE], lab[:, :, -_EDGE:]))
    gaps = [np.sqrt(((lab - side[None, :, None]) ** 2).sum(-1)) for side in (rows, left, right)]
    gap = np.minimum(gaps[0], np.minimum(gaps[1], gaps[2]))
    return Sight(small, lab, rows, gap)


def to_side(frames: Frames) -> Frames:
    """Frames resized to 64 x 64: areas averaged where they are larger, else interpolated."""
    height, width = frames.shape[1:3]
    if (height, width) == (SIDE, SIDE):
        return frames
    planes = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float()
    mode = "area" if min(height, width) >= SIDE else "bilinear"
    small = torch.nn.functional.interpolate(planes, size=(SIDE, SIDE), mode=mode)
    seen: Frames = small.round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    return seen


def roughen(frames: Frames, *, seed: int) -> Frames:
    """Frames as a network might make them: blurred by 0.7 pixels, with noise of deviation 6 of 255."""
    smooth = ndimage.gaussian_filter(frames.astype(np.float32), (0, 0.7, 0.7, 0))
    noise = np.random.default_rng(seed).normal(0, 6, frames.shape)
    rough: Frames = (smooth + noise).clip(0, 255).round().astype(np.uint8)
    return rough
