"""What `sample` promises around the schedulers: known latents, seeds, progress and errors."""

from __future__ import annotations

from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor

from videogen.errors import RequestError, VideogenError
from videogen.sampling import Timeline, draw_noise, sample, windowed

# diffusers hands torch tensors to numpy in a way that numpy 2 is about to retire.
pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")

SIZE: dict[str, Any] = {"channels": 3, "height": 4, "width": 5}


def dpm() -> Any:
    return diffusers.DPMSolverMultistepScheduler(use_flow_sigmas=True, prediction_type="flow_prediction")


SCHEDULERS = {
    "dpm": dpm,
    "sde": lambda: diffusers.DPMSolverMultistepScheduler(algorithm_type="sde-dpmsolver++"),
    "unipc": lambda: diffusers.UniPCMultistepScheduler(),
    "euler": lambda: diffusers.EulerDiscreteScheduler(),
    "ancestral": lambda: diffusers.EulerAncestralDiscreteScheduler(),
    "ddim": lambda: diffusers.DDIMScheduler(),
    "ddpm": lambda: diffusers.DDPMScheduler(),
    "heun": lambda: diffusers.HeunDiscreteScheduler(),
    "lcm": lambda: diffusers.LCMScheduler(),
    "pndm": lambda: diffusers.PNDMScheduler(skip_prk_steps=True),
    "flow": lambda: diffusers.FlowMatchEulerDiscreteScheduler(),
}
every_scheduler = pytest.mark.parametrize("name", SCHEDULERS)


def half(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
    return latents / 2


def neighbourly(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
    return latents / 2 + 0.1 * latents.roll(1, dims=2) + 0.01 * frames[:, None, :, None, None]


def latents_of(frames: int) -> Tensor:
    return draw_noise(frames=frames, seed=99, **SIZE)


def run(timeline: Timeline, *, name: str = "dpm", seed: int = 1, **options: Any) -> Tensor:
    denoiser = options.pop("denoiser", half)
    return sample(denoiser, timeline, SCHEDULERS[name](), num_inference_steps=6, seed=seed, **SIZE, **options)


@every_scheduler
@pytest.mark.parametrize("ring", [False, True])
def test_known_frames_come_back_exactly(name: str, ring: bool) -> None:
    known = latents_of(3)
    timeline = Timeline(length=7, ring=ring).with_known(known, frames=[0, 3, 6])
    result = run(timeline, name=name)
    assert torch.equal(result[:, :, [0, 3, 6]], known)
    assert not torch.isin(result[:, :, [1, 2, 4, 5]], known).any()


@every_scheduler
@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_a_known_region_comes_back_exactly_and_the_rest_is_made_anew(name: str, strength: float) -> None:
    known = latents_of(4)
    keep = torch.zeros(4, 5)
    keep[:, :2] = 1
    result = run(Timeline.edit(known, strength=strength, keep=keep), name=name)
    assert torch.equal(result[..., :2], known[..., :2])
    assert (result[..., 2:] != known[..., 2:]).all()


def test_known_frames_come_back_exactly_with_resampling_and_a_guess_that_is_wrong() -> None:
    known = latents_of(2)
    timeline = Timeline.ring_of(6).with_known(known, frames=[-1, 0])
    result = run(timeline, resamplings=3, denoiser=lambda x, t, f: 100 * torch.ones_like(x))
    assert torch.equal(result[:, :, [5, 0]], known)


@every_scheduler
def test_known_frames_do_not_disturb_frames_that_a_denoiser_makes_alone(name: str) -> None:
    free = run(Timeline.line(5), name=name)
    held = run(Timeline.line(5).with_known(latents_of(2), frames=[0, 1]), name=name)
    assert torch.equal(free[:, :, 2:], held[:, :, 2:])


def test_resampling_brings_new_frames_closer_to_what_known_frames_imply() -> None:
    """Two frames of correlation 0.9: the second one's mean is 0.9 times the first, which is known."""
    covariance = torch.tensor([[1.0, 0.9], [0.9, 1.0]])

    def denoise(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
        sigma = float(timestep) / 1000
        alpha = 1 - sigma
        whole = alpha**2 * covariance + sigma**2 * torch.eye(2)
        gain = alpha * covariance @ torch.linalg.inv(whole)
        clean = torch.einsum("st, bcthw -> bcshw", gain, latents)
        return (latents - clean) / max(sigma, 1e-6)

    def slope(resamplings: int) -> float:
        known = draw_noise(channels=3, frames=1, height=64, width=64, seed=5)
        result = sample(
            denoise,
            Timeline.line(2).with_known(known, frames=[0]),
            diffusers.FlowMatchEulerDiscreteScheduler(),
            channels=3,
            height=64,
            width=64,
            num_inference_steps=25,
            seed=1,
            resamplings=resamplings,
        )
        return ((result[:, :, 1] * known[:, :, 0]).mean() / known.square().mean()).item()

    once, often = slope(1), slope(8)
    assert abs(often - 0.9) < 0.07
    assert abs(often - 0.9) < abs(once - 0.9) / 2


def test_strength_zero_returns_what_is_known() -> None:
    known = latents_of(4)
    assert torch.equal(run(Timeline.edit(known, strength=0.0)), known)


def test_a_weaker_edit_stays_closer_and_asks_the_network_less_often() -> None:
    known = latents_of(4)
    distances, calls = [], []
    for strength in (0.01, 0.5, 1.0):
        count: list[int] = []
        result = run(
            Timeline.edit(known, strength=strength), progress=lambda done, total, c=count: c.append(total)
        )
        distances.append((result - known).square().mean().item())
        calls.append(len(count))
    assert distances == sorted(distances)
    assert calls == [1, 3, 6]


@every_scheduler
def test_the_same_seed_gives_the_same_latents_and_another_seed_others(name: str) -> None:
    first = run(Timeline.line(5), name=name)
    assert torch.equal(first, run(Timeline.line(5), name=name))
    assert not torch.isclose(first, run(Timeline.line(5), name=name, seed=2)).any(dim=1).all()


@every_scheduler
def test_a_longer_clip_begins_like_the_shorter_one(name: str) -> None:
    assert torch.equal(run(Timeline.line(9), name=name)[:, :, :4], run(Timeline.line(4), name=name))


@every_scheduler
@pytest.mark.parametrize("ring", [False, True])
def test_the_latents_do_not_depend_on_the_window_batch(name: str, ring: bool) -> None:
    timeline = Timeline(length=14, ring=ring)
    results = [
        run(
            timeline,
            name=name,
            denoiser=windowed(neighbourly, length=14, ring=ring, window=5, overlap=2, batch=batch),
        )
        for batch in (1, 4)
    ]
    assert torch.equal(*results)


def test_noise_depends_on_seed_and_frame_number_only() -> None:
    whole = draw_noise(frames=8, seed=7, **SIZE)
    assert whole.shape == (1, 3, 8, 4, 5)
    assert whole.dtype == torch.float32
    assert torch.equal(draw_noise(frames=[5, 2], seed=7, **SIZE), whole[:, :, [5, 2]])
    assert not torch.isin(draw_noise(frames=8, seed=8, **SIZE), whole).any()


def test_noise_is_standard_and_independent_from_frame_to_frame_and_seed_to_seed() -> None:
    size = {"channels": 4, "height": 32, "width": 32}
    noise = torch.cat([draw_noise(frames=24, seed=seed, **size) for seed in (0, 1)], dim=2)
    assert noise.mean().item() == pytest.approx(0, abs=0.01)
    assert noise.std().item() == pytest.approx(1, abs=0.01)
    correlation = torch.corrcoef(noise[0].transpose(0, 1).flatten(1)) - torch.eye(48)
    assert correlation.abs().max() < 5 / 64


def test_no_two_frames_of_a_long_clip_share_their_noise() -> None:
    noise = draw_noise(channels=1, frames=5000, height=1, width=2, seed=12345)
    assert len({tuple(pair) for pair in noise[0, 0, :, 0].tolist()}) == 5000


def test_the_noise_of_the_steps_is_not_the_noise_of_the_start() -> None:
    seen = []

    def denoise(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
        seen.append(latents)
        return torch.zeros_like(latents)

    run(Timeline.line(16), name="ddpm", denoiser=denoise)
    drift = seen[1] - seen[0]
    start = draw_noise(frames=16, seed=1, **SIZE)
    correlation = torch.corrcoef(torch.stack([drift.flatten(), start.flatten()]))[0, 1]
    assert abs(correlation) < 0.98
    assert not torch.isclose(drift / drift.std(), start, atol=0.01).float().mean() > 0.1


def test_denoisers_get_every_frame_number_and_a_scalar_timestep() -> None:
    seen = []

    def denoise(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
        seen.append((timestep.ndim, frames.dtype, frames.tolist()))
        return latents

    run(Timeline.line(4), denoiser=denoise)
    assert seen == [(0, torch.int64, [[0, 1, 2, 3]])] * 6


@pytest.mark.parametrize(("name", "resamplings", "total"), [("dpm", 1, 6), ("heun", 1, 6), ("dpm", 3, 16)])
def test_progress_counts_to_its_total(name: str, resamplings: int, total: int) -> None:
    seen = []
    run(
        Timeline.line(3).with_known(latents_of(1), frames=[1]),
        name=name,
        resamplings=resamplings,
        progress=lambda done, of: seen.append((done, of)),
    )
    assert seen == [(done, total) for done in range(1, total + 1)]


def test_nothing_is_resampled_where_nothing_is_known() -> None:
    assert torch.equal(run(Timeline.line(3), resamplings=4), run(Timeline.line(3)))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_prediction_that_is_not_finite_stops_at_its_step(bad: float) -> None:
    calls = []

    def denoise(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
        calls.append(timestep)
        prediction = latents.clone()
        prediction[0, 0, 0, 0, 0] = bad if len(calls) == 4 else 0
        return prediction

    with pytest.raises(VideogenError, match="non-finite at step 4"):
        run(Timeline.line(3), denoiser=denoise)
    assert len(calls) == 4


@pytest.mark.parametrize(
    ("timeline", "options", "message"),
    [
        (Timeline.edit(torch.zeros(1, 2, 3, 4, 5), strength=1.0), {}, "shape"),
        (Timeline.line(3), {"resamplings": 0}, "resamplings"),
    ],
)
def test_values_that_do_not_fit_are_refused(timeline: Timeline, options: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        run(timeline, **options)
    with pytest.raises(RequestError, match="0 steps"):
        sample(half, Timeline.line(1), dpm(), num_inference_steps=0, seed=1, **SIZE)
