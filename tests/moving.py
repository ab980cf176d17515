"""Small clips that several tests go on from: a square that moves over a ground with texture."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from videogen.media.video import read_video, write_video

Frames = NDArray[np.uint8]
RED = (220, 30, 30)
HEIGHT, WIDTH, LENGTH, RATE = 45, 71, 12, Fraction(8)
"""Of the clips that `write_two_clips` writes."""


def ground(height: int, width: int, *, seed: int = 0) -> Frames:
    """Coarse noise, in which no red stands out, uint8 `h w c`."""
    rough = np.random.default_rng(seed).integers(40, 160, (9, 15, 3), dtype=np.uint8)
    rough[..., 0] //= 2
    return np.asarray(Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC))


def square_over(
    back: Frames, *, length: int, at: tuple[float, float], by: tuple[float, float], side: int,
    colour: tuple[int, int, int] = RED,
) -> Frames:  # fmt: skip
    """A square whose middle is `at` (x, y) in pixels and goes `by` each frame, `t h w c`."""
    frames = np.stack([back] * length)
    for number, frame in enumerate(frames):
        left, top = (round(at[axis] + number * by[axis] - side / 2) for axis in (0, 1))
        frame[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = colour
    return frames


def write_two_clips() -> None:
    """Write `clip` and `other` here as folders of pictures, which come back exactly, of odd sides."""
    back = ground(HEIGHT, WIDTH)
    write_video("clip", iter(square_over(back, length=LENGTH, at=(14, 22), by=(2, 0), side=13)), fps=RATE)
    write_video("other", iter(square_over(back, length=LENGTH, at=(50, 22), by=(-2, 0), side=13)), fps=RATE)


def source(path: str | Path = "clip") -> Frames:
    """The frames of a clip."""
    with read_video(path) as video:
        return np.stack(list(video))


def red_places(frames: NDArray[Any]) -> NDArray[np.float64]:
    """Where what is red is in each frame, x and y in pixels, `t 2`; NaN where nothing is."""
    red = (frames[..., 0].astype(int) - frames[..., 1] > 100) & (frames[..., 0] > frames[..., 2] + 100)
    places = [np.argwhere(one)[:, ::-1].mean(0) if one.any() else [np.nan] * 2 for one in red]
    return np.array(places, dtype=np.float64)


def psnr(made: NDArray[Any], wanted: NDArray[Any], where: NDArray[np.bool_] | None = None) -> float:
    """How near pixels 0…255 are to others in decibels, `where` only if given (`… h w`)."""
    gap = (made.astype(float) - wanted) ** 2
    return float(10 * np.log10(255**2 / max(gap.mean() if where is None else gap[where].mean(), 1e-9)))


def drawing_the_ground(engine: Any, monkeypatch: pytest.MonkeyPatch, *, back: Frames) -> Frames:
    """Let an engine draw nothing but the ground, flickering a little, on its grid."""
    picture = torch.from_numpy(back.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    columns = round(32 * back.shape[1] / back.shape[0])
    small = F.interpolate(picture, (32, columns), mode="bicubic", antialias=True)
    small = F.pad(small, (0, -columns % 16, 0, 0), mode="replicate")[0].clamp(-0.9, 0.9)

    def decode_video(latents: torch.Tensor) -> Iterator[torch.Tensor]:
        for number in range(latents.shape[2]):
            yield small + 0.03 * (-1) ** number

    monkeypatch.setattr(engine, "decode_video", decode_video)
    return back
