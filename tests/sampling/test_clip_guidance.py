"""Guidance by a similarity, on denoisers in closed form."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler
from torch import Tensor

from videogen.errors import RequestError
from videogen.sampling import Aim, Levels, Timeline, clip_guided, sample
from videogen.sampling.clip_guidance import STEP

CPU = torch.device("cpu")
STEPS = 8
SCHEDULERS = {
    "flow": FlowMatchEulerDiscreteScheduler(),
    "epsilon": DDIMScheduler(),
    "velocity": DDIMScheduler(prediction_type="v_prediction"),
    "sample": DDIMScheduler(prediction_type="sample"),
    "exploding": EulerDiscreteScheduler(),
}
WISH = torch.linspace(-1, 1, 6).reshape(1, 1, 6, 1, 1)


def likeness(latents: Tensor) -> Tensor:
    """The cosine of latents and a ramp over the frames."""
    wish = WISH.expand_as(latents) if latents.shape[2] == 6 else torch.ones_like(latents)
    return torch.cosine_similarity(latents.flatten(), wish.flatten(), 0)


def towards(clean: Tensor, levels: Levels) -> Any:
    """The denoiser that always guesses the same clean clip."""
    return lambda latents, timestep, frames: levels.prediction(latents, clean.expand_as(latents), timestep)


def drawn(name: str, scale: float, *, aims: list[Aim] | None = None) -> Tensor:
    scheduler = SCHEDULERS[name]
    levels = Levels(scheduler, STEPS, device=CPU)
    clean = torch.randn(1, 2, 6, 3, 3, generator=torch.Generator().manual_seed(1))
    aims = [Aim(0, 6, likeness)] if aims is None else aims
    denoiser = clip_guided(towards(clean, levels), aims, levels, scale=scale)
    return sample(
        denoiser,
        Timeline.line(6),
        scheduler,
        channels=2,
        height=3,
        width=3,
        num_inference_steps=STEPS,
        seed=3,
    )


@pytest.mark.parametrize("name", sorted(SCHEDULERS))
def test_the_similarity_rises_with_the_scale_whatever_is_predicted(name: str) -> None:
    found = [float(likeness(drawn(name, scale))) for scale in (0.0, 2.0, 8.0)]
    assert found[0] < found[1] < found[2]


def test_scale_zero_is_the_denoiser_itself() -> None:
    levels = Levels(SCHEDULERS["flow"], STEPS, device=CPU)
    denoiser = towards(torch.zeros(1), levels)
    assert clip_guided(denoiser, [Aim(0, 6, likeness)], levels, scale=0) is denoiser
    assert clip_guided(denoiser, [], levels, scale=3) is denoiser


@pytest.mark.parametrize("name", sorted(SCHEDULERS))
def test_the_guess_moves_by_the_same_distance_however_steep_the_similarity_is(name: str) -> None:
    levels = Levels(SCHEDULERS[name], STEPS, device=CPU)
    clean = torch.randn(1, 2, 6, 3, 3, generator=torch.Generator().manual_seed(1))
    noisy = torch.randn(1, 2, 6, 3, 3, generator=torch.Generator().manual_seed(2))
    timestep = SCHEDULERS[name].timesteps[-1]
    for number in (0, 4):
        schedule = SCHEDULERS[name]
        schedule.set_timesteps(STEPS)
        timestep = schedule.timesteps[number]
        moved = []
        for steep in (1e-3, 1.0, 1e3):
            aim = Aim(0, 6, lambda latents, steep=steep: steep * likeness(latents))
            guided = clip_guided(towards(clean, levels), [aim], levels, scale=2)
            guess = levels.clean(noisy, guided(noisy, timestep, torch.arange(6)[None]), timestep)
            moved.append(float((guess - clean).square().mean().sqrt()))
        assert moved == pytest.approx([2 * STEP * levels.noise(timestep)] * 3, rel=2e-3)


def test_each_aim_moves_its_own_frames_only() -> None:
    plain = drawn("flow", 0)
    led = drawn("flow", 4, aims=[Aim(1, 3, lambda latents: latents.sum())])
    changed = (led - plain).abs().amax((0, 1, 3, 4))
    assert (changed > 1e-5).tolist() == [False, True, True, False, False, False]
    assert bool((led[:, :, 1:3] > plain[:, :, 1:3]).all())


def test_a_similarity_that_leads_nowhere_changes_nothing() -> None:
    flat = [Aim(0, 6, lambda latents: 0 * latents.sum())]
    torch.testing.assert_close(drawn("flow", 4, aims=flat), drawn("flow", 0))


def test_it_works_on_what_inference_mode_has_made() -> None:
    levels = Levels(SCHEDULERS["flow"], STEPS, device=CPU)
    plain = towards(torch.ones(1), levels)
    inner = torch.inference_mode()(plain)
    guided = clip_guided(inner, [Aim(0, 6, likeness)], levels, scale=1)
    noisy, timestep = torch.randn(1, 2, 6, 3, 3), SCHEDULERS["flow"].timesteps[0]
    with torch.no_grad():
        assert bool(torch.isfinite(guided(noisy, timestep, torch.arange(6)[None])).all())


def test_a_scale_below_zero_is_refused() -> None:
    levels = Levels(SCHEDULERS["flow"], STEPS, device=CPU)
    with pytest.raises(RequestError, match="leads away from the words; give 0 or more"):
        clip_guided(towards(torch.zeros(1), levels), [], levels, scale=-1)
