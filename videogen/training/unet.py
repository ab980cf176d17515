"""Stage three: the temporal U-Net with its text and appearance encoders, on the latents of the world.

The world is rendered ahead in background processes or on the device; the autoencoder is frozen. Every
condition is dropped at random on its own, so that each can be absent, and guided, later. Known frames and
regions appear under random masks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers import AutoencoderTiny
from torch import Tensor, nn
from transformers import CLIPTextModel, PreTrainedTokenizerFast

from videogen.models.conditioned import ConditionedUNet, Inputs
from videogen.models.temporal_unet import TemporalUNetConfig
from videogen.training.autoencoder import LATENT_CHANNELS
from videogen.training.loss import draw_levels, flow_loss, make_noisy
from videogen.training.replay import Plan, replay
from videogen.training.samples import (
    KEEP,
    PHASES,
    SHARES,
    Phase,
    Sample,
    Samples,
    draw_maps,
    exact_field,
    phase_at,
)  # fmt: skip
from videogen.training.text import WIDTH, build_text_encoder

__all__ = [
    "KEEP", "PHASES", "SHARES", "Phase", "PocketNetworks", "Sample", "Samples", "UNetStage", "draw_maps",
    "draw_masks", "exact_field", "phase_at", "pocket_config",
]  # fmt: skip


def pocket_config() -> TemporalUNetConfig:
    """The size of pocket."""
    return TemporalUNetConfig(
        in_channels=3 * LATENT_CHANNELS + 2,
        out_channels=LATENT_CHANNELS,
        block_out_channels=(48, 96, 160),
        attention_levels=(False, True, True),
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_heads=4,
        feed_forward_mult=2,
        norm_num_groups=8,
        scale_shift=True,
        temporal_convolution=True,
        motion_levels=(False, False, True),
        motion_mid_block=True,
        motion_heads=4,
        motion_attentions=1,
        motion_num_groups=8,
        motion_max_frames=32,
        frame_conditioning=True,
        pose_widths=(16, 24, 32),
    )


class PocketNetworks(nn.Module):
    """What stage two trains together."""

    def __init__(self, vocabulary: int, *, length: int) -> None:
        super().__init__()
        self.denoiser = ConditionedUNet(pocket_config(), latent_channels=LATENT_CHANNELS)
        self.text_encoder: CLIPTextModel = build_text_encoder(vocabulary, length=length)
        self.denoiser.to(memory_format=torch.channels_last)

    def forward(self, noisy: Tensor, timestep: Tensor, tokens: Tensor, given: dict[str, Any]) -> Tensor:
        """The denoiser's prediction for tokenized captions `b l`; `given` is `Inputs` without its text."""
        text = self.text_encoder(tokens).last_hidden_state
        out: Tensor = self.denoiser(noisy, timestep, Inputs(text=text, **given))
        return out


@dataclass
class UNetStage:
    """Flow matching with every condition; see the module's docstring."""

    vae: AutoencoderTiny
    tokenizer: PreTrainedTokenizerFast
    batch_size: int = 16
    workers: int = 1
    seed: int = 2
    learning_rate: float = 1.2e-3
    device: str = "cpu"
    name: str = "unet"
    phases: tuple[Phase, ...] = PHASES
    plan: Plan = field(default_factory=Plan)
    model: PocketNetworks = field(init=False)

    def __post_init__(self) -> None:
        torch.manual_seed(self.seed)
        length = self.tokenizer.model_max_length
        self.model = PocketNetworks(len(self.tokenizer), length=length)
        self.vae.requires_grad_(False).eval()
        empty = self.tokenizer([""], padding="max_length", max_length=length, return_tensors="pt")
        self.empty: Tensor = empty.input_ids

    @property
    def settings(self) -> dict[str, object]:
        """What a state must agree with: the words' numbers and the encoder's weights, as digests."""
        words = "\n".join(sorted(f"{word} {number}" for word, number in self.tokenizer.get_vocab().items()))
        return {
            "seed": self.seed,
            "vocabulary": hashlib.sha256(words.encode()).hexdigest()[:16],
            "autoencoder": digest(self.vae.encoder.state_dict()),
        }

    def samples(self, device: str) -> Samples:
        """What makes the batches, on `device`."""
        return Samples(
            self.vae, self.tokenizer, batch_size=self.batch_size, seed=self.seed, device=device,
            phases=self.phases, plan=self.plan,
        )  # fmt: skip

    def batches(self, first: int) -> Iterator[Sample]:
        """Batches of step `first` and on, rendered ahead on the CPU or, with no workers, on the device."""
        samples, device = self.samples("cpu" if self.workers else self.device), torch.device(self.device)
        return replay(
            samples.batch, plan=self.plan, first=first, workers=self.workers,
            keep=lambda sample: sample.copy_to(device),
        )  # fmt: skip

    def loss(self, batch: Sample, *, step: int, device: torch.device) -> tuple[Tensor, dict[str, Tensor]]:
        """Flow-matching loss of a batch; all randomness follows from `step`."""
        seed = self.seed * 1_000_003 + step
        generator = torch.Generator().manual_seed(seed)
        clean = batch.clean.to(device).float()
        tokens, given = self.drop(batch, clean, keep=phase_at(self.phases, step).keep, generator=generator)
        levels = draw_levels(len(tokens), generator=generator).to(device)
        own = torch.Generator(device).manual_seed(seed)
        noise = torch.randn(clean.shape, generator=own, device=device)
        noisy, velocity = make_noisy(clean, noise, levels)
        prediction = self.model(noisy, levels * 1000, tokens, given)
        loss = flow_loss(prediction, velocity, 1 - given["mask"]).mean()
        return loss, {batch.kind: loss.detach()}

    def drop(
        self, batch: Sample, clean: Tensor, *, keep: Mapping[str, float], generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Tokens `b l` and what is given, on the device of `clean`, after dropping at random by `keep`."""
        device, b = clean.device, len(batch.tokens)
        names = ("text", "reference", "pose", "field", "known", "words only", "text with reference")
        rates = torch.tensor([keep[name] for name in names])[:, None]
        kept = (torch.rand(len(names), b, generator=generator) < rates).float()
        kept[[1, 2]] *= 1 - kept[5]
        kept[3] *= kept[1]
        if batch.reference is not None:
            kept[0] *= torch.maximum(1 - kept[1], kept[6])
        mask = draw_masks(clean, generator=generator)
        has_text, has_reference, has_pose, has_field, has_known = kept[:5].to(device)
        wide = (-1, 1, 1, 1, 1)
        shown = {
            "carried": torch.zeros_like(clean),
            "visibility": torch.zeros_like(clean[:, :1]),
            "reference": torch.zeros_like(clean[:, :, 0]),
            "reference_present": torch.zeros_like(has_reference),
        }
        if batch.carried is not None and batch.reference is not None and batch.visibility is not None:
            shown = {
                "carried": batch.carried.to(clean),
                "visibility": batch.visibility.to(clean) * has_field.view(wide),
                "reference": batch.reference.to(clean),
                "reference_present": has_reference,
            }
        pose = batch.pose.to(device)
        pose = pose.float() / 255 if pose.dtype == torch.uint8 else pose.float()
        given = {
            "fps": batch.fps.to(device),
            "known": clean,
            "mask": mask * has_known.view(wide),
            "pose": pose * has_pose.view(wide),
            **shown,
        }
        words = torch.where(has_text.bool()[:, None], batch.tokens.to(device), self.empty.to(device))
        return words, given


def digest(state: Mapping[str, Tensor]) -> str:
    """A fingerprint of weights, 16 hexadecimal digits."""
    whole = hashlib.sha256()
    for name, value in sorted(state.items()):
        whole.update(name.encode())
        whole.update(value.detach().cpu().float().numpy().tobytes())
    return whole.hexdigest()[:16]


def draw_masks(clean: Tensor, *, generator: torch.Generator) -> Tensor:
    """Random known regions, `b 1 t h w`: first, last or both ends, single frames, or all outside a box.

    Something is always left to make; of a single frame, a box.
    """
    b, _, t, h, w = clean.shape
    most = torch.tensor([5, max(t // 2, 1), max(t // 2, 1)])
    kind, first, last = (torch.rand(b, 3, generator=generator) * most).long().unbind(1)
    if t == 1:
        kind = torch.full_like(kind, 4)
    last = torch.where(kind == 2, torch.minimum(last, t - 3 - first), last)
    frame = torch.arange(t)
    kind, first, last = kind[:, None], first[:, None], last[:, None]
    known = ((kind == 0) | (kind == 2)) & (frame <= first)
    known |= ((kind == 1) | (kind == 2)) & (frame >= t - 1 - last)
    known |= (kind == 3) & (frame == (first + last) % t)
    sides = torch.tensor([h / 2, w / 2, h / 2, w / 2])
    top, left, tall, wide = (torch.rand(b, 4, generator=generator) * sides).long()[..., None].unbind(1)
    row, column = torch.arange(h), torch.arange(w)
    rows, columns = (row >= top) & (row < top + tall + 3), (column >= left) & (column < left + wide + 3)
    outside = ~(rows[:, :, None] & columns[:, None]) & (kind == 4)[:, :, None]  # b h w
    mask = known[:, :, None, None] | outside[:, None]
    return mask[:, None].to(clean)
