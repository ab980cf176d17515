"""One part of a clip's sound, read a few samples at a time at the clip's rate and layout.

The file is decoded and resampled as samples are asked for, so that memory does not grow. A file that has
pictures too keeps its offset: sound that begins after them is preceded by silence, sound that begins before
them is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from fractions import Fraction
from itertools import chain
from math import ceil, log2
from pathlib import Path

import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.filter import Graph
from numpy.typing import NDArray

from videogen.errors import MediaError
from videogen.media.container import open_container, picture_stream
from videogen.media.files import media_errors, name_of
from videogen.sound import Part

READ = "read as sound"


def sound_stream(path: str | Path, source: InputContainer) -> AudioStream:
    """Return the first stream of sound that can be decoded; raises MediaError where there is none."""
    for stream in source.streams.audio:
        if stream.codec_context is not None and stream.codec_context.sample_rate:
            return stream
    raise MediaError(f"{name_of(path)} holds no sound that can be read; give a file with sound, or none")


def sound_span(path: str | Path) -> tuple[Fraction, Fraction]:
    """Return when a file's sound begins and ends, in seconds from its first picture; nothing is decoded.

    Raises MediaError where there is no sound.
    """
    with open_container(path, doing=READ) as source:
        stream = sound_stream(path, source)
        base = Fraction(stream.time_base or 1)
        begin, first, end = offset_of(source, stream), None, 0
        for packet in source.demux(stream):
            if packet.pts is not None and packet.size:
                first = packet.pts if first is None else min(first, packet.pts)
                end = max(end, packet.pts + (packet.duration or 0))
        start = stream.start_time if stream.start_time is not None else first
        length = (end - (start or 0)) * base
    if length <= 0:
        raise MediaError(f"{name_of(path)} holds no sound that can be read; give a file with sound, or none")
    return begin, begin + length


class Voice:
    """A part being heard: samples float32 `c n`, from its own beginning on, faded at its ends."""

    def __init__(self, part: Part, *, rate: int, layout: str) -> None:
        """Prepare a part for a clip at `rate` with the `layout` mono or stereo; its file is opened later."""
        self._part, self._rate, self._layout = part, rate, layout
        self._begin = round(part.at * rate)
        self._end = None if part.length is None else round((part.at + part.length) * rate)
        self._rise, self._fall = round(part.fade_in * rate), round(part.fade_out * rate)
        self._open = ExitStack()
        self._fifo = AudioFifo()
        self._samples: Iterator[AudioFrame] | None = None
        self.is_over = False

    def close(self) -> None:
        """Close the file."""
        self._open.close()

    def add_to(self, mix: NDArray[np.float32], *, at: int) -> int:
        """Add the part to a clip's samples `c n` from number `at` on; returns where it ended in them.

        Stretches come one after the other. Raises MediaError where the file cannot be read.
        """
        stop = at + mix.shape[1]
        stop = stop if self._end is None else min(stop, self._end)
        begin = max(at, self._begin)
        if self.is_over or begin >= stop:
            self.is_over = self.is_over or stop == self._end
            return at
        heard = self._read(stop - begin)
        count = heard.shape[1]
        mix[:, begin - at : begin - at + count] += heard * self._gain(begin, count)
        if count < stop - begin or stop == self._end:
            self.is_over = True
            self.close()
        return begin + count

    def _gain(self, begin: int, count: int) -> NDArray[np.float32]:
        """How loud the samples from number `begin` on are: a quarter of a sine at the faded ends."""
        numbers = np.arange(begin, begin + count) + 0.5
        gain = np.ones(count)
        if self._rise:
            gain *= np.sin(np.pi / 2 * ((numbers - self._begin) / self._rise).clip(0, 1))
        if self._fall and self._end is not None:
            gain *= np.sin(np.pi / 2 * ((self._end - numbers) / self._fall).clip(0, 1))
        return gain.astype(np.float32)

    def _read(self, count: int) -> NDArray[np.float32]:
        """The next `count` samples, fewer where the file ends."""
        with media_errors(self._part.path, doing=READ):
            self._samples = self._samples or self._decode()
            while self._fifo.samples < count:
                frame = next(self._samples, None)
                if frame is None:
                    break
                frame.pts = None
                self._fifo.write(frame)
            wanted = min(count, self._fifo.samples)
            frame = self._fifo.read(wanted) if wanted else None
        if frame is None:
            return np.zeros((1, 0), np.float32)
        return np.asarray(frame.to_ndarray(), np.float32)

    def _decode(self) -> Iterator[AudioFrame]:
        """The part's sound in the clip's rate and layout, at its tempo."""
        if self._part.tempo == 1:
            return self._placed()
        return paced(self._placed(), self._part.tempo, rate=self._rate, layout=self._layout)

    def _placed(self) -> Iterator[AudioFrame]:
        """The file's sound in the clip's rate and layout, silence before it or cut as its start asks."""
        source = self._open.enter_context(open_container(self._part.path, doing=READ))
        stream = sound_stream(self._part.path, source)
        resampler = AudioResampler(format="fltp", layout=self._layout, rate=self._rate)
        skip = round((self._part.start - offset_of(source, stream)) * self._rate)
        while skip < 0:
            pause = min(-skip, self._rate)
            skip += pause
            yield _silence(pause, rate=self._rate, layout=self._layout)
        for packet in source.demux(stream):
            for frame in packet.decode():
                for part in resampler.resample(frame):
                    if skip >= part.samples:
                        skip -= part.samples
                        continue
                    yield _without_start(part, skip) if skip else part
                    skip = 0
        for part in resampler.resample(None):
            if skip < part.samples:
                yield _without_start(part, skip) if skip else part
            skip = max(skip - part.samples, 0)


def offset_of(source: InputContainer, sound: AudioStream) -> Fraction:
    """Return the seconds by which sound begins after its own picture; zero where there is no picture."""
    picture = picture_stream(source)
    if picture is None or None in (picture.start_time, sound.start_time, picture.time_base, sound.time_base):
        return Fraction(0)
    lead = (sound.start_time or 0) * Fraction(sound.time_base or 1) - (picture.start_time or 0) * Fraction(
        picture.time_base or 1
    )
    # Beyond a minute it is not an offset but a damaged header.
    return lead if abs(lead) < 60 else Fraction(0)


def paced(frames: Iterable[AudioFrame], tempo: Fraction, *, rate: int, layout: str) -> Iterator[AudioFrame]:
    """Yield sound, float32, `tempo` times as fast at the same pitch (FFmpeg's `atempo`)."""
    graph = Graph()
    nodes = [graph.add_abuffer(format="fltp", sample_rate=rate, layout=layout, time_base=Fraction(1, rate))]
    nodes += [graph.add("atempo", f"{float(factor):.15g}") for factor in _factors(tempo)]
    nodes += [graph.add("aformat", "sample_fmts=fltp"), graph.add("abuffersink")]
    graph.link_nodes(*nodes).configure()
    count = 0
    for frame in chain(frames, [None]):
        if frame is not None:
            frame.pts, frame.time_base = count, Fraction(1, rate)
            count += frame.samples
        graph.push(frame)
        with suppress(BlockingIOError, EOFError):
            while True:
                made = graph.pull()
                assert isinstance(made, AudioFrame)
                yield made


def _factors(tempo: Fraction) -> list[Fraction]:
    """A tempo as a product of such as the filter takes without leaving out or repeating, half to double."""
    count = max(1, ceil(abs(log2(tempo)) - 1e-9))
    each = Fraction(float(tempo) ** (1 / count))
    return [each] * (count - 1) + [tempo / each ** (count - 1)]


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
