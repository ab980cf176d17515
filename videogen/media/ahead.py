"""Files on threads of their own: frames decoded before they are asked for, and encoded after they were made.

`ahead` takes an iterator and gives its items, some of which are made already; `Aside` takes calls and does
them in order, some of them later. Both hold a few items, pass on what the other side raises, and leave no
thread behind however they end. A thread of its own gains what the codecs do without Python: a network that
works on one core no longer waits for them where there is another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

Item = TypeVar("Item")
SIZE = 4
"""Frames that are decoded before, or encoded after, the one that is worked on."""
_END: Any = object()


def ahead(items: Iterable[Item], *, size: int = SIZE) -> Generator[Item, None, None]:
    """Yield the items in order; the next `size` of them are made meanwhile, on a thread of their own.

    Raises what making an item raises, in its place. Closed early it waits for the item that is being made,
    and closes the iterator.
    """
    iterator = iter(items)
    pool = ThreadPoolExecutor(1, thread_name_prefix="ahead")
    waiting: deque[Future[Item]] = deque()
    try:
        while True:
            while len(waiting) < size:
                waiting.append(pool.submit(next, iterator, _END))
            item = waiting.popleft().result()
            if item is _END:
                return
            yield item
    finally:
        pool.shutdown(cancel_futures=True)
        if isinstance(iterator, Generator):
            iterator.close()


class Aside:
    """Does calls in order on a thread of its own; to be used in a `with` block, which waits for all of them.

    Where the block raises, or one of them did, those not begun are given up.
    """

    def __init__(self, *, size: int = SIZE) -> None:
        """Prepare for `size` calls that wait at most."""
        self._size = size
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="aside")
        self._waiting: deque[Future[None]] = deque()
        self._failed = False

    def __enter__(self) -> Aside:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            while self._waiting and error is None:
                self._waiting.popleft().result()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def do(self, work: Callable[[Item], None], item: Item) -> None:
        """Have `work` done with an item, later; raises what a call before this one has raised by now."""
        while self._waiting and (len(self._waiting) >= self._size or self._waiting[0].done()):
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(self._run, work, item))

    def _run(self, work: Callable[[Item], None], item: Item) -> None:
        # What has failed once is not tried again: an encoder whose file is full crashes.
        if self._failed:
            return
        try:
            work(item)
        except BaseException:
            self._failed = True
            raise
