"""Clips that Pillow handles: animated WebP and folders of pictures, in and out.

WebP keeps time in thousandths of a second: delays are rounded so that errors do not add up, and the exact
rate stands in the layout. Pillow needs all frames of a WebP at once, so it is held in memory until the end
and may not be larger than that; folders are written and read one picture at a time.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from videogen.errors import MediaError
from videogen.media.files import FRAME_FILE, media_errors, name_of, open_file, open_picture
from videogen.media.image import WHITE, over_background, read_image, save_png
from videogen.media.info import (
    DEFAULT_FPS,
    TimedFrame,
    VideoInfo,
    check_count,
    check_rate,
    check_size,
    constant_rate,
    slot_of,
)
from videogen.media.provenance import (
    XMP,
    Layout,
    Told,
    exif,
    layout_of,
    picture_tags,
    read_tags,
    told,
)
from videogen.types import Frame

log = logging.getLogger(__name__)
READ = "read as a video"
WEBP_TICKS = 1000
MOST_HELD = 500_000_000
"""Pixels of all frames of a WebP together, of three bytes each."""


class WebPVideo:
    """An animated WebP, open for one pass over its frames."""

    info: VideoInfo

    def __init__(self, path: str | Path, *, max_frames: int) -> None:
        """Check size, count and delays in the file's chunks, before any decoding; raises MediaError."""
        self._path, self._max_frames = path, max_frames
        self._file = open_file(path, doing=READ)
        try:
            with media_errors(path, doing=READ):
                self._delays = webp_delays(self._file)
                check_count(path, len(self._delays), limit=max_frames)
                self._file.seek(0)
                self._image = open_picture(self._file, formats=("WEBP",))
                self.info = self._read_info()
        except BaseException:
            self._file.close()
            raise

    def _read_info(self) -> VideoInfo:
        width, height = self._image.size
        check_size(self._path, width, height)
        total = Fraction(sum(self._delays), WEBP_TICKS)
        fps = len(self._delays) / total if total else DEFAULT_FPS
        layout = layout_of(picture_tags(self._image))
        if layout and abs(slot_of(total, layout.fps) / layout.fps - total) <= Fraction(1, WEBP_TICKS):
            fps = layout.fps
        check_rate(self._path, fps)
        return VideoInfo(width=width, height=height, fps=fps, num_frames=max(slot_of(total, fps), 1))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __iter__(self) -> Iterator[Frame]:
        with media_errors(self._path, doing=READ):
            yield from constant_rate(
                self._timed_frames(), fps=self.info.fps, path=self._path, limit=self._max_frames
            )

    def _timed_frames(self) -> Iterator[TimedFrame]:
        time = Fraction(0)
        for index, delay in enumerate(self._delays):
            self._image.seek(index)
            frame = over_background(np.asarray(self._image.convert("RGBA")), WHITE)
            stay = Fraction(delay, WEBP_TICKS)
            yield TimedFrame(frame, time=time, duration=stay)
            time += stay


def webp_delays(file: BinaryIO) -> list[int]:
    """Return how long each frame of a WebP stays, in milliseconds; `[0]` for a still picture."""
    file.seek(12)
    delays = []
    while len(header := file.read(8)) == 8:
        size = int.from_bytes(header[4:], "little")
        start = file.tell()
        if header[:4] == b"ANMF":
            delays.append(int.from_bytes(file.read(16)[12:15], "little"))
        file.seek(start + size + size % 2)
    return delays or [0]


class FolderVideo:
    """A folder of pictures of one size, in the order of the numbers in their names."""

    info: VideoInfo

    def __init__(self, path: str | Path, *, max_frames: int) -> None:
        """List the pictures and read the first; raises MediaError."""
        self._path = path
        with media_errors(path, doing=READ):
            names = [
                entry for entry in Path(path).iterdir() if entry.suffix.lower() in (".png", ".jpg", ".jpeg")
            ]
            self._pictures = sorted(names, key=_natural)
            if not self._pictures:
                raise MediaError(
                    f"{name_of(path)} is a folder without .png or .jpg pictures; give a folder with some"
                )
            check_count(path, len(self._pictures), limit=max_frames)
            height, width = read_image(self._pictures[0]).shape[:2]
            check_size(path, width, height)
            layout = layout_of(read_tags(self._pictures[0]))
        if layout is None:
            log.info("%s: pictures have no rate; %s frames a second are assumed", name_of(path), DEFAULT_FPS)
        fps = layout.fps if layout else DEFAULT_FPS
        check_rate(path, fps)
        self.info = VideoInfo(width=width, height=height, fps=fps, num_frames=len(self._pictures))

    def close(self) -> None:
        """Nothing is held open between pictures."""

    def __iter__(self) -> Iterator[Frame]:
        for picture in self._pictures:
            frame = read_image(picture)
            if frame.shape != (self.info.height, self.info.width, 3):
                raise MediaError(
                    f"{name_of(picture)} is {frame.shape[1]}x{frame.shape[0]} pixels, the folder's "
                    f"first picture {self.info.width}x{self.info.height}; make them one size"
                )
            yield frame


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """A key that puts frame_2 before frame_10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", path.name.lower())
    return [(0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part) for part in parts]


class WebPWriter:
    """An animated WebP being written to a path, endless repetition; all frames are held until the end."""

    def __init__(self, path: Path, *, layout: Layout, record: Told) -> None:
        """Begin without frames."""
        self._path, self._layout, self._record = path, layout, record
        self._images: list[Image.Image] = []

    def add(self, frame: Frame) -> None:
        """Keep the next frame; raises MediaError beyond `MOST_HELD` pixels together."""
        if (len(self._images) + 1) * frame.shape[0] * frame.shape[1] > MOST_HELD:
            raise MediaError(
                f"a WebP of more than {len(self._images)} frames of {frame.shape[1]}x{frame.shape[0]} "
                "pixels would fill the memory; choose .mp4, .webm or .gif, or a folder of pictures"
            )
        self._images.append(Image.fromarray(frame))

    def _delays(self) -> list[int]:
        """How long each frame stays, in milliseconds that add up to the exact time."""
        edges = [
            slot_of(index / self._layout.fps, Fraction(WEBP_TICKS)) for index in range(len(self._images) + 1)
        ]
        return [after - before for before, after in pairwise(edges)]

    def close(self) -> None:
        """Let go of the frames."""
        self._images.clear()

    def finish(self) -> None:
        """Write the file."""
        self._images[0].save(
            self._path,
            format="WEBP",
            save_all=True,
            append_images=self._images[1:],
            duration=self._delays(),
            loop=0,
            quality=90,
            exif=exif(told(self._record), self._layout),
            xmp=XMP.encode() if self._record is not None else b"",
        )


class FolderWriter:
    """Numbered PNG files being written into a folder; the first carries the record, each the mark."""

    def __init__(self, path: Path, *, layout: Layout, record: Told) -> None:
        """Begin at number zero."""
        self._path, self._layout, self._record = path, layout, record
        self._first: Frame | None = None
        self._count = 0

    def add(self, frame: Frame) -> None:
        """Write the next frame as a file of its own; the first waits for the record."""
        if self._first is None:
            self._first = np.array(frame)
        else:
            self._save(self._count, frame, record=None)
        self._count += 1

    def _save(self, number: int, frame: Frame, *, record: Mapping[str, object] | None) -> None:
        path = self._path / FRAME_FILE.format(number)
        save_png(path, frame, record=record, layout=self._layout, synthetic=self._record is not None)

    def finish(self) -> None:
        """Write the first frame, with the record as it is by now."""
        if self._first is not None:
            self._save(0, self._first, record=told(self._record))

    def close(self) -> None:
        """Nothing is held open between frames."""
