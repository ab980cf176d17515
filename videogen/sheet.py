"""A contact sheet of several clips: a strip of frames for each, with what it is written above."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from videogen import __version__
from videogen.media.image import write_image
from videogen.media.video import read_video
from videogen.types import Frame

_TALLEST, _WIDEST = 128, 192
_GAP, _LINE = 4, 16
_ALONE, _IN_A_GRID = 8, 3
"""Frames of a clip in a sheet of one column, and of several."""


def write_sheet(path: str | Path, clips: Mapping[tuple[int, int], tuple[str, Path]]) -> None:
    """Write a PNG of clips by row and column, each with its label; raises `MediaError`.

    Places without a clip stay empty.
    """
    rows, columns = (1 + max(place[axis] for place in clips) for axis in (0, 1))
    count = _ALONE if columns == 1 else _IN_A_GRID
    cells = {place: _cell(label, _strip(clip, count)) for place, (label, clip) in clips.items()}
    height, width = (max(cell.shape[axis] for cell in cells.values()) for axis in (0, 1))
    sheet = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for (row, column), cell in cells.items():
        top, left = row * height, column * width
        sheet[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    write_image(path, sheet, record={"generator": "videogen", "version": __version__, "synthetic": True})


def _strip(path: Path, count: int) -> Frame:
    """So many frames of a clip beside one another, small."""
    with read_video(path) as video:
        length = video.info.num_frames or 1
        wanted = np.linspace(0, length - 1, count).round().astype(int).tolist()
        pictures: list[Frame] = []
        for number, frame in enumerate(video):
            small = _small(frame) if number in wanted else None
            pictures += [] if small is None else [small] * wanted.count(number)
            if len(pictures) >= count:
                break
    pictures += pictures[-1:] * (count - len(pictures))
    return np.concatenate([np.pad(each, ((0, 0), (0, 1), (0, 0))) for each in pictures], 1)


def _small(frame: Frame) -> Frame:
    height, width = frame.shape[:2]
    scale = min(1.0, _TALLEST / height, _WIDEST / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS))


def _cell(label: str, strip: Frame) -> Frame:
    """A strip with its label above it, cut to the strip's width."""
    height, width = strip.shape[:2]
    cell = Image.new("RGB", (width + 2 * _GAP, height + _LINE + 2 * _GAP), "white")
    draw, font = ImageDraw.Draw(cell), ImageFont.load_default(11)
    text = "".join(letter if letter.isprintable() else "?" for letter in label)
    if draw.textlength(text, font=font) > width:
        while text and draw.textlength(f"{text}…", font=font) > width:
            text = text[:-1]
        text += "…"
    draw.text((_GAP, 2), text, fill="black", font=font)
    cell.paste(Image.fromarray(strip), (_GAP, _LINE + _GAP))
    return np.asarray(cell)
