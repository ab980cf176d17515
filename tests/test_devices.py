"""Where parts of a model lie while they wait and while they work, and how many windows fit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from videogen.devices import Placement, free_memory, windows_that_fit

GPU = torch.device("cuda")


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> list[tuple[nn.Module, str]]:
    """Every part that is moved, and where to."""
    seen: list[tuple[nn.Module, str]] = []
    monkeypatch.setattr(nn.Module, "to", lambda part, where, *rest: seen.append((part, str(where))))
    return seen


def test_all_parts_settle_on_the_device_and_stay(moves: list[tuple[nn.Module, str]]) -> None:
    place, one, two = Placement(GPU, torch.float16), nn.Linear(1, 1), nn.Linear(1, 1)
    for part in (one, None, two):
        place.settle(part)
    assert moves == [(one, "cuda"), (two, "cuda")]
    place.use(one)
    place.use(two)
    assert len(moves) == 2


def test_with_offload_only_the_part_in_use_is_on_the_device(moves: list[tuple[nn.Module, str]]) -> None:
    place, one, two = Placement(GPU, torch.float16, offload=True), nn.Linear(1, 1), nn.Linear(1, 1)
    place.settle(one)
    place.settle(two)
    assert moves == [(one, "cpu"), (two, "cpu")]
    moves.clear()
    for part in (one, one, None, two, one):
        place.use(part)
    assert moves == [(one, "cuda"), (one, "cpu"), (two, "cuda"), (two, "cpu"), (one, "cuda")]


def test_parts_take_the_numbers_of_the_model_or_their_own() -> None:
    place, part = Placement(torch.device("cpu"), torch.bfloat16), nn.Linear(1, 1)
    place.settle(part)
    assert part.weight.dtype == torch.bfloat16
    place.settle(part, dtype=torch.float32)
    assert part.weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("gigabytes", "side", "expected"), [(80, 64, 16), (20, 64, 7), (20, 32, 16), (1, 64, 1), (0, 64, 1)]
)
def test_as_many_windows_as_fit_are_denoised_together(gigabytes: int, side: int, expected: int) -> None:
    found = windows_that_fit(gigabytes * 10**9, frames=16, places=side**2, width=320, bytes_each=2)
    assert found == expected


def test_on_a_cpu_nobody_counts_memory() -> None:
    assert free_memory(torch.device("cpu")) is None
