"""A sampling that was stopped after any step and goes on ends at the same latents, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor

from videogen.sampling import Timeline, sample
from videogen.sampling.solver import Solver
from videogen.sampling.standing import Standing, is_plain

pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")
SIZE: dict[str, Any] = {"channels": 2, "height": 4, "width": 4}
NAMES = [
    "DDIM", "DDPM", "PNDM", "LMSDiscrete", "EulerDiscrete", "EulerAncestralDiscrete", "HeunDiscrete",
    "KDPM2Discrete", "KDPM2AncestralDiscrete", "DPMSolverMultistep", "DPMSolverSinglestep",
    "DEISMultistep", "UniPCMultistep", "LCM", "FlowMatchEulerDiscrete", "SASolver",
]  # fmt: skip


class Kept:
    """Keeps every standing in memory, and gives back the one it is set to."""

    def __init__(self) -> None:
        self.standings: list[Standing] = []
        self.at: Standing | None = None

    def recall(self) -> Standing | None:
        return self.at

    def keep(self, standing: Callable[[], Standing]) -> None:
        self.standings.append(standing())


def half(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
    return 0.5 * latents + 0.01 * frames[:, None, :, None, None]


def known_line() -> Timeline:
    return Timeline.line(4).with_known(torch.full((1, 2, 1, 4, 4), 0.3), frames=[0])


def run(name: str, timeline: Timeline, keeper: Kept | None, **more: Any) -> Tensor:
    scheduler = getattr(diffusers, f"{name}Scheduler")()
    return sample(
        half, timeline, scheduler, num_inference_steps=5, seed=1, keeper=keeper, **SIZE, **more
    )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_it_ends_like_one_that_was_not_stopped(name: str) -> None:
    kept = Kept()
    whole = run(name, Timeline.line(4), None)
    assert torch.equal(run(name, Timeline.line(4), kept), whole)
    assert len(kept.standings) >= 3
    for standing in list(kept.standings):
        kept.at = standing
        assert torch.equal(run(name, Timeline.line(4), kept), whole)


@pytest.mark.parametrize("name", ["DDIM", "DPMSolverMultistep", "EulerAncestralDiscrete"])
def test_so_does_one_that_takes_its_steps_again_beside_known_frames(name: str) -> None:
    kept = Kept()
    whole = run(name, known_line(), kept, resamplings=3)
    assert len(kept.standings) == 12
    for standing in list(kept.standings):
        kept.at = standing
        assert torch.equal(run(name, known_line(), kept, resamplings=3), whole)


def test_what_is_no_number_cannot_be_kept_and_is_said_so() -> None:
    solver = Solver(
        diffusers.DDIMScheduler(), num_inference_steps=5, device=torch.device("cpu"), generators=[]
    )
    assert solver.memory() is not None
    solver._scheduler.tree = object()
    assert solver.memory() is None
    assert not is_plain([torch.zeros(1), object()])
