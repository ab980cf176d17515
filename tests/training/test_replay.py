"""Every batch is used as often as said, in an order that follows from the step, and is made only once."""

from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise

import pytest
import torch
from torch import Tensor

from videogen.training.replay import Plan, replay

PLANS = [Plan(uses=3, block=4), Plan(uses=2, block=5), Plan(uses=1, block=3), Plan()]


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_every_batch_is_used_as_often_as_said(plan: Plan) -> None:
    steps = plan.first_use(plan.block * (plan.uses + 4))
    drawn = [plan.draw(step) for step in range(steps)]
    used = Counter(number for number, _ in drawn)
    assert all(used[number] == plan.uses for number in range(plan.block * 4))
    for number in range(plan.block * 4):
        places = [step for step, (found, _) in enumerate(drawn) if found == number]
        assert [drawn[step][1] for step in places] == [False] * (plan.uses - 1) + [True]
        assert places[0] == plan.first_use(number)


def test_uses_of_a_batch_lie_apart_and_come_in_another_order() -> None:
    plan = Plan(uses=3, block=32)
    drawn = [plan.draw(step)[0] for step in range(1200)]
    gaps = [
        later - step
        for number in range(200)
        for step, later in pairwise([s for s, n in enumerate(drawn) if n == number])
    ]
    assert sum(gaps) / len(gaps) > 60
    second = [number for number in drawn[400:] if drawn[:400].count(number)]
    assert second != sorted(second)


def test_no_more_is_kept_than_the_plan_says() -> None:
    plan, held, most = Plan(uses=3, block=8), set(), 0
    for step in range(400):
        number, last = plan.draw(step)
        held.add(number)
        most = max(most, len(held))
        if last:
            held.remove(number)
    assert most <= 3 * 8


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("first", [0, 37])
def test_a_resumed_replay_gives_the_same_batches(workers: int, first: int) -> None:
    plan = Plan(uses=3, block=4)
    found = replay(make, plan=plan, first=first, workers=workers, keep=lambda batch: batch.clone())
    numbers = [int(batch) for batch in islice(found, 40)]
    assert numbers == [plan.draw(step)[0] for step in range(first, first + 40)]


def make(number: int) -> Tensor:
    return torch.tensor(number)


def test_each_batch_is_made_and_kept_once() -> None:
    made: list[int] = []
    kept: list[int] = []
    found = replay(
        lambda number: made.append(number) or number, plan=Plan(uses=3, block=4), first=0, workers=0,
        keep=lambda number: kept.append(number) or number,
    )  # fmt: skip
    list(islice(found, 90))
    assert made == kept == sorted(set(made))
    assert 30 <= len(made) <= 36
