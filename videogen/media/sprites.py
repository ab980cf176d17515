"""Sprite sheets: all frames of a clip side by side on one PNG, as games and web pages load them.

Frames lie in rows, left to right and top to bottom, in as many columns as make the sheet about square; places
that are left over are black. The layout in the file says rate, size and number of the frames, so that a sheet
is read back as the clip it was. A name that ends in `.sheet.png` asks for one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import ceil, sqrt
from pathlib import Path

import numpy as np
from PIL import Image

from videogen.errors import MediaError
from videogen.media.files import media_errors, name_of
from videogen.media.image import MAX_PIXELS, MAX_SIDE, READ, read_image, save_png
from videogen.media.info import VideoInfo, check_count, check_rate, check_size
from videogen.media.provenance import Layout, Told, told
from videogen.types import Frame

ENDING = ".sheet.png"


def columns_of(layout: Layout, count: int) -> int:
    """How many frames lie in a row of the sheet of `count`: about as many pixels wide as high."""
    return max(1, min(count, ceil(sqrt(count * layout.height / layout.width))))


class SheetVideo:
    """A sprite sheet, open for passes over its frames."""

    info: VideoInfo

    def __init__(self, path: str | Path, layout: Layout, *, max_frames: int) -> None:
        """Check the layout against the picture's size; raises MediaError."""
        self._path, self._layout, self._count = path, layout, layout.count or 0
        check_size(path, layout.width, layout.height)
        check_count(path, self._count, limit=max_frames)
        check_rate(path, layout.fps)
        with media_errors(path, doing=READ), Image.open(path) as opened:
            width, height = opened.size
        self._columns = width // layout.width
        if not 1 <= self._count <= self._columns * (height // layout.height):
            raise MediaError(
                f"{name_of(path)} says that it holds {self._count} frames of {layout.width}x{layout.height}, "
                f"but is {width}x{height} pixels: it was resized or cut; give the sheet as it was written"
            )
        self.info = VideoInfo(
            width=layout.width, height=layout.height, fps=layout.fps, num_frames=self._count
        )

    def __iter__(self) -> Iterator[Frame]:
        sheet, layout = read_image(self._path), self._layout
        for number in range(self._count):
            row, column = divmod(number, self._columns)
            top, left = row * layout.height, column * layout.width
            yield np.ascontiguousarray(sheet[top : top + layout.height, left : left + layout.width])

    def close(self) -> None:
        """Nothing is held open."""


class SheetWriter:
    """A sprite sheet being made for a path; its frames are held until the end."""

    def __init__(self, path: Path, *, layout: Layout, record: Told) -> None:
        """Begin without frames."""
        self._path, self._layout, self._record = path, layout, record
        self._frames: list[Frame] = []

    def add(self, frame: Frame) -> None:
        """Keep the next frame; raises MediaError where the sheet becomes too large a picture."""
        self._frames.append(np.array(frame))
        rows, columns = self._grid()
        height, width = rows * self._layout.height, columns * self._layout.width
        if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
            raise MediaError(
                f"a sprite sheet of {len(self._frames)} frames or more of {self._layout.width}x"
                f"{self._layout.height} has more than {MAX_PIXELS // 1_000_000} million pixels; choose "
                f".mp4, .webm or .gif, or a folder of pictures"
            )

    def finish(self) -> None:
        """Lay the frames out and write the picture."""
        rows, columns = self._grid()
        h, w = self._layout.height, self._layout.width
        sheet = np.zeros((rows * h, columns * w, 3), np.uint8)
        for number, frame in enumerate(self._frames):
            row, column = divmod(number, columns)
            sheet[row * h : (row + 1) * h, column * w : (column + 1) * w] = frame
        layout = replace(self._layout, count=len(self._frames))
        save_png(self._path, sheet, record=told(self._record), layout=layout)

    def close(self) -> None:
        """Let go of the frames."""
        self._frames.clear()

    def _grid(self) -> tuple[int, int]:
        columns = columns_of(self._layout, len(self._frames))
        return ceil(len(self._frames) / columns), columns
