"""What happens to videos on their way: made smaller, blurred, noisy, compressed; for learning to undo it.

Over half of all clips are only made smaller, by antialiased bicubic, as clean material is. Everything
follows from a generator alone, but for the encoders, which give the same for the same input.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import av
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

CLEAN = 0.55
"""The share of clips that are only made smaller."""
CRF = (17, 33)
FILMED = (16, 27)
JPEG = (35, 95)


@torch.no_grad()
def film(clip: Tensor, generator: torch.Generator) -> Tensor:
    """A clip `t 3 h w`, 0…1, as videos of the world hold it: half of them a little compressed or noisy.

    It is made so before it is made smaller and becomes the truth: what changes from frame to frame in a video
    that is harmed no further is part of it, and not to be smoothed away.
    """
    if _roll(generator) < 0.25:
        clip = add_noise(clip, generator, deviation=_roll(generator, 0.5, 8) / 255).clamp(0, 1)
    if _roll(generator) < 0.4:
        clip = h264(clip, crf=round(_roll(generator, *FILMED)), preset="veryfast")
    return clip


@torch.no_grad()
def degrade(clip: Tensor, generator: torch.Generator, *, scale: int) -> Tensor:
    """A clip `t 3 h w`, 0…1, made smaller and perhaps worse: the same values, in steps of 1/255."""
    if _roll(generator) < CLEAN:
        return _rounded(make_smaller(clip, scale, kind="bicubic"))
    if _roll(generator) < 0.3:
        clip = blur(clip, sigma=_roll(generator, 0.3, 1.4))
    kinds = ("bicubic", "bicubic", "area", "bilinear")
    small = make_smaller(clip, scale, kind=kinds[int(_roll(generator, 0, len(kinds)))])
    if _roll(generator) < 0.25:
        small = add_noise(small, generator, deviation=_roll(generator, 0.5, 8) / 255)
    small = _rounded(small)
    fate = _roll(generator)
    if fate < 0.7:
        return h264(small, crf=round(_roll(generator, *CRF)))
    if fate < 0.9:
        return jpeg(small, quality=round(_roll(generator, *JPEG)))
    return small


def make_smaller(clip: Tensor, scale: int, *, kind: str) -> Tensor:
    """`clip` `t c h w` made smaller: bicubic or bilinear (antialiased), or area."""
    if kind == "area":
        return F.avg_pool2d(clip, scale)
    size = (clip.shape[-2] // scale, clip.shape[-1] // scale)
    return F.interpolate(clip, size=size, mode=kind, antialias=True, align_corners=False)


def blur(clip: Tensor, *, sigma: float) -> Tensor:
    """Blurred by a Gaussian of `sigma` pixels."""
    reach = max(1, math.ceil(3 * sigma))
    line = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    line = (line / line.sum()).to(clip)
    c = clip.shape[1]
    wide = F.pad(clip, (reach, reach, reach, reach), mode="reflect")
    down = F.conv2d(wide, line.view(1, 1, -1, 1).expand(c, -1, -1, -1), groups=c)
    return F.conv2d(down, line.view(1, 1, 1, -1).expand(c, -1, -1, -1), groups=c)


def add_noise(clip: Tensor, generator: torch.Generator, *, deviation: float) -> Tensor:
    """With noise of its own in each frame, half of the time the same in all colours."""
    grey = _roll(generator) < 0.5
    shape = (clip.shape[0], 1 if grey else clip.shape[1], *clip.shape[2:])
    return clip + deviation * torch.randn(shape, generator=generator)


def jpeg(clip: Tensor, *, quality: int) -> Tensor:
    """Each frame through JPEG."""

    def one(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        held = io.BytesIO()
        Image.fromarray(frame).save(held, "JPEG", quality=quality)
        return np.asarray(Image.open(held).convert("RGB"))

    return _through(clip, lambda frames: [one(frame) for frame in frames])


def h264(clip: Tensor, *, crf: int, preset: str = "medium") -> Tensor:
    """Through H.264 (4:2:0); the frames come there and back before, so that none is the first of a film."""

    def encode(frames: list[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        lead = frames[:0:-1]
        held = io.BytesIO()
        with av.open(held, "w", format="h264") as container:
            # x264's macroblock tree reads past small pictures on AVX-512: the same frames would give others.
            options = {"crf": str(crf), "preset": preset, "threads": "1", "x264-params": "mbtree=0"}
            stream = container.add_stream("libx264", rate=24, options=options)
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = "yuv420p"
            for frame in [*lead, *frames]:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())
        held.seek(0)
        with av.open(held, "r", format="h264") as read:
            pictures = [frame.to_ndarray(format="rgb24") for frame in read.decode(video=0)]
        return [np.asarray(picture, np.uint8) for picture in pictures[len(lead) :]]

    return _through(clip, encode)


def _through(clip: Tensor, change: Callable[[list[NDArray[np.uint8]]], list[NDArray[np.uint8]]]) -> Tensor:
    """A clip through something that takes frames `h w 3` of bytes."""
    data = (clip.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    changed = np.stack(change(list(data)))
    return torch.from_numpy(changed).permute(0, 3, 1, 2).float() / 255


def _rounded(clip: Tensor) -> Tensor:
    return (clip.clamp(0, 1) * 255).round() / 255


def _roll(generator: torch.Generator, low: float = 0.0, high: float = 1.0) -> float:
    return low + (high - low) * float(torch.rand(1, generator=generator))
