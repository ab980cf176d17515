"""Laying the sound of one file beside a picture that is being written, in step with it.

The sound is decoded, resampled and encoded as the picture advances, so that memory does not grow, and it
ends with the picture to the sample. Where the sound's file has pictures too, both keep their offset:
sound that begins later is preceded by silence, sound that begins earlier is cut.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer

from videogen.errors import MediaError
from videogen.media.container import open_container, picture_stream
from videogen.media.files import media_errors, name_of

log = logging.getLogger(__name__)
READ = "read as sound"
CODECS = {".mp4": "aac", ".webm": "libopus"}
BIT_RATE = 192_000
# Opus knows this rate and its halves only; AAC players all know these.
OPUS_RATE = 48_000
AAC_RATES = (48_000, 44_100, 32_000, 24_000, 22_050, 16_000)


def check_sound(path: str | Path) -> None:
    """Raise MediaError unless the file holds sound that can be read; only its beginning is."""
    with open_container(path, doing=READ) as source:
        if next(source.decode(_sound_stream(path, source)), None) is None:
            raise MediaError(f"{name_of(path)} holds no sound that can be read; give another file, or none")


def has_sound(path: str | Path) -> bool:
    """Whether a file holds sound that can be read; a warning tells of sound that cannot.

    What is no media file has none: who wants its pictures says what is wrong with it.
    """
    try:
        with open_container(path, doing=READ) as source:
            silent = not source.streams.audio
    except MediaError:
        return False
    if silent:
        return False
    try:
        check_sound(path)
    except MediaError as error:
        log.warning("%s; the clip has no sound", error)
        return False
    return True


class SoundTrack:
    """The sound of `path`, being added to `output`; to be made before the first picture is written."""

    def __init__(self, output: OutputContainer, path: str | Path, *, suffix: str) -> None:
        """Open the sound and add a stream for it; `suffix` is the output's. Raises MediaError."""
        self._path = path
        self._output = output
        self._open = ExitStack()
        self._written = 0
        self._ended = False
        try:
            with media_errors(path, doing=READ):
                source = self._open.enter_context(open_container(path, doing=READ))
                self._source = _sound_stream(path, source)
                self._lead = _offset(source, self._source)
                self._container = source
        except BaseException:
            self.close()
            raise
        context = self._source.codec_context
        rate = context.sample_rate if suffix == ".mp4" and context.sample_rate in AAC_RATES else OPUS_RATE
        layout = "mono" if context.channels == 1 else "stereo"
        stream = output.add_stream(CODECS[suffix], rate=rate, layout=layout)
        assert isinstance(stream, AudioStream)
        self._stream = stream
        self._stream.bit_rate = BIT_RATE if layout == "stereo" else BIT_RATE // 2
        self._rate, self._layout = rate, layout
        self._fifo = AudioFifo()
        self._samples = self._decode()

    def close(self) -> None:
        """Close the sound's file."""
        self._open.close()

    def advance(self, seconds: Fraction) -> None:
        """Write the sound up to a time; raises MediaError where it cannot be read."""
        until = round(seconds * self._rate)
        while not self._ended and self._fifo.samples < until - self._written:
            self._fill()
        wanted = min(until - self._written, self._fifo.samples)
        if wanted > 0:
            self._encode(wanted)

    def finish(self, seconds: Fraction) -> None:
        """Write the sound up to the picture's end and close the stream."""
        self.advance(seconds)
        self._output.mux(self._stream.encode(None))

    def _encode(self, samples: int) -> None:
        frame = self._fifo.read(samples, partial=True)
        if frame is not None:
            frame.pts, frame.time_base = self._written, Fraction(1, self._rate)
            self._written += frame.samples
            self._output.mux(self._stream.encode(frame))

    def _fill(self) -> None:
        with media_errors(self._path, doing=READ):
            frame = next(self._samples, None)
        if frame is None:
            self._ended = True
        else:
            frame.pts = None
            self._fifo.write(frame)

    def _decode(self) -> Iterator[AudioFrame]:
        """The sound in the output's rate and layout, silence before it or cut as its lead asks."""
        resampler = AudioResampler(format="fltp", layout=self._layout, rate=self._rate)
        skip = -round(self._lead * self._rate)
        for _ in range(-skip // self._rate + 1 if skip < 0 else 0):
            pause = min(-skip, self._rate)
            skip += pause
            if pause:
                yield _silence(pause, rate=self._rate, layout=self._layout)
        for packet in self._container.demux(self._source):
            for frame in packet.decode():
                for part in resampler.resample(frame):
                    if skip >= part.samples:
                        skip -= part.samples
                        continue
                    yield _without_start(part, skip) if skip else part
                    skip = 0
        yield from resampler.resample(None)


def _sound_stream(path: str | Path, source: InputContainer) -> AudioStream:
    for stream in source.streams.audio:
        if stream.codec_context is not None and stream.codec_context.sample_rate:
            return stream
    raise MediaError(f"{name_of(path)} holds no sound that can be read; give a file with sound, or none")


def _offset(source: InputContainer, sound: AudioStream) -> Fraction:
    """Seconds by which the sound begins after its own picture; zero where there is no picture."""
    picture = picture_stream(source)
    if picture is None or None in (picture.start_time, sound.start_time, picture.time_base, sound.time_base):
        return Fraction(0)
    lead = (sound.start_time or 0) * Fraction(sound.time_base or 1) - (picture.start_time or 0) * Fraction(
        picture.time_base or 1
    )
    # Beyond a minute it is not an offset but a damaged header.
    return lead if abs(lead) < 60 else Fraction(0)


def _silence(samples: int, *, rate: int, layout: str) -> AudioFrame:
    channels = 1 if layout == "mono" else 2
    frame = AudioFrame.from_ndarray(np.zeros((channels, samples), np.float32), format="fltp", layout=layout)
    frame.sample_rate = rate
    return frame


def _without_start(frame: AudioFrame, samples: int) -> AudioFrame:
    rest = np.ascontiguousarray(frame.to_ndarray()[:, samples:], np.float32)
    cut = AudioFrame.from_ndarray(rest, format="fltp", layout=frame.layout.name)
    cut.sample_rate = frame.sample_rate
    return cut
