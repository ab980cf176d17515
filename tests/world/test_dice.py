"""Numbers that depend on seed, index and turn only, and look random along each of them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from videogen.world.dice import Dice

COUNT = 20_000


def rolls(indices: Tensor, *, seed: int = 0, turns: int = 3) -> Tensor:
    """Return `b turns` numbers."""
    return Dice(indices, seed=seed).uniforms(turns)


def correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a, b]))[0, 1])


def test_a_clip_rolls_the_same_alone_in_a_batch_and_in_any_order() -> None:
    batch = rolls(torch.arange(100))
    order = torch.randperm(100, generator=torch.Generator().manual_seed(0))
    assert torch.equal(rolls(order), batch[order])
    assert torch.equal(rolls(torch.tensor([42])), batch[42:43])


def test_very_large_indices_and_seeds_are_as_good_as_small_ones() -> None:
    numbers = rolls(torch.tensor([2**62, 2**62 + 1, -1]), seed=2**63 + 7)
    assert len(numbers.unique()) == numbers.numel()
    assert numbers.min() >= 0
    assert numbers.max() < 1


def test_rolls_are_uniform() -> None:
    numbers = rolls(torch.arange(COUNT), turns=1)[:, 0].sort().values
    even = (torch.arange(COUNT) + 0.5) / COUNT
    assert (numbers - even).abs().max() < 1.63 / math.sqrt(COUNT)  # Kolmogorov and Smirnov, 1 %


@pytest.mark.parametrize("count", [2, 7, 10])
def test_choices_are_even(count: int) -> None:
    found = torch.bincount(Dice(torch.arange(COUNT), seed=3).choice(count), minlength=count).double()
    expected = COUNT / count
    chi_squared = float(((found - expected) ** 2 / expected).sum())
    assert len(found) == count
    assert chi_squared < count - 1 + 4 * math.sqrt(2 * (count - 1))


def test_neighbouring_clips_turns_and_seeds_are_independent() -> None:
    numbers, others = rolls(torch.arange(COUNT), turns=4), rolls(torch.arange(COUNT), seed=1, turns=4)
    limit = 4 / math.sqrt(COUNT)
    for turn in range(4):
        assert abs(correlation(numbers[:, turn], others[:, turn])) < limit
        assert abs(correlation(numbers[:-1, turn], numbers[1:, turn])) < limit
        assert abs(correlation(numbers[:-4, turn], numbers[4:, turn])) < limit
        for other in range(turn):
            assert abs(correlation(numbers[:, turn], numbers[:, other])) < limit


def test_pairs_of_turns_fill_the_square() -> None:
    numbers = rolls(torch.arange(COUNT), turns=2)
    cells = (numbers * 16).long()
    found = torch.bincount(cells[:, 0] * 16 + cells[:, 1], minlength=256).double()
    chi_squared = float(((found - COUNT / 256) ** 2 / (COUNT / 256)).sum())
    assert chi_squared < 255 + 4 * math.sqrt(2 * 255)


def test_every_kind_of_roll_keeps_its_range_and_takes_one_turn() -> None:
    indices = torch.arange(COUNT)
    dice, plain = Dice(indices, seed=5), rolls(indices, seed=5, turns=5)
    low = dice.uniform(-2.0, 3.0)
    torch.testing.assert_close(low, plain[:, 0] * 5 - 2)
    assert torch.equal(dice.choice(9), (plain[:, 1] * 9).long())
    torch.testing.assert_close(dice.phase(), plain[:, 2] * 2 * math.pi)
    assert torch.equal(dice.chance(0.3), plain[:, 3] < 0.3)
    assert torch.equal(dice.uniform(), plain[:, 4])
