"""From the world's tensors to frames, and through the autoencoder."""

from __future__ import annotations

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from videogen.engine import Engine
from videogen.types import Frame, Frames


def to_frames(video: Tensor) -> Frames:
    """A video −1…1 `c t h w` as frames uint8 `t h w c`."""
    pixels = ((video.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return rearrange(pixels, "c t h w -> t h w c").cpu().numpy()


def through_autoencoder(engine: Engine, frames: Frames) -> Frames:
    """Frames encoded and decoded."""
    return np.stack(list(engine.decode(engine.encode(frames))))


def cross_fade(first: Frame, last: Frame, *, steps: int) -> Frames:
    """So many frames from `first` to `last`, `h w c`, each a mixture of both."""
    share = np.arange(1, steps + 1)[:, None, None, None] / (steps + 1)
    return np.asarray((first * (1 - share) + last * share).round().astype(np.uint8))
