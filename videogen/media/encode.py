"""Writing a clip as .mp4 (H.264) or .webm (VP9), one frame at a time.

Exact rational rates, BT.709 colours and tags, 4:2:0 pixels, index at the front. Odd sizes are padded by
repeating the last row and column; the true size stands in the layout tag, and our reader crops back. The
same frames give the same bytes: nothing random or dated is written. The tags stand at the front of a file, so
that of a record which is complete at the end only, room is left there and filled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream

from videogen.media.container import SCALING
from videogen.media.provenance import (
    COMMENT_TAG,
    ROOM,
    TAG,
    GrowingRecord,
    Layout,
    Told,
    envelope,
    overwrite,
    tags,
    told,
    xmp_box,
)
from videogen.media.remux import CopiedTrack, can_copy
from videogen.media.soundtrack import SoundTrack
from videogen.sound import Sound
from videogen.types import Frame

VIDEO_CODECS = {".mp4": "libx264", ".webm": "libvpx-vp9"}
CODEC_OPTIONS = {
    # x264's macroblock tree reads past small pictures on AVX-512: the same frames would give other bytes.
    ".mp4": {"crf": "16", "preset": "medium", "x264-params": "mbtree=0"},
    ".webm": {"crf": "20", "b": "0", "deadline": "good", "cpu-used": "3", "row-mt": "1"},
}
CONTAINER_OPTIONS = {
    ".mp4": {"movflags": "+faststart+use_metadata_tags", "fflags": "+bitexact"},
    ".webm": {"fflags": "+bitexact"},
}


class ContainerWriter:
    """A clip being written to `path`, whose suffix says the format; not atomic by itself."""

    def __init__(self, path: Path, *, layout: Layout, record: Told, sound: Sound | None) -> None:
        """Open the file for frames of the layout's size and rate, beside a `sound`."""
        self._path, self._layout = path, layout
        self._suffix = path.suffix.lower()
        self._record = record
        self._count = 0
        self._sound: SoundTrack | CopiedTrack | None = None
        self._reformatter = VideoReformatter()
        # The name is given as a file's, since a bare one could be taken for a protocol.
        self._container = av.open(
            f"file:{path.absolute()}", "w", container_options=CONTAINER_OPTIONS[self._suffix]
        )
        try:
            self._tags = self._texts(record.begun if isinstance(record, GrowingRecord) else record)
            if isinstance(record, GrowingRecord):
                self._tags |= {name: self._tags[name] + " " * ROOM for name in (TAG, COMMENT_TAG)}
            self._container.metadata.update(self._tags)
            self._stream = self._picture_stream()
            if sound is not None:
                if can_copy(sound, suffix=self._suffix):
                    self._sound = CopiedTrack(self._container, sound)
                else:
                    self._sound = SoundTrack(self._container, sound, suffix=self._suffix)
        except BaseException:
            self.close()
            raise

    def _texts(self, record: Mapping[str, object] | None) -> dict[str, str]:
        return tags(record, self._layout) | {COMMENT_TAG: envelope(record, self._layout)}

    def _picture_stream(self) -> VideoStream:
        layout = self._layout
        stream = self._container.add_stream(
            VIDEO_CODECS[self._suffix], rate=layout.fps, options=CODEC_OPTIONS[self._suffix]
        )
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = layout.width + layout.width % 2, layout.height + layout.height % 2
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = 1 / layout.fps
        context.colorspace = int(Colorspace.ITU709)
        context.color_primaries = int(ColorPrimaries.BT709)
        context.color_trc = int(ColorTrc.BT709)
        context.color_range = int(ColorRange.MPEG)
        return stream

    def add(self, frame: Frame) -> None:
        """Write the next frame, `h w 3` of the layout's size, and the sound up to its end."""
        odd_height, odd_width = frame.shape[0] % 2, frame.shape[1] % 2
        if odd_height or odd_width:
            frame = np.pad(frame, ((0, odd_height), (0, odd_width), (0, 0)), mode="edge")
        picture = self._reformatter.reformat(
            VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24"),
            format="yuv420p",
            interpolation=SCALING,
            threads=1,
            dst_colorspace=int(Colorspace.ITU709),
            src_color_range=int(ColorRange.JPEG),
            dst_color_range=int(ColorRange.MPEG),
        )
        picture.pts, picture.time_base = self._count, 1 / self._layout.fps
        self._container.mux(self._stream.encode(picture))
        self._count += 1
        if self._sound is not None:
            self._sound.advance(self._seconds())

    def finish(self) -> None:
        """Write what the encoders still hold, and the index; the file is complete after this."""
        self._container.mux(self._stream.encode(None))
        if self._sound is not None:
            self._sound.finish(self._seconds())
        self._container.close()
        if isinstance(self._record, GrowingRecord):
            for name, text in self._texts(told(self._record)).items():
                overwrite(self._path, self._tags[name], text)
        if self._record is not None and self._suffix == ".mp4":
            with self._path.open("ab") as file:
                file.write(xmp_box())

    def close(self) -> None:
        """Release files; after a failure what is on the disk is not a clip."""
        if self._sound is not None:
            self._sound.close()
        self._container.close()

    def _seconds(self) -> Fraction:
        return self._count / self._layout.fps
