"""Stage one: the autoencoder, 64x64 pixels to 16x16 latents of 8 channels and back.

diffusers' AutoencoderTiny in a small size. Trained on frames of the world and on dead leaves with a
squared, an absolute and an edge error; a little noise on the latents teaches the decoder to forgive.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from diffusers import AutoencoderTiny
from torch import Tensor

from videogen.training.replay import Plan, replay
from videogen.world import WorldClips

LATENT_CHANNELS = 8
SHARES = {"object": 0.2, "person": 0.3, "portrait": 0.3, "picture": 0.2}
PLAN = Plan(uses=2, block=64)


def build_autoencoder() -> AutoencoderTiny:
    """Pocket's autoencoder, untrained."""
    return AutoencoderTiny(
        latent_channels=LATENT_CHANNELS,
        encoder_block_out_channels=(32, 32, 32),
        num_encoder_blocks=(0, 2, 3),
        decoder_block_out_channels=(48, 48, 48),
        num_decoder_blocks=(3, 2, 1),
    )


@dataclass
class AutoencoderStage:
    """Frames of the world, encoded and decoded."""

    batch_size: int = 32
    seed: int = 1
    learning_rate: float = 2e-3
    name: str = "vae"
    workers: int = 0
    decoder_only: bool = False
    model: AutoencoderTiny = field(default_factory=build_autoencoder)

    def __post_init__(self) -> None:
        self.model.encoder.requires_grad_(not self.decoder_only)
        self.model.to(memory_format=torch.channels_last)

    @torch.no_grad()
    def pictures(self, number: int) -> Tensor:
        """Batch number `number`, pictures −1…1 `n 3 64 64`: the reference and three frames of each clip."""
        clips = WorldClips(mixture=SHARES, batch_size=self.batch_size // 4, num_frames=3, seed=self.seed)
        batch = clips.batch(number)
        pictures = torch.cat([batch.reference[:, :, None], batch.video], 2)
        return pictures.transpose(1, 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)

    def batches(self, first: int) -> Iterator[Tensor]:
        """Batches of step `first` and on, each used twice; `workers` processes render them ahead."""
        return replay(
            self.pictures, plan=PLAN, first=first, workers=self.workers,
            keep=lambda pictures: pictures.clone(),
        )  # fmt: skip

    def loss(self, batch: Tensor, *, step: int, device: torch.device) -> tuple[Tensor, dict[str, Tensor]]:
        """Squared + absolute + edge error of the reconstruction."""
        pictures = batch.to(device)
        generator = torch.Generator(device).manual_seed(self.seed * 1_000_003 + step)
        latents = self.model.encode(pictures).latents
        noise = torch.randn(latents.shape, generator=generator, device=device).to(latents)
        decoded = self.model.decode(latents + 0.04 * noise).sample.float()
        difference = decoded - pictures
        squared = difference.square().mean()
        edges = (difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()) / 2
        loss = squared + 0.15 * difference.abs().mean() + 0.3 * edges + 1e-4 * latents.float().square().mean()
        psnr = -10 * torch.log10(squared.detach() / 4)
        return loss, {"psnr": psnr, "std": latents.detach().float().std()}
