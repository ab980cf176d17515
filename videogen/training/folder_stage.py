"""The stage of a model that learns a user's own clips beside the world.

Clips are encoded once and kept as latents, with their mirror image where neither words nor keypoints tell
left from right. A step takes windows of them at random moments, of 8 or 16 frames, at every stride whose
rate is near the model's own; the rate told is the true one. Beside them stands a batch of the world with all
its conditions, so that what is not in the clips stays as it was. Own clips keep their words always: without
words the model shall go on making the world.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar, get_args

import torch
from diffusers import AutoencoderTiny
from einops import rearrange
from torch import Tensor, nn

from videogen.skeleton import draw_skeleton
from videogen.training.folder import OwnClip
from videogen.training.loss import draw_levels, flow_loss, make_noisy
from videogen.training.replay import Plan
from videogen.training.samples import KEEP, Phase, Sample
from videogen.training.unet import PocketNetworks, UNetStage
from videogen.weights.load import Networks
from videogen.world.caption import simplify

Modules = Literal["motion", "all"]
MODULES: tuple[str, ...] = get_args(Modules)

KEEP_POSE = 0.5
"""How often a clip's own pose is told."""

ROWS, WORLD_ROWS = 4, 2
"""Clips of the user's, and of the world, in each step; both count alike."""

SHARES = {"object": 0.45, "person": 0.3, "portrait": 0.2, "picture": 0.05}
"""Of the world's kinds; people more often than in training, for own clips mostly show some."""

_SHORT, _LONG = 8, 16
_BESIDE = Phase("beside own clips", None, (_SHORT, _SHORT, _SHORT, _LONG), SHARES, KEEP)
T = TypeVar("T")
_MOTION = (".temporal.", ".motion_modules.", ".frame_embedding.")


class Tuned(PocketNetworks):
    """Loaded networks under the names that training gives them."""

    def __init__(self, networks: Networks) -> None:
        nn.Module.__init__(self)
        self.denoiser = networks.pocket
        self.text_encoder, _ = networks.language


@dataclass(frozen=True)
class Kept:
    """A clip as the stage keeps it: `views` of latents `c t h w` (as it is, and mirrored), tokens `l`."""

    views: tuple[Tensor, ...]
    fps: float
    tokens: Tensor
    points: Tensor | None

    def span(self, stride: int) -> int:
        """How many frames a window of every `stride`-th frame can have."""
        return (self.views[0].shape[1] - 1) // stride + 1


class FolderStage:
    """Flow matching on own clips and on the world; see the module's docstring.

    `networks` are trained in place: only what mixes frames where `modules` is motion, else all but the
    autoencoder. `workers` processes render the world ahead; with none it is rendered on `device`.
    """

    name = "finetune"

    def __init__(
        self, networks: Networks, clips: list[OwnClip], *, modules: Modules, learning_rate: float, seed: int,
        device: str, workers: int,
    ) -> None:  # fmt: skip
        self.learning_rate, self.seed, self.modules = learning_rate, seed, modules
        _, tokenizer = networks.language
        self.spec, self.length = networks.spec, tokenizer.model_max_length
        self.own = [self._keep(clip, networks) for clip in clips]
        self.world = UNetStage(
            networks.vae, tokenizer, batch_size=WORLD_ROWS, workers=workers, seed=seed,
            device=device, phases=(_BESIDE,), plan=Plan(block=8),
        )  # fmt: skip
        self.world.model = self.model = Tuned(networks)
        self.world.empty = self.world.empty[:, : self.length]
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(modules == "all" or is_motion(name))

    @property
    def settings(self) -> dict[str, object]:
        """What a state must agree with."""
        return {**self.world.settings, "modules": self.modules}

    def batches(self, first: int) -> Iterator[Sample]:
        """Batches of the world for step `first` and on."""
        for batch in self.world.batches(first):
            yield replace(batch, tokens=batch.tokens[:, : self.length])

    def loss(self, batch: Sample, *, step: int, device: torch.device) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean of the losses of own clips and of the world; all randomness follows from `step`."""
        world, _ = self.world.loss(batch, step=step, device=device)
        own = self._own_loss(
            generator=torch.Generator().manual_seed(self.seed * 7_000_003 + step), device=device
        )
        return (own + world) / 2, {"own": own.detach(), "world": world.detach()}

    def _own_loss(self, *, generator: torch.Generator, device: torch.device) -> Tensor:
        clean, pose, tokens, fps = (value.to(device) for value in self.draw(generator=generator))
        levels = draw_levels(len(fps), generator=generator).to(device)
        noise = torch.randn(clean.shape, generator=generator).to(device)
        noisy, velocity = make_noisy(clean, noise, levels)
        absent = torch.zeros_like(clean)
        given = {
            "fps": fps,
            "known": absent,
            "mask": absent[:, :1],
            "carried": absent,
            "visibility": absent[:, :1],
            "reference": absent[:, :, 0],
            "reference_present": torch.zeros_like(fps),
            "pose": pose,
        }
        prediction = self.model(noisy, levels * 1000, tokens, given)
        return flow_loss(prediction, velocity, torch.ones_like(clean[:, :1])).mean()

    def draw(self, *, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Windows of `ROWS` clips: latents `b c t h w`, maps `b 3 t H W`, tokens `b l`, rates `b`.

        The first clip, drawn freely, decides how many frames there are; the others can give as many.
        """
        pick = _Picker(generator)
        leader = pick.one(self.own)
        stride = pick.one(self.strides(leader))
        length = min(pick.one((_SHORT, _SHORT, _SHORT, _LONG)), leader.span(stride))
        rows = [self._window(leader, stride, length, pick)]
        for _ in range(ROWS - 1):
            clip = pick.one([each for each in self.own if each.span(1) >= length])
            strides = [each for each in self.strides(clip) if clip.span(each) >= length]
            rows.append(self._window(clip, pick.one(strides or [1]), length, pick))
        clean, maps, tokens, rates = zip(*rows, strict=True)
        return torch.stack(clean), torch.stack(maps), torch.stack(tokens), torch.tensor(rates)

    def _window(
        self, clip: Kept, stride: int, length: int, pick: _Picker
    ) -> tuple[Tensor, Tensor, Tensor, float]:
        """Latents `c t h w` of `length` frames of a clip, their maps `3 t H W`, the words, the rate."""
        last = clip.views[0].shape[1] - 1 - (length - 1) * stride
        moments = pick.below(last + 1) + torch.arange(length) * stride
        latents = pick.one(clip.views)[:, moments]
        maps = torch.zeros(3, length, self.spec.height, self.spec.width)
        if pick.chance(KEEP_POSE) and clip.points is not None:
            drawn = draw_skeleton(clip.points[moments], height=self.spec.height, width=self.spec.width)
            maps = rearrange(drawn, "t c h w -> c t h w")
        return latents, maps, clip.tokens, clip.fps / stride

    def strides(self, clip: Kept) -> list[int]:
        """Every how many frames a window may take one: for rates of half to twice the model's own."""
        per_frame = clip.fps / float(self.spec.fps)
        least = max(1, math.ceil(per_frame / 2))
        return list(range(least, max(least, math.floor(per_frame * 2)) + 1))

    @torch.no_grad()
    def _keep(self, clip: OwnClip, networks: Networks) -> Kept:
        """Encode a clip once."""
        caption = simplify(clip.caption)
        tokens = networks.language[1](
            [caption], padding="max_length", truncation=True, max_length=self.length, return_tensors="pt"
        ).input_ids[0]
        views = [clip.pictures]
        if clip.points is None and not re.search(r"\b(left|right)\b", caption, flags=re.IGNORECASE):
            views.append(clip.pictures.flip(-1))
        return Kept(tuple(encode(networks.vae, view) for view in views), clip.fps, tokens, clip.points)


class _Picker:
    """Random choices from one generator."""

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator

    def below(self, count: int) -> int:
        return int(torch.randint(count, (1,), generator=self._generator))

    def one(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]

    def chance(self, probability: float) -> bool:
        return torch.rand(1, generator=self._generator).item() < probability


def is_motion(name: str) -> bool:
    """Whether the weight of this name mixes frames or tells them apart."""
    return any(part in f".{name}" for part in _MOTION)


def encode(vae: AutoencoderTiny, pictures: Tensor) -> Tensor:
    """Pictures −1…1 `t c h w` to latents of about unit variance, `c t h w`, on the CPU."""
    device = next(vae.parameters()).device
    latents: Tensor = torch.cat(
        [vae.encode(chunk.to(device)).latents.float().cpu() for chunk in pictures.split(16)]
    )
    latents = (latents - vae.config.shift_factor) * vae.config.scaling_factor
    return rearrange(latents, "t c h w -> c t h w").contiguous()
