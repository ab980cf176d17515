"""The stage of the text-video encoder: clips of the world and sentences, each to find its own.

Symmetric InfoNCE with a learnt temperature (Radford et al. 2021, figure 3), in which whatever happens to be
true of another clip is no contrast to it; clips also face sentences that are wrong in one thing. Kinds are
mixed within a batch. Half of the clips are blurred, faded or noisy, and some have been through the
autoencoder: what a sampler predicts half-way looks so, and the encoder is to lead it from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny
from einops import rearrange
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from videogen.models.text_video import TextVideoConfig, TextVideoEncoder
from videogen.training.clip_words import (
    Label,
    Told,
    altered,
    draw_rolls,
    kind_of,
    tell,
    true_of,
    values_of,
)
from videogen.training.planner import build_words_encoder
from videogen.training.replay import Plan, replay
from videogen.world.clips import render_clips

SHARES = {"object": 0.5, "person": 0.36, "portrait": 0.08, "face": 0.06}
PLAN = Plan(uses=8, block=8)
_LAYERS = 1
"""Layers of the text encoder: sentences of the world are short, and their words stand beside each other."""
_WRONG = 6
"""Sentences for each clip that are wrong in one thing."""
_SLOW = 4.0
"""Frames a second of every other batch: eight frames then show the two seconds that a clip often has."""
_CODED = 8
"""In one of so many batches every fourth clip goes through the autoencoder, which is slow."""
_CODED_SIDE = 64
_SPOILT = 0.55
_READ = {
    "object": ("colour", "shape", "motion", "texture", "scene"),
    "person": ("action", "shirt", "hair", "scene", "direction"),
    "head": ("action", "shirt", "hair", "scene", "direction"),
}
_LOUDNESS = 10.0
"""What unit vectors are multiplied by before labels are read from them."""


class ClipNetworks(nn.Module):
    """What is trained together: the encoder, and linear readings of labels from its vectors.

    What a value is called cannot be learnt before it is seen, nor seen for the sake of words that say nothing
    yet; the readings tell the encoder from the first step on what there is to see. They are left behind.
    """

    def __init__(self, encoder: TextVideoEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.readings = nn.ModuleDict(
            {
                f"{kind}-{name}": nn.Linear(encoder.config.width, len(values_of(name, kind)))
                for kind, names in _READ.items()
                for name in names
            }
        )

    def misread(self, seen: Tensor, labels: list[Label], kinds: list[str]) -> dict[str, Tensor]:
        """The cross-entropy of each reading from vectors `b d`, by what is read; of what the clips have."""
        found = {}
        for kind, names in _READ.items():
            for name in names:
                rows = [n for n, label in enumerate(labels) if kinds[n] == kind and name in label]
                if rows:
                    values = values_of(name, kind)
                    true = torch.tensor([values.index(labels[n][name]) for n in rows], device=seen.device)
                    read = self.readings[f"{kind}-{name}"](_LOUDNESS * seen[rows])
                    found[f"{kind} {name}"] = F.cross_entropy(read, true)
        return found


@dataclass
class ClipBatch:
    """Clips uint8 `b 3 t h w`, their kinds (object, person, head), and what they show."""

    video: Tensor
    kinds: list[str]
    labels: list[Label]


@dataclass
class ClipStage:
    """Contrasts of clips and sentences; `vae` is what some clips go through, if anything."""

    tokenizer: PreTrainedTokenizerFast
    vae: AutoencoderTiny | None = None
    config: TextVideoConfig = field(default_factory=TextVideoConfig)
    batch_size: int = 32
    workers: int = 0
    seed: int = 6
    learning_rate: float = 1.5e-3
    name: str = "clip"
    plan: Plan = PLAN
    model: ClipNetworks = field(init=False)

    def __post_init__(self) -> None:
        torch.manual_seed(self.seed)
        encoder = build_clip(self.tokenizer, self.config).to(memory_format=torch.channels_last)
        self.model = ClipNetworks(encoder)
        if self.vae is not None:
            self.vae.requires_grad_(False).eval()

    def batches(self, first: int) -> Iterator[ClipBatch]:
        """Batches of step `first` and on; `workers` processes render them ahead."""
        return replay(self.batch, plan=self.plan, first=first, workers=self.workers, keep=lambda batch: batch)

    @torch.no_grad()
    def batch(self, number: int) -> ClipBatch:
        """The batch with this number."""
        coded = self.vae is not None and number % _CODED == 3
        size = _CODED_SIDE if coded else self.config.side
        fps = _SLOW if number % 2 else None
        videos, kinds, labels = [], list[str](), list[Label]()
        for kind, share in SHARES.items():
            count = max(1, round(share * self.batch_size))
            indices = torch.arange(number * count, (number + 1) * count)
            clips = render_clips(
                kind, indices, size=size, num_frames=self.config.frames, seed=self.seed, fps=fps
            )
            videos.append(clips.video)
            kinds += [kind_of(kind)] * count
            labels += clips.labels
        video = torch.cat(videos)
        if self.vae is not None and coded:
            video = through(self.vae, video, side=self.config.side, every=4)
        return ClipBatch(((video.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8), kinds, labels)

    def loss(
        self, batch: ClipBatch, *, step: int, device: torch.device
    ) -> tuple[Tensor, Mapping[str, float | Tensor]]:
        """How well each finds its own; all randomness follows from `step`."""
        encoder, seed, count = self.model.encoder, self.seed * 1_000_003 + step, len(batch.labels)
        generator, random = torch.Generator().manual_seed(seed), Random(seed)
        sentences = tell_all(batch, random=random)
        found = true_of(sentences, batch.labels, batch.kinds).to(device)
        video = spoil(batch.video.float() / 127.5 - 1, generator=generator).to(device)
        seen = encoder.encode_video(video)
        heard = encoder.encode_words(self.tokens([one.text for one in sentences]).to(device))
        with torch.autocast(device.type, enabled=False):
            logits = encoder.sharpness * seen.float() @ heard.float().T
            misread = self.model.misread(seen.float(), batch.labels, batch.kinds)
        loss, right = contrast(logits, found)
        back, right_back = contrast(logits[:, :count].T, found[:, :count].T)
        wrong = logits[:, :count].diag()[:, None] > logits[:, count:].unflatten(1, (count, -1)).diagonal().T
        figures = {
            "clip": right, "sentence": right_back, "wrong": wrong.float().mean(),
            "sharpness": encoder.sharpness.detach(), "contrast": loss.detach(),
            **{name: value.detach() for name, value in misread.items()},
        }  # fmt: skip
        return (loss + back) / 2 + torch.stack([*misread.values()]).mean(), figures

    def tokens(self, sentences: list[str]) -> Tensor:
        """Tokens of sentences, as many as the tokenizer allows, `n l`."""
        tokens: Tensor = self.tokenizer(
            sentences, padding="max_length", truncation=True, max_length=self.tokenizer.model_max_length,
            return_tensors="pt",
        ).input_ids  # fmt: skip
        return tokens


def build_clip(tokenizer: PreTrainedTokenizerFast, config: TextVideoConfig | None = None) -> TextVideoEncoder:
    """The text-video encoder for a tokenizer's words, untrained."""
    words = build_words_encoder(len(tokenizer), length=tokenizer.model_max_length, layers=_LAYERS)
    return TextVideoEncoder(config or TextVideoConfig(), words)


def tell_all(batch: ClipBatch, *, random: Random) -> list[Told]:
    """A true sentence for each clip, then the wrong ones of each in the same words."""
    true, wrong = list[Told](), list[Told]()
    for label, kind in zip(batch.labels, batch.kinds, strict=True):
        rolls = draw_rolls(random)
        told = tell(label, kind, rolls=rolls)
        true.append(told)
        wrong += [tell(altered(label, told, random), kind, rolls=rolls) for _ in range(_WRONG)]
    return true + wrong


def contrast(logits: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """The cross-entropy of each row finding its own column, and how many do.

    Row `i` belongs to column `i`; other columns that are `true` of it are left out.
    """
    own = torch.arange(len(logits), device=logits.device)
    others = true.clone()
    others[own, own] = False
    logits = logits.masked_fill(others, -torch.inf)
    return F.cross_entropy(logits, own), (logits.argmax(1) == own).float().mean()


def through(vae: AutoencoderTiny, video: Tensor, *, side: int, every: int = 1) -> Tensor:
    """Clips −1…1 `b c t h w`, one of `every` few through the autoencoder, then all at the size `side`."""
    frames = rearrange(video[::every], "b c t h w -> (b t) c h w").contiguous(
        memory_format=torch.channels_last
    )
    coded = torch.cat([vae.decode(vae.encode(some).latents).sample for some in frames.split(64)])
    video = video.clone()
    video[::every] = rearrange(coded, "(b t) c h w -> b c t h w", t=video.shape[2])
    pictures = rearrange(video, "b c t h w -> (b t) c h w")
    small = F.interpolate(pictures, (side, side), mode="bilinear", antialias=True)
    clips: Tensor = rearrange(small, "(b t) c h w -> b c t h w", b=len(video))
    return clips


def spoil(video: Tensor, *, generator: torch.Generator) -> Tensor:
    """Clips −1…1 `b c t h w` as a sampler predicts them half-way: some blurred, faded to the mean, noisy."""
    b, _, t, h, w = video.shape
    amounts = torch.rand(4, b, generator=generator)
    amounts *= amounts[3] < _SPOILT
    blur, fade, noise = amounts[:3].reshape(3, b, 1, 1, 1, 1)
    coarse = F.interpolate(F.avg_pool3d(video, (1, 4, 4)), (t, h, w), mode="trilinear")
    spoilt = torch.lerp(video, coarse, blur)
    spoilt = torch.lerp(spoilt, video.mean((0, 2), keepdim=True), 0.7 * fade)
    fine = torch.randn(video.shape, generator=generator)
    noisy: Tensor = spoilt + 0.3 * noise.square() * fine
    return noisy
