"""What stands between a network and the sampler."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from videogen.errors import VideogenError
from videogen.sampling import cast, predict

LATENTS = torch.randn(1, 2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
TIMESTEP, FRAMES = torch.tensor(321.0), torch.arange(3)[None]


def test_a_network_runs_in_its_own_precision_and_answers_in_the_samplers() -> None:
    seen = []

    def denoise(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
        seen.append((latents.dtype, timestep.dtype, frames.dtype))
        return latents * 2

    result = cast(denoise, dtype=torch.bfloat16, device="cpu")(LATENTS, TIMESTEP, FRAMES)
    assert seen == [(torch.bfloat16, torch.float32, torch.int64)]
    assert result.dtype == torch.float32
    assert torch.equal(result, (LATENTS.bfloat16() * 2).float())


def test_a_prediction_comes_in_the_precision_of_its_latents() -> None:
    result = predict(lambda x, t, f: x.double(), LATENTS, timestep=TIMESTEP, frames=FRAMES, step=1)
    assert result.dtype == torch.float32
    assert torch.equal(result, LATENTS)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_prediction_that_is_not_finite_names_its_step(bad: float) -> None:
    with pytest.raises(VideogenError, match="non-finite at step 7"):
        predict(
            lambda x, t, f: torch.where(x == x.max(), bad, x),
            LATENTS,
            timestep=TIMESTEP,
            frames=FRAMES,
            step=7,
        )


def test_a_prediction_of_another_shape_is_refused() -> None:
    with pytest.raises(VideogenError, match="predicted shape"):
        predict(lambda x, t, f: x[:, :1], LATENTS, timestep=TIMESTEP, frames=FRAMES, step=1)
