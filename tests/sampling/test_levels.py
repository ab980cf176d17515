"""A prediction that means certain clean latents takes every scheduler there."""

from __future__ import annotations

from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor

from videogen.errors import RequestError
from videogen.sampling import Levels, Timeline, sample

# diffusers hands torch tensors to numpy in a way that numpy 2 is about to retire.
pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")

STEPS = 12
SCHEDULERS: list[tuple[str, dict[str, Any]]] = [
    ("DPMSolverMultistep", {"prediction_type": "flow_prediction", "use_flow_sigmas": True}),
    ("DPMSolverMultistep", {"use_karras_sigmas": True}),
    ("UniPCMultistep", {"prediction_type": "v_prediction"}),
    ("DDIM", {"clip_sample": False, "prediction_type": "sample"}),
    ("DDIM", {"clip_sample": False}),
    ("EulerDiscrete", {}),
    ("EulerDiscrete", {"prediction_type": "v_prediction"}),
    ("HeunDiscrete", {}),
    ("PNDM", {"skip_prk_steps": True, "set_alpha_to_one": False, "steps_offset": 1}),
    ("FlowMatchEulerDiscrete", {"shift": 3.0}),
]


@pytest.mark.parametrize(("name", "config"), SCHEDULERS)
def test_sampling_lands_where_the_predictions_mean(name: str, config: dict[str, Any]) -> None:
    kind = getattr(diffusers, f"{name}Scheduler")
    levels = Levels(kind(**config), STEPS, device=torch.device("cpu"))
    aim = torch.randn(1, 2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    read = []

    def denoise(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
        prediction = levels.prediction(latents, aim, timestep)
        read.append(levels.clean(latents, prediction, timestep))
        return prediction

    landed = sample(
        denoise, Timeline.line(3), kind(**config), channels=2, height=4, width=4, num_inference_steps=STEPS,
        seed=0,
    )  # fmt: skip
    torch.testing.assert_close(landed, aim, atol=0.1, rtol=0.0)
    assert len(read) >= STEPS
    for clean in read:
        torch.testing.assert_close(clean, aim, atol=1e-3, rtol=0.0)


def test_a_network_that_predicts_something_else_is_refused() -> None:
    scheduler = diffusers.DDIMScheduler()
    scheduler.register_to_config(prediction_type="surprise")
    with pytest.raises(RequestError, match="predicts 'surprise'"):
        Levels(scheduler, STEPS, device=torch.device("cpu"))
