"""Batches for the U-Net: clips of the world, rendered, carried, encoded and drawn as maps.

What a batch shows follows from its number; how long its clips are and of which kinds, from the phase that
training is in when it is used first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny
from einops import rearrange
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from videogen.conditions.motion_field import MotionField, motion_field, warp
from videogen.devices import gains_by_bfloat16
from videogen.skeleton import draw_skeleton
from videogen.tracks import draw_tracks
from videogen.training.replay import Plan
from videogen.world import WorldClips
from videogen.world.script import Clips

SHARES = {"object": 0.25, "person": 0.3, "portrait": 0.15, "face": 0.2, "picture": 0.1}
KEEP = {
    "text": 0.9, "text with reference": 0.5, "reference": 0.55, "pose": 0.94, "field": 0.85, "known": 0.12,
    "words only": 0.08, "object reference": 0.1,
}  # fmt: skip
"""How often each condition is kept; "text with reference" comes on top of "text", since whoever shows a
picture may say nothing; "words only" drops poses and references together; "object reference" is decided for
a whole batch of things, most of which then need not be encoded."""


@dataclass(frozen=True)
class Phase:
    """What is practised for `steps` steps (None: to the end).

    Batches take their numbers of `frames` in turn, with as many clips as give 8 frames for each of the batch
    size; `shares` are those of the kinds, `keep` the rates at which conditions are kept.
    """

    name: str
    steps: int | None
    frames: tuple[int, ...]
    shares: Mapping[str, float]
    keep: Mapping[str, float]


PHASES = (
    Phase("images", 1000, (1,), SHARES, KEEP),
    Phase("short clips", 3000, (8,), SHARES, {**KEEP, "known": 0.06}),
    Phase("conditions", None, (8, 8, 8, 16), SHARES, KEEP),
)
"""Training from nothing: how things look, how they move, then all that can be asked for."""


def phase_at(phases: tuple[Phase, ...], step: int) -> Phase:
    """The phase that a step belongs to."""
    for phase in phases:
        if phase.steps is None or step < phase.steps:
            return phase
        step -= phase.steps
    return phases[-1]


@dataclass(frozen=True)
class Sample:
    """One batch, as it is rendered ahead and kept.

    Latents `clean` and `carried` `b c t h w` and `reference` `b c h w`; `visibility` `b 1 t h w`; the last
    three are None where no clip has a reference. `pose` maps `b 3 t H W`, 0…255 as uint8 or 0…1; `tokens`
    `b l`; `fps` `b`.
    """

    kind: str
    clean: Tensor
    carried: Tensor | None
    reference: Tensor | None
    visibility: Tensor | None
    pose: Tensor
    tokens: Tensor
    fps: Tensor

    def copy_to(self, device: torch.device) -> Sample:
        """A copy in the memory of `device`, away from the process that made it."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        moved: dict[str, Any] = {
            name: value.to(device, copy=True) for name, value in values.items() if isinstance(value, Tensor)
        }
        return replace(self, **moved)


class Samples:
    """Makes the batch of any number; `plan` says when it is used, `phases` what is practised then."""

    def __init__(
        self, vae: AutoencoderTiny, tokenizer: PreTrainedTokenizerFast, *, batch_size: int, seed: int,
        device: str, phases: tuple[Phase, ...], plan: Plan,
    ) -> None:  # fmt: skip
        self.vae, self.tokenizer, self.device = vae.to(device), tokenizer, device
        self.batch_size, self.seed, self.phases, self.plan = batch_size, seed, phases, plan

    def clips(self, number: int) -> Clips:
        """The clips of the batch with this number."""
        phase = phase_at(self.phases, self.plan.first_use(number))
        num_frames = phase.frames[number % len(phase.frames)]
        clips = WorldClips(
            mixture=dict(phase.shares), batch_size=max(self.batch_size * 8 // num_frames, 1),
            num_frames=num_frames, seed=self.seed, device=self.device,
        )  # fmt: skip
        return clips.batch(number)

    def rolls(self, number: int) -> tuple[float, float]:
        """Numbers in 0…1 that decide whether poses carry the reference, and whether things have one."""
        by_pose, shown = torch.rand(2, generator=torch.Generator().manual_seed(number)).tolist()
        return by_pose, shown

    @torch.no_grad()
    def batch(self, number: int) -> Sample:
        """The batch with this number."""
        clips, length = self.clips(number), self.tokenizer.model_max_length
        by_pose, shown = self.rolls(number)
        tokens = self.tokenizer(
            clips.captions, padding="max_length", truncation=True, max_length=length, return_tensors="pt"
        ).input_ids
        clean, (carried, reference, visibility) = self.encode(clips.video), (None, None, None)
        if clips.kind != "object" or shown < KEEP["object reference"]:
            field = exact_field(clips)
            if clips.kind in ("person", "portrait", "face") and by_pose < 0.75:
                height, width = clips.video.shape[-2:]
                field = motion_field(clips.reference_points, clips.points, height=height, width=width)
            seen = field.visibility[:, None]
            told = torch.cat([warp(clips.reference, field) * seen, clips.reference[:, :, None]], 2)
            latents = self.encode(told)
            carried, reference = latents[:, :, :-1].contiguous(), latents[:, :, -1].contiguous()
            visibility = F.avg_pool3d(seen, (1, 4, 4)).half()
        pose = (draw_maps(clips) * 255).round().to(torch.uint8)
        return Sample(clips.kind, clean, carried, reference, visibility, pose, tokens, clips.fps)

    def encode(self, video: Tensor) -> Tensor:
        """Latents of a video `b c t h w` about unit variance, in half precision."""
        pictures = rearrange(video, "b c t h w -> (b t) c h w").contiguous(memory_format=torch.channels_last)
        with torch.autocast(video.device.type, torch.bfloat16, enabled=gains_by_bfloat16(video.device)):
            latents = self.vae.encode(pictures).latents.float()
        latents = (latents - self.vae.config.shift_factor) * self.vae.config.scaling_factor
        clip: Tensor = rearrange(latents, "(b t) c h w -> b c t h w", b=len(video)).half().contiguous()
        return clip


def exact_field(clips: Clips) -> MotionField:
    """The world's own motion field."""
    return MotionField(clips.source * 2 - 1, clips.visible, torch.ones_like(clips.visible))


def draw_maps(clips: Clips) -> Tensor:
    """Maps `b 3 t h w` of who and what is where: skeletons of people, tracks of things."""
    b, _, t, h, w = clips.video.shape
    if bool((clips.tracks.state[..., 4] > 0).any()):
        return draw_tracks(clips.tracks, height=h, width=w)
    if not bool((clips.points[..., 2] > 0).any()):
        return clips.video.new_zeros(b, 3, t, h, w)
    drawn = draw_skeleton(clips.points.flatten(0, 1), height=h, width=w)
    return rearrange(drawn, "(b t) c h w -> b c t h w", b=b)
