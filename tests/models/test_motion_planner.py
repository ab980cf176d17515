"""The planner's network: what it is told changes its plan, what is known stays, and its sizes are checked."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.tiny import PLANNER, planner
from videogen.models.motion_planner import MotionPlannerConfig, Told


def told(b: int = 2, t: int = 6) -> Told:
    width = planner().vectors.width
    generator = torch.Generator().manual_seed(0)
    return Told(
        tokens=torch.randint(3, 40, (b, 8), generator=generator),
        fps=torch.full((b,), 8.0),
        seconds=(torch.arange(t) / 8.0).expand(b, -1),
        known=torch.randn(b, width, t, 1, 1, generator=generator),
        mask=torch.zeros(b, width, t, 1, 1),
    )


def noise(b: int = 2, t: int = 6) -> Tensor:
    return torch.randn(b, planner().vectors.width, t, 1, 1, generator=torch.Generator().manual_seed(1))


def test_the_velocity_leads_from_the_clean_vectors_to_the_noisy_ones() -> None:
    noisy, level = noise(), torch.tensor(400.0)
    velocity = planner()(noisy, level, told())
    torch.testing.assert_close(noisy - 0.4 * velocity, planner().clean(noisy, level, told()))


def test_everything_that_is_told_changes_the_plan() -> None:
    given, noisy, level = told(), noise(), torch.tensor(500.0)
    plain = planner().clean(noisy, level, given)
    known = replace(given, mask=torch.zeros_like(given.mask).index_fill(1, torch.tensor([1]), 1.0))
    others = [
        planner().clean(noisy, torch.tensor(900.0), given),
        planner().clean(noisy, level, replace(given, tokens=given.tokens + 1)),
        planner().clean(noisy, level, replace(given, fps=given.fps / 2)),
        planner().clean(noisy, level, replace(given, seconds=given.seconds + 1)),
        planner().clean(noisy, level, known)[:, 2:],
    ]
    for other in others:
        assert not torch.allclose(plain[:, -other.shape[1] :], other, atol=1e-4)


def test_what_is_known_comes_back_exactly() -> None:
    given = told()
    mask = (torch.rand(given.mask.shape, generator=torch.Generator().manual_seed(2)) < 0.3).float()
    clean = planner().clean(noise(), torch.tensor(700.0), replace(given, mask=mask))
    assert torch.equal(clean[mask == 1], given.known[mask == 1])


def test_clips_of_a_batch_do_not_mix() -> None:
    given, noisy = told(), noise()
    both = planner()(noisy, torch.tensor(500.0), given)
    one = Told(given.tokens[:1], given.fps[:1], given.seconds[:1], given.known[:1], given.mask[:1])
    alone = planner()(noisy[:1], torch.tensor(500.0), one)
    # Sums of one clip go in another order than those of two; what is another clip's is of the size of 1.
    torch.testing.assert_close(both[:1], alone, atol=1e-4, rtol=1e-4)
    assert (both[1:] - alone).abs().max() > 0.1


def test_padding_changes_nothing() -> None:
    given, noisy, level = told(), noise(), torch.tensor(800.0)
    tokens = given.tokens.clone()
    tokens[1, 5:] = 0
    padded = replace(given, tokens=torch.nn.functional.pad(tokens, (0, 4)))
    one = Told(tokens[1:, :5], given.fps[1:], given.seconds[1:], given.known[1:], given.mask[1:])
    both, alone = planner()(noisy, level, padded), planner()(noisy[1:], level, one)
    torch.testing.assert_close(both[1:], alone)
    torch.testing.assert_close(both, planner()(noisy, level, replace(given, tokens=tokens)))


def test_a_config_returns_from_json() -> None:
    assert MotionPlannerConfig.from_dict(PLANNER.to_dict()) == PLANNER


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"depth": 1}, "unknown setting of the motion planner: depth"),
        ({"width": "128"}, "width is '128'"),
        ({"width": True}, "width is True"),
        ({"layers": 0}, "layers is 0, expected 1"),
        ({"layers": 10**9}, "expected 1 to 4096"),
        ({"fastest": float("nan")}, "fastest is nan"),
        ({"heads": 5}, "5 heads"),
        ({"overlap": 32}, "too large"),
        ({"slowest": 20}, "too large"),
    ],
)
def test_impossible_sizes_are_refused(values: dict[str, object], words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        MotionPlannerConfig.from_dict(values)
