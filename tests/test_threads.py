"""Calls side by side: in order, each on one thread, no more asked for than is worked on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import torch

from videogen.threads import in_threads


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    """Three threads, however many cores this machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_answers_come_in_the_order_of_the_questions() -> None:
    def slow_at_first(number: int) -> int:
        time.sleep(0.02 * (5 - number))
        return number * number

    assert list(in_threads(slow_at_first, range(5))) == [0, 1, 4, 9, 16]


def test_calls_run_at_once() -> None:
    together = threading.Barrier(3, timeout=10)  # breaks where fewer than three calls meet
    list(in_threads(lambda _: together.wait(), range(3)))


def test_each_call_has_one_thread_and_the_rest_of_the_program_what_it_had() -> None:
    assert list(in_threads(lambda _: torch.get_num_threads(), range(4))) == [1] * 4
    assert torch.get_num_threads() == 3
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [3]


def test_nothing_is_learnt_in_the_calls() -> None:
    weight = torch.ones(1, requires_grad=True)
    (answer,) = in_threads(lambda x: x * weight, [torch.ones(1)])
    assert not answer.requires_grad


def test_an_error_of_a_call_is_raised_in_its_turn() -> None:
    answers = in_threads(lambda number: 6 // number, [2, 0, 1])
    assert next(answers) == 3
    with pytest.raises(ZeroDivisionError):
        next(answers)


def test_it_does_not_ask_ahead_without_end_and_stops_when_closed() -> None:
    asked: list[int] = []

    def ask() -> Iterator[int]:
        for number in range(1000):
            asked.append(number)
            yield number

    answers = in_threads(lambda number: number, ask())
    assert [next(answers) for _ in range(5)] == list(range(5))
    answers.close()  # type: ignore[attr-defined]
    assert len(asked) <= 10
    assert torch.get_num_threads() == 3
