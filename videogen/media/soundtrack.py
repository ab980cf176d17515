"""Laying sound beside a picture that is being written, in step with it.

The sound is a layout of parts of files (`videogen.sound`). They are decoded, resampled to one rate, faded,
added up and encoded as the picture advances, so that memory does not grow, and end with the picture to the
sample; silence fills what lies between them.
"""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer

from videogen.errors import MediaError
from videogen.media.container import open_container
from videogen.media.files import name_of
from videogen.media.voice import READ, Voice, sound_stream
from videogen.sound import Sound

log = logging.getLogger(__name__)
CODECS = {".mp4": "aac", ".webm": "libopus"}
BIT_RATE = 192_000
# Opus knows this rate and its halves only; AAC players all know these.
OPUS_RATE = 48_000
AAC_RATES = (48_000, 44_100, 32_000, 24_000, 22_050, 16_000)


def check_sound(path: str | Path) -> None:
    """Raise MediaError unless the file holds sound that can be read; only its beginning is."""
    with open_container(path, doing=READ) as source:
        if next(source.decode(sound_stream(path, source)), None) is None:
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
    """The sound of a clip, being added to `output`; to be made before the first picture is written."""

    def __init__(self, output: OutputContainer, sound: Sound, *, suffix: str) -> None:
        """Look at the sound's files and add a stream for it; `suffix` is the output's. Raises MediaError.

        The rate is the highest of its files' where the format knows it, and stereo where one of them is.
        """
        self._output = output
        self._written = 0
        rate, layout = _format([part.path for part in sound.parts], suffix=suffix)
        stream = output.add_stream(CODECS[suffix], rate=rate, layout=layout)
        assert isinstance(stream, AudioStream)
        self._stream = stream
        self._stream.bit_rate = BIT_RATE if layout == "stereo" else BIT_RATE // 2
        self._rate, self._layout = rate, layout
        self._voices = [Voice(part, rate=rate, layout=layout) for part in sound.parts]

    def close(self) -> None:
        """Close the sound's files."""
        for voice in self._voices:
            voice.close()

    def advance(self, seconds: Fraction) -> None:
        """Write the sound up to a time; raises MediaError where it cannot be read."""
        until = round(seconds * self._rate)
        # A second at a time, however long a picture stays.
        while self._written < until and self._voices:
            self._write(min(until - self._written, self._rate))

    def finish(self, seconds: Fraction) -> None:
        """Write the sound up to the picture's end and close the stream."""
        self.advance(seconds)
        self._output.mux(self._stream.encode(None))

    def _write(self, count: int) -> None:
        """Add up the next samples; after the last of the last part there are none."""
        mix = np.zeros((1 if self._layout == "mono" else 2, count), np.float32)
        ends = [voice.add_to(mix, at=self._written) for voice in self._voices]
        self._voices = [voice for voice in self._voices if not voice.is_over]
        if not self._voices:
            mix = mix[:, : max(ends) - self._written]
        if not mix.shape[1]:
            return
        # Two parts at once may be louder than the format can say.
        mix = np.ascontiguousarray(mix.clip(-1, 1)) if len(ends) > 1 else np.ascontiguousarray(mix)
        frame = AudioFrame.from_ndarray(mix, format="fltp", layout=self._layout)
        frame.sample_rate = self._rate
        frame.pts, frame.time_base = self._written, Fraction(1, self._rate)
        self._written += frame.samples
        self._output.mux(self._stream.encode(frame))


def _format(paths: list[Path], *, suffix: str) -> tuple[int, str]:
    """The rate and the layout that suit all files; raises MediaError where one has no sound."""
    rates, layouts = [], []
    for path in dict.fromkeys(paths):
        with open_container(path, doing=READ) as source:
            context = sound_stream(path, source).codec_context
            rates.append(context.sample_rate)
            layouts.append("mono" if context.channels == 1 else "stereo")
    rate = max(rates)
    return (
        rate if suffix == ".mp4" and rate in AAC_RATES else OPUS_RATE,
        "stereo" if "stereo" in layouts else "mono",
    )
