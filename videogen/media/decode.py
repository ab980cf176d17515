"""Reading a clip from a container (mp4, mov, webm, mkv, avi, gif, …), one frame at a time.

Out come RGB frames at a constant rate, turned as the file asks, with square pixels, cropped to their true
size where we padded them, transparency laid over white. Size and count are checked on the header; a file
that does not say its count or its rate is counted by its packets first, without decoding.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream

from videogen.errors import MediaError
from videogen.media.container import DECODER_LIMITS, SCALING, open_container, picture_stream
from videogen.media.files import media_errors, name_of
from videogen.media.image import WHITE, over_background
from videogen.media.info import (
    DEFAULT_FPS,
    MAX_FPS,
    TimedFrame,
    VideoInfo,
    check_count,
    check_rate,
    check_size,
    constant_rate,
    slot_of,
)
from videogen.media.provenance import Layout, layout_of
from videogen.types import Frame

log = logging.getLogger(__name__)
READ = "read as a video"
# A clip's own mean rate within this of the rate it declares: the declared one is exact.
RATE_TOLERANCE = 0.02
GIF_TICK = Fraction(1, 100)
_HDR = (int(ColorTrc.SMPTE2084), int(ColorTrc.ARIB_STD_B67))
"""Transfer curves of HDR: PQ and HLG."""


class ContainerVideo:
    """A clip in a container, open for one pass over its frames."""

    info: VideoInfo

    def __init__(self, path: str | Path, *, max_frames: int) -> None:
        """Open the clip, check its header and decode its first frame; raises MediaError."""
        self._path = path
        self._max_frames = max_frames
        self._open = ExitStack()
        self._reformatter = VideoReformatter()
        try:
            with media_errors(path, doing=READ):
                self._prepare()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._open.close()

    def __iter__(self) -> Iterator[Frame]:
        with media_errors(self._path, doing=READ):
            yield from constant_rate(
                self._timed_frames(), fps=self.info.fps, path=self._path, limit=self._max_frames
            )

    def _enter(self) -> tuple[InputContainer, VideoStream]:
        container = self._open.enter_context(open_container(self._path, doing=READ))
        stream = picture_stream(container)
        if stream is None:
            raise MediaError(f"{name_of(self._path)} holds no moving pictures that can be read")
        return container, stream

    def _prepare(self) -> None:
        container, stream = self._enter()
        check_size(self._path, stream.codec_context.width, stream.codec_context.height)
        layout = layout_of(dict(container.metadata))
        count, declared = stream.frames, _declared_rate(stream)
        # GIF's declared rate is guessed from its first frames; matroska counts nothing.
        if container.format.name == "gif" or not (count and declared):
            count, length = self._measure(container, stream)
            self.close()
            container, stream = self._enter()
            declared = _settle(declared, count / length if length else None)
            # Of repeated frames a GIF holds one only; then the exact rate is one that fits the whole length.
            if layout and length and abs(slot_of(length, layout.fps) / layout.fps - length) <= GIF_TICK:
                declared = layout.fps
        self._promised = count
        self._fps = declared or DEFAULT_FPS
        if layout and abs(layout.fps / self._fps - 1) < RATE_TOLERANCE:
            self._fps = layout.fps
        check_rate(self._path, self._fps)
        if stream.duration and stream.time_base:
            count = round(stream.duration * stream.time_base * self._fps)
        check_count(self._path, max(count, self._promised), limit=self._max_frames)
        stream.codec_context.options = DECODER_LIMITS
        stream.thread_type = "AUTO"
        self._stream, self._container = stream, container
        self._decoded = self._decode()
        self._inspect(layout, count)

    def _inspect(self, layout: Layout | None, count: int) -> None:
        """Decode the first frame, where rotation and the shape of pixels are written, and settle the info."""
        self._first = next(self._decoded, None)
        if self._first is None:
            raise MediaError(f"{name_of(self._path)} holds no frame that can be read")
        width, height = self._first.width, self._first.height
        self._coded = self._square = width, height
        aspect = self._stream.sample_aspect_ratio
        if layout and (layout.width + layout.width % 2, layout.height + layout.height % 2) == self._coded:
            width, height = layout.width, layout.height
        elif aspect and aspect != 1 and Fraction(1, 4) <= aspect <= 4:
            width = round(width * aspect)
            self._square = width, height
        self._crop = height, width
        self._turns = round(self._first.rotation / 90) % 4  # counter-clockwise
        if self._turns % 2:
            width, height = height, width
        check_size(self._path, width, height)
        if self._stream.codec_context.color_trc in _HDR:
            log.warning(
                "%s is HDR; its colours are read without tone mapping and look pale: convert it to SDR first",
                name_of(self._path),
            )
        self.info = VideoInfo(
            width=width,
            height=height,
            fps=self._fps,
            num_frames=max(count, 1),
            has_audio=bool(self._container.streams.audio),
            rotation=-90 * self._turns % 360,
        )

    def _measure(self, container: InputContainer, stream: VideoStream) -> tuple[int, Fraction | None]:
        """Count the frames without decoding; also the seconds that they last together."""
        count, first, last, end = 0, None, 0, 0
        for packet in container.demux(stream):
            if packet.pts is None or not packet.size:
                continue
            count += 1
            check_count(self._path, count, limit=self._max_frames)
            first = packet.pts if first is None else min(first, packet.pts)
            last = max(last, packet.pts)
            end = max(end, packet.pts + (packet.duration or 0))
        if first is None or stream.time_base is None:
            return count, None
        if end == last and count > 1:  # no duration is written: the last frame stays as long as the mean
            end = last + (last - first) // (count - 1)
        return count, (end - first) * stream.time_base if end > first else None

    def _decode(self) -> Iterator[VideoFrame]:
        packets = 0
        for packet in self._container.demux(self._stream):
            packets += packet.size > 0
            check_count(self._path, packets, limit=self._max_frames)
            yield from packet.decode()
        if 0 < packets < self._promised:
            log.warning(
                "%s is damaged: %d frames were promised, %d are there",
                name_of(self._path),
                self._promised,
                packets,
            )

    def _timed_frames(self) -> Iterator[TimedFrame]:
        time = Fraction(0)
        frame = self._first
        while frame is not None:
            base = frame.time_base or self._stream.time_base
            if frame.pts is not None and base:
                time = frame.pts * base
            duration = frame.duration * base if frame.duration and base else None
            yield TimedFrame(self._picture(frame), time=time, duration=duration)
            time += duration or 1 / self._fps
            frame = next(self._decoded, None)

    def _picture(self, frame: VideoFrame) -> Frame:
        if (frame.width, frame.height) != self._coded:
            raise MediaError(
                f"{name_of(self._path)} changes its size from {self._coded[0]}x{self._coded[1]} to "
                f"{frame.width}x{frame.height} on the way; convert it to one size first"
            )
        has_alpha = any(component.is_alpha for component in frame.format.components)
        pixels = self._reformatter.reformat(
            frame,
            width=self._square[0],
            height=self._square[1],
            format="rgba" if has_alpha else "rgb24",
            interpolation=SCALING,
            threads=1,
            src_colorspace=_colour_space(frame),
            dst_color_range=ColorRange.JPEG,
        ).to_ndarray()
        picture = np.asarray(pixels, np.uint8)[: self._crop[0], : self._crop[1]]
        if has_alpha:
            picture = over_background(picture, WHITE)
        return np.ascontiguousarray(np.rot90(picture, self._turns))


def _colour_space(frame: VideoFrame) -> int:
    """The file's own matrix; where it does not say, by players' custom: BT.709 from 720 rows on."""
    unspecified = 2
    if frame.colorspace != unspecified or not frame.format.name.startswith("yuv"):
        return frame.colorspace
    return int(Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601)


def _declared_rate(stream: VideoStream) -> Fraction | None:
    rate = stream.average_rate or stream.guessed_rate
    return rate if rate and 0 < rate <= MAX_FPS else None


def _settle(declared: Fraction | None, measured: Fraction | None) -> Fraction | None:
    if declared and (measured is None or abs(measured / declared - 1) < RATE_TOLERANCE):
        return declared
    return measured.limit_denominator(1001) if measured else None
