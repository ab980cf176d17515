"""What happens at some steps only happens at those, whatever the scheduler calls them."""

from __future__ import annotations

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
)
from torch import Tensor

from videogen.sampling import FrameStore, Timeline, every, sample, step_numbers, switched, within

CPU = torch.device("cpu")
SCHEDULERS = [
    DDIMScheduler(),
    DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True),
    EulerDiscreteScheduler(timestep_type="continuous", prediction_type="v_prediction", sigma_min=0.002,
                           sigma_max=700.0, use_karras_sigmas=True),
]  # fmt: skip


def times(numbers: dict[float, int]) -> list[Tensor]:
    return [torch.tensor(time) for time in numbers]


@pytest.mark.parametrize("scheduler", SCHEDULERS, ids=lambda one: type(one).__name__)
def test_every_timestep_that_the_sampler_shows_has_its_number(scheduler: object) -> None:
    numbers, seen = step_numbers(scheduler, 7, device=CPU), []

    def denoise(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
        seen.append(numbers[float(timestep)])
        return torch.zeros_like(latents)

    sample(denoise, Timeline.line(2), scheduler, channels=2, height=2, width=2, num_inference_steps=7, seed=1)  # type: ignore[arg-type]
    assert seen == list(range(7))


def test_an_interval_holds_its_start_and_not_its_end() -> None:
    numbers = step_numbers(DDIMScheduler(), 10, device=CPU)
    happens = within(numbers, start=0.2, end=0.5)
    assert [happens(time) for time in times(numbers)] == [number in (2, 3, 4) for number in range(10)]


def test_a_scheduler_that_asks_twice_at_a_timestep_has_as_many_steps_as_others() -> None:
    numbers = step_numbers(HeunDiscreteScheduler(), 10, device=CPU)
    happens = within(numbers, start=0.5, end=1.0)
    assert list(numbers.values()) == list(range(10))
    assert [happens(time) for time in times(numbers)] == [number >= 5 for number in range(10)]
    whole = every(numbers, interval=2)
    assert [number for number, time in enumerate(times(numbers)) if whole(time)] == [0, 1, 3, 5, 7, 9]


def test_the_first_sixth_is_whole_and_then_every_nth_step() -> None:
    numbers = step_numbers(DDIMScheduler(), 12, device=CPU)
    happens = every(numbers, interval=3)
    assert [number for number, time in enumerate(times(numbers)) if happens(time)] == [0, 1, 4, 7, 10]
    alone = every(numbers, interval=1)
    assert all(alone(time) for time in times(numbers))


def test_one_of_two_denoisers_is_asked() -> None:
    found = switched(
        lambda latents, timestep, frames: latents + 1,
        lambda latents, timestep, frames: latents + 2,
        when=lambda timestep: bool(timestep > 5),
    )
    nothing, frames = torch.zeros(1, 1, 1, 1, 1), torch.zeros(1, 1, dtype=torch.long)
    assert found(nothing, torch.tensor(9.0), frames) == 1
    assert found(nothing, torch.tensor(1.0), frames) == 2


def test_maps_come_back_by_the_numbers_of_their_frames() -> None:
    store = FrameStore(4)
    maps = torch.arange(4.0)[:, None, None, None]
    store.put(torch.tensor([3, 1]), maps[[3, 1]])
    assert store.take(torch.tensor([0, 1])) is None
    store.put(torch.tensor([0, 1]), maps[[0, 1]] + 10)
    found = store.take(torch.tensor([1, 3, 0]))
    assert found is not None
    assert found.flatten().tolist() == [11, 3, 10]
