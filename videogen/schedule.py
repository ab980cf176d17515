"""A prompt over time: what is seen from which moment on, as it is written and as a clip's frames read it.

Written: `0: a red ball bounces | 3s: a blue ball bounces`, times in seconds or as `50%` of the clip. A
prompt without times is one text and stays what it is. Read: how much of each text a frame is told, which goes
over from one to the next within half a second around the change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from videogen.errors import RequestError

_TIMED = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(s|%)?\s*:(?!\d)(.*)", re.DOTALL | re.IGNORECASE)
MOST_TEXTS = 32
BLEND = 0.5
"""Seconds in which one text goes over into the next."""


@dataclass(frozen=True)
class Timed:
    """A text from a moment on, in seconds or, with `is_share`, in hundredths of the clip."""

    time: float
    is_share: bool
    text: str

    def __str__(self) -> str:
        return f"{self.time:g}{'%' if self.is_share else 's'}"


@dataclass(frozen=True)
class Schedule:
    """Texts, the frames that they start at (the first at or before frame 0), and the frames between two."""

    texts: tuple[str, ...]
    starts: tuple[float, ...]
    blend: float

    def shares(self, number: int) -> list[float]:
        """How much a frame is told of each text; they add up to 1."""
        begun = [1.0]
        for start in self.starts[1:]:
            gone = (number - start) / self.blend + 0.5 if self.blend > 0 else float(number >= start)
            begun.append(min(max(gone, 0.0), 1.0))
        return [one - other for one, other in pairwise([*begun, 0.0])]

    def between(self, start: int, stop: int) -> Schedule:
        """What is told of the frames from `start` up to before `stop`, as a clip of their own."""
        told = [
            any(self.shares(number)[n] > 0 for number in range(start, stop)) for n in range(len(self.texts))
        ]
        first = told.index(True)
        last = len(told) - told[::-1].index(True)
        starts = tuple(at - start for at in self.starts[first:last])
        return Schedule(self.texts[first:last], starts, self.blend)

    def stretches(self, length: int) -> Iterator[tuple[str, int, int]]:
        """Each text with its first frame and the frame after its last one, in a clip of `length`."""
        begins = [0, *(max(0, round(start)) for start in self.starts[1:]), length]
        yield from ((text, *ends) for text, ends in zip(self.texts, pairwise(begins), strict=True))


def parse_schedule(prompt: str) -> tuple[Timed, ...]:
    """The texts of a prompt with their times, one at 0 for a plain prompt.

    Raises ValueError for times that are missing, doubled, unsorted or do not begin at 0, and empty texts.
    """
    parts = prompt.split("|")
    found = [_TIMED.fullmatch(part) for part in parts]
    if not any(found):
        return (Timed(0.0, False, prompt),)
    timed = []
    for part, match in zip(parts, found, strict=True):
        if match is None:
            raise ValueError(
                f"{_short(part)} has no time; write each as TIME: TEXT, such as '3s: a blue ball'"
            )
        time, unit, text = match.groups()
        one = Timed(float(time), unit == "%", text.strip())
        if not one.text:
            raise ValueError(f"nothing is said from {one} on; give a text, or leave the time out")
        timed.append(one)
    if len(timed) > MOST_TEXTS:
        raise ValueError(f"it has {len(timed)} texts; the limit is {MOST_TEXTS}")
    if timed[0].time != 0:
        raise ValueError(f"it begins at {timed[0]}, and nothing is said before; begin with '0: …'")
    for before, after in pairwise(timed):
        if (before.is_share == after.is_share or before.time == 0) and after.time <= before.time:
            raise ValueError(f"{after} does not come after {before}; give times that rise")
    return tuple(timed)


def texts_of(prompt: str) -> tuple[str, ...]:
    """The texts of a prompt without their times."""
    return tuple(one.text for one in parse_schedule(prompt))


def read_prompt(prompt: str, *, length: int, fps: float) -> str | Schedule:
    """A prompt for a clip of `length` frames: itself where it is one text, else its schedule.

    Raises `RequestError` for times beyond the clip and for times that do not rise by a frame.
    """
    timed = parse_schedule(prompt)
    if len(timed) == 1:
        return timed[0].text
    starts = [one.time / 100 * length if one.is_share else one.time * fps for one in timed]
    for one, start in zip(timed, starts, strict=True):
        if round(start) >= length:
            raise RequestError(
                f"the prompt says something from {one} on, but the clip lasts {length / fps:g} s; give an "
                f"earlier time, or a longer clip"
            )
    for (one, other), (start, after) in zip(pairwise(timed), pairwise(starts), strict=True):
        if round(after) <= round(start):
            raise RequestError(f"{other} is not after {one} by a frame in this clip; give times that rise")
    shortest = min(after - start for start, after in pairwise([*starts, float(length)]))
    return Schedule(tuple(one.text for one in timed), tuple(starts), min(BLEND * fps, shortest))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 40 else text[:37] + "...")
