"""GIFs, written frame by frame: 256 colours chosen for each frame, and only what has changed.

Pillow chooses the colours and packs the pixels; the frame around them is written here, since Pillow would
hold all frames until the end. Delays are rounded so that errors do not add up; a frame that looks as the one
before it only lengthens that one's. Room for the record is left at the front, and filled in at the end.
"""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image

from videogen.media.info import slot_of
from videogen.media.provenance import ROOM, GrowingRecord, Layout, Told, envelope, told
from videogen.types import Frame

TICKS = 100
"""Parts of a second in which a GIF counts."""
MAX_FPS = 50
"""Browsers show frames of one hundredth as if they said ten."""
_PALETTE_SIDE = 64
_UNCHANGED = 255
"""The colour that lets the frame before it be seen."""
_LONGEST = 65_535
_REPEAT = b"!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
_END = b";"


class GifWriter:
    """A GIF being written to a path, endless repetition; one frame is held."""

    def __init__(self, path: Path, *, layout: Layout, record: Told) -> None:
        """Write what stands before the frames."""
        self._layout, self._record = layout, record
        self._count, self._start = 0, 0
        self._held: tuple[Image.Image, tuple[int, int]] | None = None
        self._shown: NDArray[np.uint8] | None = None
        begun = record.begun if isinstance(record, GrowingRecord) else record
        self._room = len(envelope(begun, layout)) + (ROOM if isinstance(record, GrowingRecord) else 0)
        self._file = path.open("wb")
        self._file.write(b"GIF89a" + struct.pack("<HHBBB", layout.width, layout.height, 0x70, 0, 0) + _REPEAT)
        self._comment_at = self._file.tell()
        self._write_comment("")

    def add(self, frame: Frame) -> None:
        """Write the frame before the next one, `h w 3` of the layout's size, and hold this."""
        image = _reduced(frame)
        shown = np.asarray(image.convert("RGB"))
        same = np.zeros(shown.shape[:2], bool) if self._shown is None else (shown == self._shown).all(-1)
        if not same.all():
            self._flush()
            self._held, self._shown = _changed(image, same), shown
        self._count += 1

    def finish(self) -> None:
        """Write the last frame, and the record as it is by now."""
        self._flush()
        self._file.write(_END)
        self._file.seek(self._comment_at)
        self._write_comment(envelope(told(self._record), self._layout))
        self._file.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _flush(self) -> None:
        """Write the held frame, which stays until now."""
        if self._held is None:
            return
        image, offset = self._held
        begin, end = (
            slot_of(index / self._layout.fps, Fraction(TICKS)) for index in (self._start, self._count)
        )
        self._start = self._count
        # Longer than a format of sixteen bits can say, a picture stays as long as that.
        stay = min(end - begin, _LONGEST) * 1000 // TICKS
        for block in GifImagePlugin.getdata(
            image, offset, duration=stay, disposal=1, transparency=_UNCHANGED, include_color_table=True
        ):
            self._file.write(block)

    def _write_comment(self, text: str) -> None:
        """Write a comment of the room that is kept for it; raises ValueError where it is too long."""
        if len(text) > self._room:
            raise ValueError(f"a text of {len(text)} characters has no room in {self._room}")
        data = text.ljust(self._room).encode("ascii")
        blocks = (data[first : first + 255] for first in range(0, len(data), 255))
        self._file.write(b"!\xfe" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0")


def _reduced(frame: Frame) -> Image.Image:
    """A frame in its 255 best colours."""
    # Choosing from a part of the pixels is 30 times faster and costs half a decibel.
    rows, columns = (max(side // _PALETTE_SIDE, 1) for side in frame.shape[:2])
    part = Image.fromarray(np.ascontiguousarray(frame[::rows, ::columns]))
    palette = part.quantize(_UNCHANGED, method=Image.Quantize.MEDIANCUT, kmeans=1)
    return Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)


def _changed(image: Image.Image, same: NDArray[np.bool_]) -> tuple[Image.Image, tuple[int, int]]:
    """The part of a picture that is not the same as before, and where its corner lies."""
    rows, columns = np.flatnonzero(~same.all(1)), np.flatnonzero(~same.all(0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    indices = np.where(same, _UNCHANGED, np.asarray(image))[top:bottom, left:right]
    part = Image.fromarray(np.ascontiguousarray(indices, np.uint8), mode="P")
    colours = image.getpalette("RGB") or []
    part.putpalette((colours + [0] * 768)[:768])
    return part, (left, top)
