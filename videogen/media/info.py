"""What a clip is before it is decoded (size, rate, length), its limits, and its timing.

Limits are checked on the header, before any decoding, and again while decoding, since headers lie: 198 kB
of H.264 can hold 1.6 GB of pixels. `constant_rate` turns pictures with times into pictures at a constant
rate by repeating and leaving out, so that the timing is kept to half a frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from videogen.errors import MediaError
from videogen.media.files import name_of
from videogen.types import Frame

MIN_SIDE = 16
MAX_SIDE = 8192
MAX_FRAMES = 250_000
MAX_FPS = 1000
DEFAULT_FPS = Fraction(25)


@dataclass(frozen=True)
class VideoInfo:
    """What a clip's header says, as its frames will be delivered.

    `width` and `height` are pixels after rotation, with square pixels. `fps` is the constant rate of
    delivery. `num_frames` is an estimate, None where the file does not say. `rotation` is the turn that was
    honoured, in degrees clockwise: 0, 90, 180 or 270.
    """

    width: int
    height: int
    fps: Fraction
    num_frames: int | None
    has_audio: bool = False
    rotation: int = 0

    @property
    def duration(self) -> Fraction | None:
        """Length in seconds, None where the number of frames is not known."""
        return None if self.num_frames is None else self.num_frames / self.fps


def check_size(path: str | Path, width: int, height: int) -> None:
    """Raise MediaError unless both sides, in pixels, are within MIN_SIDE and MAX_SIDE."""
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise MediaError(
            f"{name_of(path)} is {width}x{height} pixels; a video of "
            f"{MIN_SIDE} to {MAX_SIDE} a side was expected"
        )


def check_count(path: str | Path, count: int, *, limit: int) -> None:
    """Raise MediaError if a clip has more than `limit` frames."""
    if count > limit:
        raise MediaError(
            f"{name_of(path)} has {count} frames or more; at most {limit} are read: cut it shorter"
        )


def check_rate(path: str | Path, fps: Fraction) -> None:
    """Raise MediaError unless 0 < fps ≤ MAX_FPS."""
    if not 0 < fps <= MAX_FPS:
        raise MediaError(
            f"{name_of(path)}: {fps} frames a second; a rate over 0 and up to {MAX_FPS} was expected"
        )


@dataclass(frozen=True)
class TimedFrame:
    """A picture, when it appears and how long it stays (None: not said), in seconds."""

    frame: Frame
    time: Fraction
    duration: Fraction | None


def slot_of(time: Fraction, fps: Fraction) -> int:
    """Return the number of the frame that begins nearest to `time` seconds."""
    return int((time * fps + Fraction(1, 2)) // 1)


def constant_rate(
    pictures: Iterable[TimedFrame], *, fps: Fraction, path: str | Path, limit: int
) -> Iterator[Frame]:
    """Deliver timed pictures at a constant rate, each from the frame nearest to its time until the next.

    Pictures already at that rate pass one to one. The first picture's time counts as zero. Raises MediaError
    before more than `limit` frames would be delivered.
    """
    shown: TimedFrame | None = None
    start = Fraction(0)
    done = 0
    for picture in pictures:
        if shown is None:
            start = picture.time
        else:
            until = slot_of(picture.time - start, fps)
            check_count(path, until, limit=limit)
            for _ in range(done, until):
                yield shown.frame
            done = max(done, until)
        shown = picture
    if shown is not None:
        stay = shown.duration if shown.duration else 1 / fps
        until = max(slot_of(shown.time + stay - start, fps), done + 1)
        check_count(path, until, limit=limit)
        for _ in range(done, until):
            yield shown.frame
