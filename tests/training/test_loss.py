"""Flow matching in closed form."""

from __future__ import annotations

import math

import pytest
import torch

from videogen.training.loss import draw_levels, flow_loss, make_noisy


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def levels(count: int) -> torch.Tensor:
    return draw_levels(count, generator=torch.Generator().manual_seed(0))


def test_the_path_is_straight_from_data_to_noise() -> None:
    clean, noise = rand(3, 2, 4, 2, 2), rand(3, 2, 4, 2, 2, seed=1)
    noisy, velocity = make_noisy(clean, noise, torch.tensor([0.0, 0.25, 1.0]))
    torch.testing.assert_close(noisy[0], clean[0])
    torch.testing.assert_close(noisy[1], 0.75 * clean[1] + 0.25 * noise[1])
    torch.testing.assert_close(noisy[2], noise[2])
    torch.testing.assert_close(velocity, noise - clean)
    later, _ = make_noisy(clean, noise, torch.tensor([0.1, 0.35, 1.1]))
    torch.testing.assert_close((later - noisy) / 0.1, velocity, rtol=1e-4, atol=1e-4)


def test_the_best_guess_for_unit_gaussian_data_has_the_loss_of_theory() -> None:
    """For unit normal data E[v|x] = (2σ − 1) x / (σ² + (1 − σ)²), with the loss 1 / (σ² + (1 − σ)²)."""
    level = torch.tensor([0.1, 0.5, 0.9])
    shape = (3, 4, 8, 32, 32)
    noisy, velocity = make_noisy(rand(*shape), rand(*shape, seed=1), level)
    spread = level**2 + (1 - level) ** 2
    guess = noisy * ((2 * level - 1) / spread).view(-1, 1, 1, 1, 1)
    found = flow_loss(guess, velocity, torch.ones(3, 1, 8, 32, 32))
    torch.testing.assert_close(found, 1 / spread, rtol=0.03, atol=0)


def test_only_unknown_places_count_and_each_clip_by_itself() -> None:
    prediction, velocity = torch.zeros(2, 3, 2, 2, 2), torch.ones(2, 3, 2, 2, 2)
    velocity[0, :, 0] = 100
    velocity[1, :, :, 0, 0] = 3
    unknown = torch.ones(2, 1, 2, 2, 2)
    unknown[0, :, 0] = 0
    torch.testing.assert_close(flow_loss(prediction, velocity, unknown), torch.tensor([1.0, (6 + 2 * 9) / 8]))


def test_a_clip_that_is_all_known_has_no_loss() -> None:
    found = flow_loss(rand(1, 3, 2, 2, 2), rand(1, 3, 2, 2, 2, seed=1), torch.zeros(1, 1, 2, 2, 2))
    assert found.tolist() == [0.0]


def test_the_loss_is_taken_in_float32() -> None:
    shape = (1, 1, 1, 64, 64)
    found = flow_loss(torch.zeros(shape).bfloat16(), torch.full(shape, 1.001), torch.ones(shape))
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(1.001**2, rel=1e-5)


def test_a_third_of_the_levels_is_drawn_above_nine_tenths() -> None:
    found = levels(60_000)
    tail = 0.5 * math.erfc((math.log(9) - 0.2) / math.sqrt(2))
    assert float((found > 0.9).float().mean()) == pytest.approx(1 / 3 + 2 / 3 * tail, abs=0.01)
    assert found.min() >= 1e-3
    assert found.max() <= 1.0
    assert found[found < 0.9].median() == pytest.approx(0.53, abs=0.03)


def test_levels_follow_from_their_generator() -> None:
    assert torch.equal(levels(10), levels(10))
