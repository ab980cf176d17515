"""Frames packed without loss, for work that is laid aside: those of a film resemble each other.

In: frames one by one. Out: bytes, and from these the same frames bit for bit. H.264 in its lossless mode, on
RGB itself: 24 frames of a walk, 1280x720, took three quarters of the room of PNG, in two fifths of its time.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from videogen.types import Frame

_OPTIONS = {"qp": "0", "preset": "ultrafast"}


class Packer:
    """Takes frames uint8 RGB `h w 3` of one size, and then gives the bytes that hold them."""

    def __init__(self, height: int, width: int) -> None:
        self._file = io.BytesIO()
        self._container = av.open(self._file, "w", format="matroska")
        self._stream = self._container.add_stream("libx264rgb", rate=Fraction(25), options=_OPTIONS)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "rgb24"
        self.count = 0

    def add(self, frame: Frame) -> None:
        """Pack the next frame."""
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        picture.pts, picture.time_base = self.count, Fraction(1, 25)
        self._container.mux(self._stream.encode(picture))
        self.count += 1

    def finish(self) -> bytes:
        """The bytes that hold all frames so far; nothing can be added after."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._file.getvalue()


def unpack(packed: bytes) -> Iterator[Frame]:
    """The frames that a `Packer` took, uint8 RGB `h w 3`, one by one."""
    with av.open(io.BytesIO(packed), "r", format="matroska") as container:
        for picture in container.decode(video=0):
            yield np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)
