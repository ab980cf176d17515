"""Frames that are measured while they pass, with what the job's ledger says of where its pieces meet.

What finishes a clip (frames in between, larger frames) comes after: the numbers are those of what was made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING

from videogen.jobs.ledger import Ledger
from videogen.request import Record

if TYPE_CHECKING:
    from videogen.types import Frame


class Measured:
    """Frames at `fps`, for one pass, that are measured as they go by, with what `ledger` says of them.

    `finish` makes what comes out of them.
    """

    def __init__(
        self, frames: Iterator[Frame], ledger: Ledger, *, fps: Fraction,
        finish: Callable[[Iterator[Frame]], Iterator[Frame]] = iter,
    ) -> None:  # fmt: skip
        from videogen.continuity import Meter

        self._frames, self._ledger, self._meter = frames, ledger, Meter(fps=fps)
        self._finish = finish

    def __iter__(self) -> Iterator[Frame]:
        return self._finish(self._measured())

    def _measured(self) -> Iterator[Frame]:
        for frame in self._frames:
            self._meter.add(frame)
            yield frame

    def hold(self) -> None:
        """Make the first frame now."""
        self._frames = chain([next(self._frames)], self._frames)

    def numbers(self) -> Record:
        """What a record says of the frames so far: nothing before the first."""
        ledger = self._ledger
        found = self._meter.numbers(joins=ledger.joins, seams=ledger.seams, ring=ledger.ring)
        return {"numbers": {**found, **ledger.notes}} if found else {}
