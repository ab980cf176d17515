"""Stages small enough to train in a test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor, nn


@dataclass
class LineStage:
    """A network learns to double numbers; there are `last` batches."""

    last: int = 12
    learning_rate: float = 0.05
    name: str = "line"
    settings: dict[str, object] = field(default_factory=dict)
    model: nn.Module = field(init=False)

    def __post_init__(self) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Linear(8, 3))
        self.model[3].weight.requires_grad_(False)

    def batches(self, first: int) -> Iterator[Tensor]:
        """Batches that are functions of their number."""
        for number in range(first, self.last):
            yield torch.randn(4, 3, generator=torch.Generator().manual_seed(number))

    def loss(self, batch: Tensor, *, step: int, device: torch.device) -> tuple[Tensor, dict[str, float]]:
        """Squared error with noise that is a function of the step."""
        noise = torch.randn(4, 3, generator=torch.Generator().manual_seed(1000 + step))
        x = batch.to(device)
        loss = (self.model(x + 0.1 * noise.to(device)) - 2 * x).square().mean()
        return loss, {"error": loss.item(), "step": float(step)}


@pytest.fixture
def line() -> type[LineStage]:
    """Return the stage that is the least work."""
    return LineStage


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Sums depend on the number of threads; a killed process has one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
