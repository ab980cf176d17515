"""Each rendered batch is used several times: at steps far apart, with other noise, other drops, other masks.

Rendering and encoding a batch costs a third of a training step, so a batch that is used three times makes
the world cheap. Which batch a step uses follows from the step alone. Batches come in blocks; while a block
is rendered, in order, the batches of the blocks before it come back in a random order in between. A run
that is resumed renders again what its steps still need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import TypeVar

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

Batch = TypeVar("Batch")


@dataclass(frozen=True)
class Plan:
    """Which batch is used at which step: each `uses` times, `block` at a time; (uses − 1)·block are kept."""

    uses: int = 3
    block: int = 32

    def draw(self, step: int) -> tuple[int, bool]:
        """The number of the batch of a step, and whether this is its last use."""
        epoch, place = 0, step
        while epoch < self.uses - 1 and place >= self.block * (epoch + 1):
            place -= self.block * (epoch + 1)
            epoch += 1
        if epoch == self.uses - 1:
            more, place = divmod(place, self.block * self.uses)
            epoch += more
        turn, age = divmod(place, min(epoch + 1, self.uses))
        if age:
            generator = torch.Generator().manual_seed(epoch * self.uses + age)
            turn = int(torch.randperm(self.block, generator=generator)[turn])
        return (epoch - age) * self.block + turn, age == self.uses - 1

    def first_use(self, number: int) -> int:
        """The step at which a batch is used first."""
        epoch, turn = divmod(number, self.block)
        full = max(epoch - self.uses + 1, 0)
        rising = min(epoch, self.uses - 1)
        before = self.block * (rising * (rising + 1) // 2 + full * self.uses)
        return before + turn * min(epoch + 1, self.uses)

    def rendered(self, first: int) -> Iterator[int]:
        """The numbers of the batches to render, in order, for training from step `first` on."""
        held: set[int] = set()
        for step in count(first):
            number, last = self.draw(step)
            if number not in held:
                yield number
            held.add(number)
            if last:
                held.remove(number)


class Rendered(IterableDataset[Batch]):
    """The batches of a plan as `make` makes them; the workers of a DataLoader share them out."""

    def __init__(self, make: Callable[[int], Batch], *, plan: Plan, first: int) -> None:
        self.make, self.plan, self.first = make, plan, first

    def __iter__(self) -> Iterator[Batch]:
        info = get_worker_info()
        if info is not None:
            torch.set_num_threads(1)
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        for number in islice(self.plan.rendered(self.first), worker, None, workers):
            yield self.make(number)


def replay(
    make: Callable[[int], Batch], *, plan: Plan, first: int, workers: int, keep: Callable[[Batch], Batch]
) -> Iterator[Batch]:
    """The batches of step `first` and on; `workers` processes make them ahead, or none: this one.

    `keep` puts a batch where it stays between its uses, as in a device's memory.
    """
    source: Iterator[Batch] = iter(Rendered(make, plan=plan, first=first))
    if workers:
        ahead = Rendered(make, plan=plan, first=first)
        source = iter(DataLoader(ahead, batch_size=None, num_workers=workers, prefetch_factor=4))
    pool: dict[int, Batch] = {}
    for step in count(first):
        number, last = plan.draw(step)
        if number not in pool:
            pool[number] = keep(next(source))
        yield pool.pop(number) if last else pool[number]
