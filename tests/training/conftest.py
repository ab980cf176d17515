"""Stages small enough to train in a test, and a fresh accelerator for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import torch
from accelerate.state import AcceleratorState
from torch import Tensor, nn


@pytest.fixture(autouse=True)
def fresh_accelerator() -> Iterator[None]:
    """accelerate remembers the precision of the first trainer in a process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@dataclass
class LineStage:
    """A network learns to double numbers; there are `last` batches."""

    last: int = 12
    learning_rate: float = 0.05
    name: str = "line"
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
