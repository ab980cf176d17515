"""What several tests share: an engine without networks, quick and exact."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch


@dataclass
class FakeEngine:
    """An engine whose prediction is a plain formula of latents, prompt, frame rate and frame number.

    `rows` holds how many windows each call of a denoiser was given.
    """

    model: str = "pocket"
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    hashes: dict[str, str] = field(default_factory=lambda: {"unet/model.safetensors": "ab" * 32})
    spec: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(
            width=32,
            height=32,
            num_frames=6,
            window=4,
            overlap=2,
            fps=Fraction(8),
            num_inference_steps=3,
            guidance_scale=2.0,
            latent_channels=2,
            vae_scale_factor=4,
            size_multiple=16,
        )
    )
    known_words: tuple[str, ...] = ("a", "ball", "blue", "bounces", "circle", "green", "red", "square")
    rows: list[int] = field(default_factory=list)

    def scheduler(self) -> Any:
        """Return a fresh scheduler."""
        from diffusers import FlowMatchEulerDiscreteScheduler

        return FlowMatchEulerDiscreteScheduler()

    def denoiser(self, conditions: Any, timeline: Any) -> Callable[..., torch.Tensor]:
        """Return a denoiser that pulls towards a level of its own per prompt and rate."""
        del timeline
        level = zlib.crc32((conditions.prompt or "").encode()) % 97 / 97 + conditions.fps / 16

        def denoise(latents: torch.Tensor, timestep: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
            self.rows.append(len(latents))
            return 0.5 * latents - level + 0.01 * frames[:, None, :, None, None] + 0 * timestep

        return denoise

    def decode(self, latents: torch.Tensor) -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
        """Yield frames: the first latent channel, enlarged."""
        grey = (latents[0, 0] * 64 + 128).clamp(0, 255).to(torch.uint8)  # t h w
        scale = self.spec.vae_scale_factor
        for picture in grey.repeat_interleave(scale, 1).repeat_interleave(scale, 2).numpy():
            yield np.repeat(picture[:, :, None], 3, axis=2)

    def unknown_words(self, prompt: str) -> list[str]:
        """Return the words that are not in `known_words`."""
        return [word for word in prompt.lower().split() if word not in self.known_words]


@pytest.fixture
def fake_engine() -> FakeEngine:
    """Return an engine without networks."""
    return FakeEngine()
