"""Sampling: from noise to latents, over any diffusers scheduler, around what a timeline already knows.

Noise comes from one generator per frame, on the CPU in float32, so that the same seed means the same clip
whatever the device or the windows, and a longer clip starts with the shorter one's noise. Known latents are
imposed before every evaluation, noised to its level with the clip's own noise, and come back exactly.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from videogen.errors import RequestError
from videogen.sampling.denoiser import predict
from videogen.sampling.solver import Solver
from videogen.sampling.timeline import Timeline
from videogen.types import Denoiser, Latents

if TYPE_CHECKING:
    from diffusers.schedulers.scheduling_utils import SchedulerMixin


@dataclass(frozen=True)
class FreeNoise:
    """Late frames take the noise of early ones, so that distant windows have what they begin from alike.

    Beyond the first `window` frames each block of `stride` has the noise of the block `window` frames before
    it, shuffled: ε₁ … ε_U, shuffle(ε₁ … ε_S), shuffle(ε_S+1 … ε_2S), … (Qiu et al. 2023, "FreeNoise:
    Tuning-Free Longer Video Diffusion via Noise Rescheduling", local noise shuffling). Raises `RequestError`
    where the stride is not within the window.
    """

    window: int
    stride: int

    def __post_init__(self) -> None:
        if not 1 <= self.stride <= self.window:
            raise RequestError(
                f"noise of windows of {self.window} cannot come again every {self.stride} frames"
            )

    def source(self, number: int, *, seed: int) -> int:
        """The frame whose noise the frame `number` has; it depends on nothing else but the clip's `seed`."""
        while number >= self.window:
            block, place = divmod(number - self.window, self.stride)
            order = torch.randperm(self.stride, generator=_generator(seed, block, purpose="shuffle"))
            number = block * self.stride + int(order[place])
        return number


def draw_noise(
    *, channels: int, frames: int | Iterable[int], height: int, width: int, seed: int,
    again: FreeNoise | None = None,
) -> Latents:  # fmt: skip
    """Unit Gaussian noise, float32 `1 c t h w` on the CPU, for frame numbers `frames` (or that many from 0).

    Each frame's noise depends on `seed` and its own number only, also where `again` says that it is that of
    an earlier frame.
    """
    numbers = range(frames) if isinstance(frames, int) else frames
    if again is not None:
        numbers = [again.source(number, seed=seed) for number in numbers]
    generators = [_generator(seed, number, purpose="start") for number in numbers]
    return _draw(generators, channels=channels, height=height, width=width)


@torch.no_grad()
def sample(
    denoiser: Denoiser,
    timeline: Timeline,
    scheduler: SchedulerMixin,
    *,
    channels: int,
    height: int,
    width: int,
    num_inference_steps: int,
    seed: int,
    resamplings: int = 1,
    first: int = 0,
    again: FreeNoise | None = None,
    device: torch.device | str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> Latents:
    """Denoise a timeline and return its latents, float32 `1 c t h w` on `device`.

    `height` and `width` are in latent pixels; what `denoiser` predicts stands in the scheduler's own config.
    Where the mask is 1 the known latents come back bit for bit. `resamplings` above 1 repeats every step but
    the last, noising the latents back in between, so that new frames agree better with known ones (Lugmayr et
    al. 2022, "RePaint", algorithm 1); without known frames there is nothing to agree with and it is 1. A
    timeline that is a piece of a longer clip begins at that clip's frame `first`, whose noise it takes; for
    `again` see `draw_noise`.
    `progress(done, total)` is called after every step. Raises `RequestError` for values that do not fit
    together and `VideogenError` where a prediction is not finite.
    """
    shape = (1, channels, timeline.length, height, width)
    if num_inference_steps < 1 or resamplings < 1:
        raise RequestError(f"{num_inference_steps} steps, {resamplings} resamplings; give at least 1 of each")
    if timeline.known is not None and timeline.known.shape != shape:
        raise RequestError(f"known latents have shape {tuple(timeline.known.shape)}; this clip's is {shape}")
    device = torch.device(device)
    numbers = range(first, first + timeline.length)
    generators = [_generator(seed, number, purpose="steps") for number in numbers]
    solver = Solver(scheduler, num_inference_steps=num_inference_steps, device=device, generators=generators)
    noise = draw_noise(channels=channels, frames=numbers, height=height, width=width, seed=seed, again=again)
    noise = noise.to(device)
    known, mask = _known_of(timeline, noise)
    holds = bool(mask.any())
    frames = torch.arange(timeline.length, device=device)[None]  # b t

    begin = solver.steps - _steps_to_run(solver.steps, strength=timeline.strength)
    solver.begin(begin)
    latents = solver.start_scale * noise
    if timeline.strength < 1:
        alpha, sigma = solver.level(solver.index_of(begin))
        latents = alpha * known + sigma * noise
    passes = _passes(begin, solver.steps, repeats=resamplings if holds else 1)
    for done, (step, is_repeat) in enumerate(passes, start=1):
        if is_repeat:
            latents = _noised_back(latents, solver, step=step, generators=generators)
        for index in solver.evaluations(step):
            if holds:
                alpha, sigma = solver.level(index)
                latents = torch.where(mask, alpha * known + sigma * noise, latents)
            timestep = solver.timestep(index)
            seen = solver.scaled(latents, index)
            prediction = predict(denoiser, seen, timestep=timestep, frames=frames, step=done)
            latents = solver.advance(latents, prediction, index=index)
        if progress is not None:
            progress(done, len(passes))
    return torch.where(mask, known, latents)


def _known_of(timeline: Timeline, noise: Tensor) -> tuple[Latents, Tensor]:
    """Known latents and where they hold, as `noise` is shaped and placed; where nothing is known, nowhere."""
    if timeline.known is None or timeline.mask is None:
        return torch.zeros_like(noise), torch.zeros_like(noise[:, :1], dtype=torch.bool)
    return timeline.known.to(noise), timeline.mask.to(noise.device) == 1


def _steps_to_run(steps: int, *, strength: float) -> int:
    """The share `strength` of a schedule in whole steps: none at 0, else at least one."""
    return max(1, round(steps * strength)) if strength > 0 else 0


def _passes(first: int, steps: int, *, repeats: int) -> list[tuple[int, bool]]:
    """Every step from `first` on, with whether it is taken again; the last one never is."""
    passes = [(step, time > 0) for step in range(first, steps - 1) for time in range(repeats)]
    return [*passes, (steps - 1, False)] if first < steps else passes


def _noised_back(
    latents: Latents, solver: Solver, *, step: int, generators: list[torch.Generator]
) -> Latents:
    """Undo `step` by noise: draw from `q(x_s | x_t)` for the level `s` before it and the level `t` after it.

    The solver starts anew, as its memory belongs to the path that is given up.
    """
    alpha, sigma = solver.level(solver.index_of(step + 1))
    solver.begin(step)
    alpha_before, sigma_before = solver.level(solver.index_of(step))
    ratio = alpha_before / alpha
    spread = (sigma_before**2 - (ratio * sigma) ** 2).clamp(min=0).sqrt()
    _, channels, _, height, width = latents.shape
    noise = _draw(generators, channels=channels, height=height, width=width).to(latents)
    return ratio * latents + spread * noise


def _draw(generators: list[torch.Generator], *, channels: int, height: int, width: int) -> Latents:
    noise = [torch.randn(channels, height, width, generator=each) for each in generators]
    return torch.stack(noise, dim=1)[None]


def _generator(seed: int, number: int, *, purpose: str) -> torch.Generator:
    """A generator on the CPU for one frame of one clip and one purpose.

    Torch's CPU generator keeps 32 bits of its seed, so frame numbers are mapped to 32 bits one to one (by the
    finaliser of MurmurHash3): no two frames of a clip share their noise.
    """
    key = blake2b(f"{purpose} {seed}".encode(), digest_size=8).digest()
    offset, flip = struct.unpack("<2I", key)
    bits = (number + offset) % 2**32
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        bits = (bits ^ (bits >> shift)) * factor % 2**32
    return torch.Generator().manual_seed(bits ^ (bits >> 16) ^ flip)
