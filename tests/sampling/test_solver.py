"""For Gaussian data the perfect denoiser is known, and so is where every scheduler must land."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from torch import Tensor

from videogen.errors import RequestError
from videogen.sampling import Timeline, draw_noise, sample
from videogen.sampling.solver import Solver

# diffusers hands torch tensors to numpy in a way that numpy 2 is about to retire.
pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")

MEAN, DEVIATION = 0.7, 0.4
SIZE: dict[str, Any] = {"channels": 4, "height": 16, "width": 16}
FRAMES, SEED = 4, 3
DIFFUSION = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


@dataclass(frozen=True)
class Case:
    """A scheduler, what its network predicts, and how close the given number of steps must come."""

    name: str
    predicts: str = "epsilon"
    steps: int = 100
    tolerance: float = 0.06
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def flow(self) -> bool:
        return self.predicts == "flow_prediction"

    def scheduler(self) -> Any:
        config = dict(self.config)
        if not self.flow:
            config |= DIFFUSION
        if "FlowMatch" not in self.name:
            config["prediction_type"] = self.predicts
        return getattr(diffusers, f"{self.name}Scheduler")(**config)

    def __str__(self) -> str:
        return "-".join([self.name, self.predicts, *(str(key) for key in self.config)])


LEADING = {"steps_offset": 1, "set_alpha_to_one": False}
FLOW = {"use_flow_sigmas": True}
SVD = Case(
    "EulerDiscrete",
    predicts="v_prediction",
    steps=150,
    config={"use_karras_sigmas": True, "timestep_type": "continuous", "sigma_min": 0.002, "sigma_max": 700.0},
)
DETERMINISTIC = [
    SVD,
    Case("DDIM", config={"clip_sample": False, **LEADING}),
    Case("DDIM", predicts="v_prediction", config={"clip_sample": False, **LEADING}),
    Case("DDIM", predicts="sample", config={"clip_sample": False, **LEADING}),
    Case("DPMSolverMultistep"),
    Case("DPMSolverMultistep", predicts="v_prediction"),
    Case("DPMSolverMultistep", steps=30, tolerance=0.02, config={"use_karras_sigmas": True}),
    Case("DPMSolverMultistep", predicts="flow_prediction", steps=12, tolerance=0.01, config=FLOW),
    Case("UniPCMultistep"),
    Case("UniPCMultistep", predicts="v_prediction"),
    Case("UniPCMultistep", predicts="flow_prediction", steps=12, tolerance=0.01, config=FLOW),
    Case("EulerDiscrete"),
    Case("EulerDiscrete", predicts="v_prediction"),
    Case("HeunDiscrete", steps=50, tolerance=0.01),
    Case("HeunDiscrete", predicts="v_prediction", steps=50, tolerance=0.01),
    Case("DEISMultistep", steps=50, tolerance=0.05),
    Case("LMSDiscrete", steps=50, tolerance=0.02),
    Case("PNDM", steps=50, tolerance=0.01, config={"skip_prk_steps": True, **LEADING}),
    Case("FlowMatchEulerDiscrete", predicts="flow_prediction", tolerance=0.03),
    Case("FlowMatchEulerDiscrete", predicts="flow_prediction", config={"shift": 3.0}),
    Case("FlowMatchHeunDiscrete", predicts="flow_prediction", steps=25, tolerance=0.01),
]
RANDOM = [
    Case("EulerAncestralDiscrete", steps=300),
    Case("EulerAncestralDiscrete", predicts="v_prediction", steps=300),
    Case("DDPM", steps=300, config={"clip_sample": False}),
    Case("DDPM", predicts="v_prediction", steps=300, config={"clip_sample": False}),
    Case("DPMSolverMultistep", config={"algorithm_type": "sde-dpmsolver++"}),
]
CONSISTENT = [
    Case("LCM", steps=4, config={"clip_sample": False}),
    Case("LCM", predicts="v_prediction", steps=8, config={"clip_sample": False}),
    Case("FlowMatchEulerDiscrete", predicts="flow_prediction", steps=8, config={"stochastic_sampling": True}),
]
RESTARTABLE = [
    case for case in DETERMINISTIC if case.predicts != "v_prediction" and case.name != "LMSDiscrete"
] + [SVD]


def level_of(case: Case, scheduler: Any) -> Callable[[Tensor], tuple[float, float]]:
    """alpha and sigma of what the network sees at a timestep, from the definition of the two processes."""
    if case.flow:
        return lambda timestep: (1 - float(timestep) / 1000, float(timestep) / 1000)
    if case.config.get("timestep_type") == "continuous":  # a quarter of the ratio's logarithm
        return lambda timestep: _unit(math.exp(4 * float(timestep)))
    kept = scheduler.alphas_cumprod.double().numpy()
    ratios = np.sqrt((1 - kept) / kept)

    def level(timestep: Tensor) -> tuple[float, float]:
        return _unit(float(np.interp(float(timestep), np.arange(1000), ratios)))

    return level


def _unit(ratio: float) -> tuple[float, float]:
    """alpha and sigma of a ratio sigma / alpha, where their squares add up to one."""
    return 1 / math.hypot(1, ratio), ratio / math.hypot(1, ratio)


def perfect(case: Case, scheduler: Any, *, endpoint: bool = False) -> Callable[..., Tensor]:
    """The perfect denoiser of N(MEAN, DEVIATION²): its clean value is the posterior mean.

    With `endpoint` it is the end of the probability-flow ODE instead, as a consistency model has it.
    """
    level = level_of(case, scheduler)

    def denoise(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
        alpha, sigma = level(timestep)
        variance = (alpha * DEVIATION) ** 2 + sigma**2
        slope = DEVIATION / math.sqrt(variance) if endpoint else alpha * DEVIATION**2 / variance
        clean = MEAN + slope * (latents - alpha * MEAN)
        noise = (latents - alpha * clean) / max(sigma, 1e-8)
        return {
            "epsilon": noise,
            "sample": clean,
            "v_prediction": alpha * noise - sigma * clean,
            "flow_prediction": noise - clean,
        }[case.predicts]

    return denoise


def flowed(latents: Tensor, *, alpha: float, sigma: float) -> Tensor:
    """Where the probability-flow ODE takes latents of a level: quantiles are kept."""
    return MEAN + DEVIATION * (latents - alpha * MEAN) / math.hypot(alpha * DEVIATION, sigma)


def land(case: Case, timeline: Timeline, *, endpoint: bool = False, resamplings: int = 1) -> Tensor:
    scheduler = case.scheduler()
    denoiser = perfect(case, scheduler, endpoint=endpoint)
    return sample(
        denoiser,
        timeline,
        scheduler,
        num_inference_steps=case.steps,
        seed=SEED,
        resamplings=resamplings,
        **SIZE,
    )


def solver_of(case: Case) -> Solver:
    return Solver(case.scheduler(), num_inference_steps=case.steps, device=torch.device("cpu"), generators=[])


def clean_latents() -> Tensor:
    return MEAN + DEVIATION * draw_noise(frames=FRAMES, seed=99, **SIZE)


@pytest.mark.parametrize("case", DETERMINISTIC, ids=str)
def test_a_deterministic_scheduler_lands_on_the_solution_of_the_ode(case: Case) -> None:
    start = draw_noise(frames=FRAMES, seed=SEED, **SIZE)
    solver = solver_of(case)
    alpha, sigma = (float(value) for value in solver.level(0))
    expected = flowed(solver.start_scale * start, alpha=alpha, sigma=sigma)
    assert (land(case, Timeline.line(FRAMES)) - expected).abs().max() < case.tolerance


@pytest.mark.parametrize("case", RANDOM, ids=str)
def test_a_random_scheduler_lands_on_the_distribution(case: Case) -> None:
    latents = land(case, Timeline.line(FRAMES))
    assert latents.mean().item() == pytest.approx(MEAN, abs=0.02)
    assert latents.std().item() == pytest.approx(DEVIATION, abs=0.02)


@pytest.mark.parametrize("case", CONSISTENT, ids=str)
def test_a_consistency_scheduler_lands_on_the_distribution_in_few_steps(case: Case) -> None:
    latents = land(case, Timeline.line(FRAMES), endpoint=True)
    assert latents.mean().item() == pytest.approx(MEAN, abs=0.02)
    assert latents.std().item() == pytest.approx(DEVIATION, abs=0.02)


@pytest.mark.parametrize("case", RESTARTABLE, ids=str)
def test_an_edit_starts_at_the_level_its_strength_names(case: Case) -> None:
    clean = clean_latents()
    solver = solver_of(case)
    first = solver.steps - round(solver.steps * 0.5)
    solver.begin(first)
    alpha, sigma = (float(value) for value in solver.level(solver.index_of(first)))
    start = alpha * clean + sigma * draw_noise(frames=FRAMES, seed=SEED, **SIZE)
    expected = flowed(start, alpha=alpha, sigma=sigma)
    assert (land(case, Timeline.edit(clean, strength=0.5)) - expected).abs().max() < case.tolerance


@pytest.mark.parametrize("strength", [0.5, 1.0])
@pytest.mark.parametrize("case", [*RESTARTABLE, *RANDOM, *CONSISTENT], ids=str)
def test_the_network_sees_known_latents_at_the_level_of_its_timestep(case: Case, strength: float) -> None:
    clean, noise = clean_latents(), draw_noise(frames=FRAMES, seed=SEED, **SIZE)
    scheduler = case.scheduler()
    level = level_of(case, scheduler)
    errors = []

    def denoise(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
        alpha, sigma = level(timestep)
        errors.append((latents - alpha * clean - sigma * noise).abs().max().item())
        return torch.zeros_like(latents)

    timeline = Timeline.edit(clean, strength=strength, keep=torch.ones(1))
    sample(denoise, timeline, scheduler, num_inference_steps=12, seed=SEED, **SIZE)
    assert len(errors) >= 12 * strength
    assert max(errors) < 0.02


@pytest.mark.parametrize("case", [*RESTARTABLE, *RANDOM[:1]], ids=str)
def test_resampling_keeps_unknown_frames_on_the_distribution(case: Case) -> None:
    timeline = Timeline.line(FRAMES).with_known(clean_latents()[:, :, :1], frames=[0])
    latents = land(replace(case, steps=max(case.steps, 60)), timeline, resamplings=2)[:, :, 1:]
    assert latents.mean().item() == pytest.approx(MEAN, abs=0.03)
    assert latents.std().item() == pytest.approx(DEVIATION, abs=0.03)


def test_a_scheduler_made_from_the_configuration_of_pndm_is_not_taken_for_it() -> None:
    pndm = Case("PNDM", config={"skip_prk_steps": True}).scheduler()
    solver = Solver(
        diffusers.DPMSolverMultistepScheduler.from_config(pndm.config),
        num_inference_steps=5,
        device=torch.device("cpu"),
        generators=[],
    )
    assert solver.steps == 5
    assert [solver.evaluations(step) for step in range(5)] == [[0], [1], [2], [3], [4]]


@pytest.mark.parametrize("case", [Case("PNDM", steps=50, config=LEADING), Case("LMSDiscrete")], ids=str)
def test_schedulers_that_need_their_own_start_run_whole_schedules_and_refuse_parts(case: Case) -> None:
    assert land(case, Timeline.line(FRAMES)).std().item() == pytest.approx(DEVIATION, abs=0.03)
    with pytest.raises(RequestError, match="part-way"):
        land(case, Timeline.edit(clean_latents(), strength=0.5))


def test_a_second_order_step_is_two_evaluations_except_at_the_end() -> None:
    solver = solver_of(Case("HeunDiscrete", steps=3))
    assert [solver.evaluations(step) for step in range(solver.steps)] == [[0, 1], [2, 3], [4]]
