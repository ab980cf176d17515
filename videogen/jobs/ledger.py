"""What a run writes down while it goes on: where its pieces meet, and what of it is finished.

A job tells its ledger the numbers of output frames at which a piece was put to another, and asks it for
everything that is dear to make: a ledger that keeps a folder gives back what a run that was stopped had
finished. This one keeps nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class Ledger:
    """`joins` and `seams` are numbers of output frames; on a `ring` frame 0 follows the last one."""

    def __init__(self) -> None:
        self.joins: list[int] = []
        self.seams: list[int] = []
        self.ring = False

    def join(self, *numbers: int) -> None:
        """Note that a piece begins at these output frames."""
        self.joins.extend(number for number in numbers if number > 0)

    def meet(self, *numbers: int) -> None:
        """Note that at these output frames what was made follows what was given, or the other way round."""
        self.seams.extend(number for number in numbers if number > 0)

    def once(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """What `make` returns; `name` is its own within the run, the same when the run is made again."""
        return make()
