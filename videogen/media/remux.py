"""Sound that stays as it is: a file's own packets beside a new picture, without decoding.

Where a clip's sound is one file's, from its beginning and in step with its picture, and the format can hold
the file's codec, its packets are copied bit for bit, with their times. They end with the packet in which the
picture ends, some hundredths of a second after it at most. Everything else is decoded and encoded again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction

from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet

from videogen.media.container import open_container
from videogen.media.files import media_errors
from videogen.media.voice import READ, offset_of, sound_stream
from videogen.sound import Part, Sound

HELD = {".mp4": ("aac", "mp3", "ac3", "eac3", "opus"), ".webm": ("opus", "vorbis")}
"""Codecs whose packets each format holds as they are."""
_WITH_HEADER = ("aac", "opus", "vorbis")
"""Codecs that need a header beside their packets, which streams for broadcast lack."""
_EARLY = Fraction(1, 10)
"""Seconds by which sound may begin before its picture: a codec's own lead-in, which players cut."""


def can_copy(sound: Sound, *, suffix: str) -> bool:
    """Whether the packets of a sound can be copied as they are; raises MediaError for files without sound."""
    if len(sound.parts) != 1:
        return False
    part = sound.parts[0]
    if part != Part(part.path, length=part.length):
        return False
    with open_container(part.path, doing=READ) as source:
        stream = sound_stream(part.path, source)
        context = stream.codec_context
        name = context.name.removesuffix("float").removeprefix("lib")
        if name not in HELD[suffix] or (name in _WITH_HEADER and not context.extradata):
            return False
        return offset_of(source, stream) >= -_EARLY


class CopiedTrack:
    """The sound of a clip, being copied to `output`; to be made before the first picture is written."""

    def __init__(self, output: OutputContainer, sound: Sound) -> None:
        """Open the sound's file and add a stream like its own; raises MediaError."""
        self._output = output
        (self._part,) = sound.parts
        self._open = ExitStack()
        try:
            source = self._open.enter_context(open_container(self._part.path, doing=READ))
            self._source = sound_stream(self._part.path, source)
            self._lead = offset_of(source, self._source)
            self._stream = output.add_stream_from_template(self._source)
            self._packets = self._timed(source, self._source)
            self._next = next(self._packets, None)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the sound's file."""
        self._open.close()

    def advance(self, seconds: Fraction) -> None:
        """Copy the packets that begin before a time; raises MediaError where the file cannot be read."""
        until = seconds if self._part.length is None else min(seconds, self._part.length)
        while self._next is not None and self._next[0] < until:
            packet = self._next[1]
            packet.stream = self._stream
            self._output.mux(packet)
            with media_errors(self._part.path, doing=READ):
                self._next = next(self._packets, None)

    def finish(self, seconds: Fraction) -> None:
        """Copy what begins before the picture's end."""
        self.advance(seconds)

    def _timed(
        self, source: InputContainer, stream: AudioStream
    ) -> Iterator[tuple[Fraction, Packet[AudioStream]]]:
        """The packets and when they begin, in seconds from the picture's first."""
        base = Fraction(stream.time_base or 1)
        shift = round(self._lead / base) - (stream.start_time or 0)
        for packet in source.demux(stream):
            if packet.pts is None or not packet.size:
                continue
            packet.pts += shift
            packet.dts = packet.pts
            yield packet.pts * base, packet
