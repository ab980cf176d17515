"""Threads beside a stream: order, errors from both sides, early ends, and nothing left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from videogen.errors import MediaError
from videogen.media.ahead import SIZE, Aside, ahead
from videogen.media.video import read_video, write_video


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


class Numbers:
    """A generator that tells how far it was asked, whether it was closed, and on which threads it ran."""

    def __init__(self, count: int, *, fails_at: int | None = None) -> None:
        self.made, self.closed, self.threads = 0, False, set[int]()
        self._count, self._fails_at = count, fails_at

    def __iter__(self) -> Iterator[int]:
        try:
            for number in range(self._count):
                if number == self._fails_at:
                    raise MediaError("damaged")
                self.made += 1
                self.threads.add(threading.get_ident())
                yield number
        finally:
            self.closed = True


@pytest.mark.parametrize("count", [0, 1, 3, 20])
@pytest.mark.parametrize("size", [1, 4])
def test_items_come_in_order_from_another_thread(count: int, size: int) -> None:
    numbers = Numbers(count)
    assert list(ahead(numbers, size=size)) == list(range(count))
    assert threading.get_ident() not in numbers.threads


def test_no_more_are_made_than_asked_for() -> None:
    numbers = Numbers(20)
    stream = ahead(numbers, size=3)
    assert next(stream) == 0
    time.sleep(0.05)
    assert numbers.made == 3
    stream.close()
    assert numbers.closed


def test_an_error_comes_in_its_place() -> None:
    stream = ahead(Numbers(20, fails_at=7), size=4)
    assert [next(stream) for _ in range(7)] == list(range(7))
    with pytest.raises(MediaError, match="damaged"):
        next(stream)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_consumer_that_fails_ends_the_thread(error: type[BaseException]) -> None:
    numbers = Numbers(1000)

    def consume() -> None:
        for number in ahead(numbers):
            if number == 5:
                raise error

    with pytest.raises(error):
        consume()
    assert numbers.closed
    assert numbers.made < 20


def test_calls_are_done_in_order_and_some_later() -> None:
    done: list[int] = []
    gate = threading.Event()

    def work(item: int) -> None:
        gate.wait()
        done.append(item)

    with Aside(size=3) as aside:
        for item in range(3):
            aside.do(work, item)
        assert done == []
        gate.set()
        for item in range(3, 9):
            aside.do(work, item)
    assert done == list(range(9))


def test_an_error_of_a_call_comes_with_the_next_or_at_the_end() -> None:
    def work(item: int) -> None:
        if item == 2:
            raise MediaError("full")

    def give(items: range) -> None:
        with Aside() as aside:
            for item in items:
                given.append(item)
                aside.do(work, item)

    given: list[int] = []
    with pytest.raises(MediaError, match="full"):
        give(range(100))
    assert given[-1] <= 2 + 2 * SIZE
    with pytest.raises(MediaError, match="full"):
        give(range(2, 3))


def test_calls_not_begun_are_given_up_where_the_block_fails() -> None:
    done: list[int] = []

    def work(item: int) -> None:
        time.sleep(0.02)
        done.append(item)

    def fail() -> None:
        with Aside() as aside:
            for item in range(4):
                aside.do(work, item)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert len(done) <= 2


def test_a_video_is_read_ahead_and_can_be_left_at_any_time(tmp_path: Path) -> None:
    frames = [np.full((48, 64, 3), 8 * number, np.uint8) for number in range(30)]
    write_video(tmp_path / "a.mp4", frames, fps=Fraction(25))
    with read_video(tmp_path / "a.mp4") as plain, read_video(tmp_path / "a.mp4", decoded_ahead=3) as early:
        assert all(np.array_equal(one, other) for one, other in zip(plain, early, strict=True))
    for _ in range(5):
        with read_video(tmp_path / "a.mp4", decoded_ahead=3) as video:
            assert len(list(islice(video, 4))) == 4


def test_a_writer_that_fails_is_one_error_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: object, frame: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("videogen.media.encode.ContainerWriter.add", full)
    frames = (np.zeros((48, 64, 3), np.uint8) for _ in range(1000))
    with pytest.raises(MediaError, match="No space left"):
        write_video(tmp_path / "a.mp4", frames, fps=Fraction(25))
    assert not list(tmp_path.iterdir())
