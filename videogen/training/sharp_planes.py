"""Sharp still pictures to move a camera over: photographs, leaves with texture and letters, the world's own.

They are what an upscaler learns detail from, so they must have edges and texture down to single pixels, as
photographs have them. Which planes there are follows from a seed and the number of their set. Held-out
photographs and textures never appear.
"""

from __future__ import annotations

import math
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from videogen.world.clips import render_clips
from videogen.world.dice import Dice
from videogen.world.photographs import TRAINED
from videogen.world.pictures import draw_planes

FRAMES = 4
"""Frames of a plane that moves by itself."""
SIDE = 448
_MORE = ("cell.png", "clock_motion.png", "coins.png", "ihc.png", "microaneurysms.png", "moon.png", "page.png")
"""Files beside those that the world shows: free as well, but not of things that a clip would show."""
_GLYPHS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789&?!%@#"
Picture = NDArray[np.uint8]


@torch.no_grad()
def draw_set(number: int, *, seed: int, count: int = 24) -> list[Tensor]:
    """Set `number`: planes uint8 `3 t h w`, `t` 1 or `FRAMES`; `count` of leaves, as many of the others."""
    rng = default_rng([seed, number])
    leaves = [_stack(_draw_leaves(rng)) for _ in range(count)]
    first = number * count
    dice = Dice(torch.arange(first, first + count // 2), seed=seed)
    textures = [_bytes(plane)[:, None] for plane in draw_planes(dice, size=SIDE, held_out=False)]
    moving = []
    for kind in ("object", "person", "portrait"):
        indices = torch.arange(first // 6, first // 6 + count // 6)
        clips = render_clips(kind, indices, size=SIDE, num_frames=FRAMES, seed=seed, fps=24.0)
        moving += [_bytes(video / 2 + 0.5) for video in clips.video]
    return [*leaves, *textures, *moving]


@cache
def load_photographs() -> tuple[Tensor, ...]:
    """scikit-image's free photographs that are not held out, whole, uint8 `3 1 h w`; none where it is not."""
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        return ()
    paths = (Path(spec.origin).parent / "data" / name for name in (*TRAINED, *_MORE))
    found = []
    for path in paths:
        if path.is_file():
            with Image.open(path) as opened:
                found.append(_stack(np.asarray(opened.convert("RGB"))))
    return tuple(found)


def _draw_leaves(rng: Generator) -> Picture:
    """Leaves of all sizes on each other, lines and letters among them, many with texture, `SIDE` square.

    The sizes' density falls with their cube, as in photographs (Lee, Mumford and Huang 2001).
    """
    side = 2 * SIDE
    texts = _textures(rng)
    ground = int(rng.integers(len(texts) + 1))
    colour, label = Image.new("RGB", (side, side), _paint(rng)), Image.new("L", (side, side), ground)
    drawn, labelled = ImageDraw.Draw(colour), ImageDraw.Draw(label)
    palette = [_paint(rng) for _ in range(int(rng.integers(4, 40)))]
    smallest = float(np.exp(rng.uniform(math.log(3), math.log(16))))
    for _ in range(int(rng.integers(150, 1300))):
        radius = smallest / math.sqrt(rng.uniform((smallest / 300) ** 2, 1))
        x, y = rng.uniform(0, side, 2)
        fill, mark = palette[rng.integers(len(palette))], int(rng.integers(len(texts) + 2))
        kind = rng.uniform()
        if kind < 0.12:
            turn, wide = rng.uniform(0, 2 * math.pi), max(1, round(radius / 8))
            ends = [x, y, x + 4 * radius * math.cos(turn), y + 4 * radius * math.sin(turn)]
            drawn.line(ends, fill=fill, width=wide)
            labelled.line(ends, fill=0, width=wide)
        elif kind < 0.2:
            word = "".join(_GLYPHS[n] for n in rng.integers(len(_GLYPHS), size=rng.integers(1, 9)))
            drawn.text((x, y), word, fill=fill, font=ImageFont.load_default(float(min(2 * radius, 160) + 12)))
        else:
            outline = _outline(rng, x, y, radius)
            drawn.polygon(outline, fill=fill)
            labelled.polygon(outline, fill=mark)
    half = (SIDE, SIDE)
    flat = np.asarray(colour.resize(half, Image.Resampling.BOX)).astype(np.float32)
    marks = np.asarray(label.resize(half, Image.Resampling.NEAREST))
    for number, texture in enumerate(texts, 1):
        flat += texture * (marks == number)[..., None]
    if rng.uniform() < 0.5:  # light that falls off
        slope = rng.uniform(-0.4, 0.4, 2)
        grid = np.linspace(-1, 1, SIDE, dtype=np.float32)
        flat *= (1 + slope[0] * grid[:, None] + slope[1] * grid[None])[..., None]
    return flat.clip(0, 255).astype(np.uint8)


def _textures(rng: Generator) -> list[NDArray[np.float32]]:
    """Some textures about 0, `SIDE` square: pieces of photographs and noise of all slopes, each `h w 3`."""
    found = []
    album = load_photographs()
    for _ in range(5):
        if album and rng.uniform() < 0.5:
            photograph = album[rng.integers(len(album))][:, 0].permute(1, 2, 0).numpy().astype(np.float32)
            tiled = np.pad(photograph, ((0, SIDE), (0, SIDE), (0, 0)), mode="symmetric")
            y, x = (int(rng.integers(n)) for n in photograph.shape[:2])
            piece = tiled[y : y + SIDE, x : x + SIDE]
            found.append((piece - piece.mean((0, 1))) * float(rng.uniform(0.3, 1.0)))
            continue
        waves = np.fft.rfft2(rng.standard_normal((SIDE, SIDE)).astype(np.float32))
        across, down = np.fft.rfftfreq(SIDE)[None], np.fft.fftfreq(SIDE)[:, None]
        stretch, turn = float(np.exp(rng.uniform(-1.2, 1.2))), rng.uniform(0, math.pi)
        u, v = (
            across * math.cos(turn) + down * math.sin(turn),
            down * math.cos(turn) - across * math.sin(turn),
        )
        noise = np.fft.irfft2(
            waves * np.hypot(np.hypot(u * stretch, v / stretch), 0.004) ** -rng.uniform(0.4, 1.6)
        )
        tint = rng.uniform(0.6, 1.0, 3)
        found.append(
            (noise / noise.std() * rng.uniform(4, 30))[..., None].astype(np.float32) * tint.astype(np.float32)
        )
    return found


def _outline(rng: Generator, x: float, y: float, radius: float) -> list[tuple[float, float]]:
    """The corners of an ellipse, a box, or a ragged leaf."""
    kind, turn, flat = rng.uniform(), rng.uniform(0, 2 * math.pi), float(np.exp(rng.uniform(-1.2, 0)))
    if kind < 0.4:
        angles, reach = np.linspace(0, 2 * math.pi, 28, endpoint=False), np.ones(28)
    elif kind < 0.7:
        angles, reach = np.arange(4) * math.pi / 2 + math.pi / 4, np.ones(4)
        turn = round(turn / (math.pi / 2)) * (math.pi / 2) + (
            rng.normal() * 0.1 if rng.uniform() < 0.5 else 0
        )
    else:
        angles = np.sort(rng.uniform(0, 2 * math.pi, int(rng.integers(3, 9))))
        reach = rng.uniform(0.4, 1.2, len(angles))
    u, v = radius * reach * np.cos(angles), radius * reach * np.sin(angles) * flat
    xs, ys = x + u * math.cos(turn) - v * math.sin(turn), y + u * math.sin(turn) + v * math.cos(turn)
    return list(zip(xs.tolist(), ys.tolist(), strict=True))


def _paint(rng: Generator) -> tuple[int, int, int]:
    """A colour, mostly a dull one."""
    light, tint = rng.uniform(10, 245), rng.normal(0, 1, 3) * rng.choice([6.0, 25.0, 70.0])
    r, g, b = (int(np.clip(light + part, 0, 255)) for part in tint)
    return r, g, b


def _stack(picture: Picture) -> Tensor:
    """A picture `h w 3` as a plane of one frame, `3 1 h w`."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[:, None].clone()


def _bytes(plane: Tensor) -> Tensor:
    """0…1 as uint8."""
    return (plane.clamp(0, 1) * 255).round().to(torch.uint8)
