"""What a run writes down while it goes on: where its pieces meet, and what of it is finished.

A job tells its ledger the numbers of output frames at which a piece was put to another, and asks it for
everything that is dear to make: a ledger that keeps a folder gives back what a run that was stopped had
finished. This one keeps nothing. Names are of letters, digits and dashes, each its own within a run, and the
same when the run is made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from videogen.sampling.standing import Keeper
    from videogen.types import Frame


class Ledger:
    """`joins` and `seams` are numbers of frames that are made; on a `ring` frame 0 follows the last one.

    `expected` is about how many there will be, None where nobody knows. `notes` are numbers by name that the
    record of the output is to hold.
    """

    def __init__(self) -> None:
        self.joins: list[int] = []
        self.seams: list[int] = []
        self.ring = False
        self.expected: int | None = None
        self.notes: dict[str, float] = {}

    def join(self, *numbers: int) -> None:
        """Note that a piece begins at these output frames."""
        self.joins.extend(number for number in numbers if number > 0)

    def meet(self, *numbers: int) -> None:
        """Note that at these output frames what was made follows what was given, or the other way round."""
        self.seams.extend(number for number in numbers if number > 0)

    def once(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """What `make` returns, or what it returned in a run that was stopped: latents, a piece of a clip."""
        return make().contiguous()

    def steps(self, name: str) -> Keeper | None:
        """What keeps the steps of a long sampling for `denoise`; `name` is that of its `once`."""
        return None

    def frame(self, number: int, make: Callable[[], Frame]) -> Frame:
        """What `make` returns, or what it returned in a run that was stopped: a frame that is dear to make.

        May be asked from several threads at once.
        """
        return make()

    def film(self, make: Callable[[int], Iterator[Frame]]) -> Iterator[Frame]:
        """All that `make(0)` yields, or its first frames from a run that was stopped and then `make(number)`.

        `make` yields the frames from a number on, always the same ones. Asked for once in a run, at most.
        """
        return make(0)
