"""What is heard beside a clip, as data: stretches of files, each at its place.

The simple case is one file from its beginning, cut to the clip. Where a clip is made of several, or is longer
than what it was made from, its sound is a layout: parts that begin later, overlap in a crossfade, or come
again. Times are seconds as fractions, exact to the sample at any rate; in a file that has pictures they count
from its first picture, so that sound stays in step with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Self

FADE = Fraction(1, 50)
"""Seconds over which sound is faded where it is cut: too short to be heard, long enough not to click."""


@dataclass(frozen=True)
class Part:
    """The sound of `path` from `start` seconds on, laid at the clip's second `at`.

    It ends after `length` seconds, or with the file where None or where the file has no more. A `start` below
    zero is silence first. Over `fade_in` and `fade_out` seconds at its ends it rises and falls as a sine, so
    that two parts that overlap by their fades are as loud together as each alone. It is played `tempo` times
    as fast, at its own pitch: 1/2 lasts twice as long; `start` is the file's time, all others are the clip's.
    Raises ValueError for times that no clip has, and tempos beyond 1/16 to 16.
    """

    path: Path
    start: Fraction = Fraction(0)
    at: Fraction = Fraction(0)
    length: Fraction | None = None
    fade_in: Fraction = Fraction(0)
    fade_out: Fraction = Fraction(0)
    tempo: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        if self.at < 0 or min(self.fade_in, self.fade_out) < 0:
            raise ValueError(f"a part at {self.at} s, faded {self.fade_in} and {self.fade_out} s; give 0 up")
        if self.length is None and self.fade_out:
            raise ValueError("a part that ends with its file cannot fade out; say its length")
        if self.length is not None and self.length <= 0:
            raise ValueError(f"a part of {self.length} s; give more than 0")
        if not Fraction(1, 16) <= self.tempo <= 16:
            raise ValueError(f"a part at {float(self.tempo):g} times its speed; give 1/16 to 16")


@dataclass(frozen=True)
class Sound:
    """What goes with a clip; `asked` whether it was named, and is missed where it cannot go."""

    parts: tuple[Part, ...]
    asked: bool

    @classmethod
    def of(cls, path: str | Path, *, asked: bool, tempo: Fraction = Fraction(1)) -> Self:
        """One file's sound from its beginning, `tempo` times as fast."""
        return cls((Part(Path(path), tempo=tempo),), asked=asked)


def in_step(path: Path, *, at: Fraction, length: Fraction, total: Fraction) -> tuple[Part, ...]:
    """A video's own sound where its pictures are, silence elsewhere.

    Its pictures fill `length` seconds of a clip of `total`, from `at` on. It is faded where it is cut off.
    """
    before, after = FADE if at > 0 else Fraction(0), FADE if at + length < total else Fraction(0)
    return (Part(path, at=at, length=min(length, total - at), fade_in=before, fade_out=after),)


def repeated(
    path: Path, *, at: Fraction, total: Fraction, span: tuple[Fraction, Fraction], overlap: Fraction = FADE
) -> tuple[Part, ...]:
    """A video's sound again and again until `total` seconds are full, in step with its pictures from `at` on.

    `span` is where in the file the sound begins and ends; each time fades into the next over `overlap`
    seconds, half of the sound at most.
    """
    begin, end = span
    overlap = min(overlap, (end - begin) / 2)
    period = end - begin - overlap
    place = -(-(at + begin) % period)  # the last beginning that is not after the clip's
    parts: list[Part] = []
    while not parts or place + overlap < total:
        cut = max(-place, Fraction(0))
        falls = place + (end - begin) < total
        parts.append(
            Part(
                path,
                start=begin + cut,
                at=place + cut,
                length=min(end - begin - cut, total - place - cut),
                fade_in=overlap if place > 0 else Fraction(0),
                fade_out=overlap if falls else Fraction(0),
            )
        )
        place += period
    return tuple(parts)


def joined(
    first: Path | None, second: Path | None, *, first_length: Fraction, second_at: Fraction,
    second_length: Fraction, first_start: Fraction = Fraction(0), second_start: Fraction = Fraction(0),
) -> tuple[Part, ...]:  # fmt: skip
    """The sounds of two videos, each in step with its own pictures, and overlapping between them.

    The first one's pictures fill a clip's first `first_length` seconds, those of the second follow from
    `second_at` on; None has no sound. Over what is between them the first fades out and the second fades in
    as far as their files have sound there, and over `FADE` at least.
    """
    between = max(second_at - first_length, Fraction(0))
    fade = max(between, FADE)
    parts = []
    if first is not None:
        length = first_length + between
        parts.append(Part(first, start=first_start, length=length, fade_out=min(fade, length)))
    if second is not None:
        parts.append(
            Part(
                second,
                start=second_start - between,
                at=second_at - between,
                length=second_length + between,
                fade_in=min(fade, second_length + between),
            )
        )
    return tuple(parts)
