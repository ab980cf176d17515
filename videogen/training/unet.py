"""Stage two: the temporal U-Net with its text and appearance encoders, on the latents of the world.

The world is rendered ahead in background processes; the autoencoder is frozen. Every condition is dropped
at random on its own, so that each can be absent, and guided, later. Known frames and regions appear
under random masks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny
from einops import rearrange
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset
from transformers import CLIPTextModel, PreTrainedTokenizerFast

from videogen.conditions.motion_field import MotionField, motion_field, warp
from videogen.models.conditioned import ConditionedUNet, Inputs
from videogen.models.temporal_unet import TemporalUNetConfig
from videogen.skeleton import draw_skeleton
from videogen.training.autoencoder import LATENT_CHANNELS
from videogen.training.loss import draw_levels, flow_loss, make_noisy
from videogen.training.text import MAX_TOKENS, WIDTH, build_text_encoder
from videogen.world import WorldClips
from videogen.world.clips import Clips

SHARES = {"object": 0.74, "person": 0.14, "portrait": 0.09, "picture": 0.03}
KEEP = {
    "text": 0.9, "reference": 0.85, "pose": 0.88, "field": 0.8, "known": 0.12, "words only": 0.2,
    "object reference": 0.1,
}  # fmt: skip
"""How often each condition is kept; "words only" drops poses and references together."""


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

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.denoiser = ConditionedUNet(pocket_config(), latent_channels=LATENT_CHANNELS)
        self.text_encoder: CLIPTextModel = build_text_encoder(vocabulary)
        self.denoiser.to(memory_format=torch.channels_last)

    def forward(self, noisy: Tensor, timestep: Tensor, tokens: Tensor, given: dict[str, Tensor]) -> Tensor:
        """The denoiser's prediction for tokenized captions `b l`; `given` is `Inputs` without its text."""
        text = self.text_encoder(tokens).last_hidden_state
        out: Tensor = self.denoiser(noisy, timestep, Inputs(text=text, **given))
        return out


@dataclass
class Sample:
    """One batch, as the background processes make it.

    Latents `clean` and `carried` `b c t h w` and `reference` `b c h w`; `visibility` `b 1 t h w`; `pose` maps
    `b 3 t H W`; `tokens` `b l`; `fps` `b`.
    """

    kind: str
    clean: Tensor
    carried: Tensor
    reference: Tensor
    visibility: Tensor
    pose: Tensor
    tokens: Tensor
    fps: Tensor


class Samples(IterableDataset[Sample]):
    """Batches for the U-Net; three in four are of 8 frames, the rest of 16, with equal numbers of frames."""

    def __init__(
        self, vae: AutoencoderTiny, tokenizer: PreTrainedTokenizerFast, *, batch_size: int, seed: int,
        first: int, device: str,
    ) -> None:  # fmt: skip
        self.vae, self.tokenizer, self.first = vae.to(device), tokenizer, first
        self.short, self.long = (
            WorldClips(mixture=SHARES, batch_size=size, num_frames=num_frames, seed=seed, device=device)
            for size, num_frames in ((batch_size, 8), (batch_size // 2, 16))
        )

    @torch.no_grad()
    def batch(self, number: int) -> Sample:
        """The batch with this number."""
        clips = (self.long if number % 4 == 3 else self.short).batch(number)
        generator = torch.Generator().manual_seed(number)
        field = exact_field(clips)
        if clips.kind in ("person", "portrait") and torch.rand(1, generator=generator) < 0.75:
            height, width = clips.video.shape[-2:]
            field = motion_field(clips.reference_points, clips.points, height=height, width=width)
        seen = field.visibility[:, None]
        clean, carried, reference = self._encode(
            clips.video, warp(clips.reference, field) * seen, clips.reference
        )
        visibility = F.avg_pool3d(seen, (1, 4, 4))
        tokens = self.tokenizer(
            clips.captions, padding="max_length", truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        ).input_ids
        pose = draw_pose(clips.points, clips.video)
        return Sample(clips.kind, clean, carried, reference, visibility, pose, tokens, clips.fps)

    def _encode(self, video: Tensor, carried: Tensor, reference: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Latents of the video, of the carried reference and of the reference, about unit variance."""
        b, t = video.shape[0], video.shape[2]
        pictures = rearrange(
            torch.cat([video, carried, reference[:, :, None]], 2), "b c t h w -> (b t) c h w"
        )
        with torch.autocast(video.device.type, torch.bfloat16):
            latents = self.vae.encode(pictures.contiguous(memory_format=torch.channels_last)).latents.float()
        latents = (latents - self.vae.config.shift_factor) * self.vae.config.scaling_factor
        clip = rearrange(latents, "(b t) c h w -> b c t h w", b=b)
        return clip[:, :, :t].clone(), clip[:, :, t : 2 * t].clone(), clip[:, :, -1].clone()

    def __iter__(self) -> Iterator[Sample]:
        torch.set_num_threads(1)
        info = torch.utils.data.get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        number = self.first + worker
        while True:
            yield self.batch(number)
            number += workers


def exact_field(clips: Clips) -> MotionField:
    """The world's own motion field."""
    return MotionField(grid=clips.source * 2 - 1, visibility=clips.visible)


def draw_pose(points: Tensor, video: Tensor) -> Tensor:
    """Pose maps `b 3 t h w` for keypoints `b t k 3`; black where nobody is."""
    b, _, t, h, w = video.shape
    if not bool((points[..., 2] > 0).any()):
        return video.new_zeros(b, 3, t, h, w)
    return rearrange(draw_skeleton(points.flatten(0, 1), height=h, width=w), "(b t) c h w -> b c t h w", b=b)


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
    model: PocketNetworks = field(init=False)

    def __post_init__(self) -> None:
        torch.manual_seed(self.seed)
        self.model = PocketNetworks(len(self.tokenizer))
        self.vae.requires_grad_(False).eval()
        empty = self.tokenizer([""], padding="max_length", max_length=MAX_TOKENS, return_tensors="pt")
        self.empty: Tensor = empty.input_ids

    def batches(self, first: int) -> Iterator[Sample]:
        """Batches from number `first` on, rendered ahead on the CPU or, with no workers, on the device."""
        device = "cpu" if self.workers else self.device
        samples = Samples(
            self.vae, self.tokenizer, batch_size=self.batch_size, seed=self.seed, first=first, device=device
        )
        if not self.workers:
            return iter(samples)
        return iter(DataLoader(samples, batch_size=None, num_workers=self.workers, prefetch_factor=4))

    def loss(self, batch: Sample, *, step: int, device: torch.device) -> tuple[Tensor, dict[str, float]]:
        """Flow-matching loss of a batch; all randomness follows from `step`."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        clean = batch.clean.to(device)
        tokens, given = self._drop(batch, clean, generator=generator)
        levels = draw_levels(len(tokens), generator=generator)
        noise = torch.randn(clean.shape, generator=generator).to(device)
        noisy, velocity = make_noisy(clean, noise, levels.to(device))
        with torch.autocast(device.type, torch.bfloat16):
            prediction = self.model(noisy, levels.to(device) * 1000, tokens, given)
        loss = flow_loss(prediction, velocity, 1 - given["mask"]).mean()
        return loss, {batch.kind: loss.item()}

    def _drop(
        self, batch: Sample, clean: Tensor, *, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Tokens `b l` and what is given, on the device of `clean`, after dropping at random by `KEEP`."""
        device, b = clean.device, len(batch.tokens)

        def keep(name: str) -> Tensor:
            return (torch.rand(b, generator=generator) < KEEP[name]).float().to(device)

        mask = draw_masks(clean, generator=generator) * keep("known").view(-1, 1, 1, 1, 1)
        more_than_words = 1 - keep("words only")
        has_reference = keep("reference") * more_than_words
        if batch.kind == "object":
            has_reference = has_reference * keep("object reference")
        has_field = has_reference * keep("field")
        has_pose = keep("pose") * more_than_words
        has_text = keep("text").bool()[:, None]
        given = {
            "fps": batch.fps.to(device),
            "known": clean,
            "mask": mask,
            "carried": batch.carried.to(device),
            "visibility": batch.visibility.to(device) * has_field.view(-1, 1, 1, 1, 1),
            "reference": batch.reference.to(device),
            "reference_present": has_reference,
            "pose": batch.pose.to(device) * has_pose.view(-1, 1, 1, 1, 1),
        }
        return torch.where(has_text, batch.tokens.to(device), self.empty.to(device)), given


def draw_masks(clean: Tensor, *, generator: torch.Generator) -> Tensor:
    """Random known regions, `b 1 t h w`: first, last or both ends, single frames, or all outside a box."""
    b, _, t, h, w = clean.shape
    mask = torch.zeros(b, 1, t, h, w)
    for row in range(b):
        kind, first, last = (
            (torch.rand(3, generator=generator) * torch.tensor([5, t // 2, t // 2])).long().tolist()
        )
        if kind in (0, 2):
            mask[row, :, : first + 1] = 1
        if kind in (1, 2):
            mask[row, :, t - last - 1 :] = 1
        if kind == 3:
            mask[row, :, (first + last) % t] = 1
        if kind == 4:
            sides = torch.tensor([h / 2, w / 2, h / 2, w / 2])
            top, left, tall, wide = (torch.rand(4, generator=generator) * sides).long().tolist()
            mask[row] = 1
            mask[row, :, :, top : top + tall + 3, left : left + wide + 3] = 0
    return mask.to(clean)
