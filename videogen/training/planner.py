"""The stage of the motion planner: scripts of the world, which cost no painting, and flow matching on them.

Every batch mixes things, people and heads, in windows of 8 to 32 frames from clips of any length that the
planner will know. Words are dropped at random for guidance; paths of the first thing and first frames are
known at random.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

from videogen.models.motion_planner import MotionPlanner, MotionPlannerConfig, Told
from videogen.models.plan_vectors import ANGLE, PLACE, SIZE, THING
from videogen.tracks import THINGS, Tracks
from videogen.training.loss import make_noisy
from videogen.world.clips import write_script
from videogen.world.script import Script

SHARES = {"object": 0.55, "person": 0.25, "portrait": 0.2}
KEEP = {"text": 0.9, "path": 0.2, "size": 0.5, "angle": 0.3, "start": 0.1}
"""How often words are kept, and how often a path, a size and angle along it, or first frames are known."""
KIND = {"object": "body", "person": "body", "portrait": "head"}
WINDOWS = (8, 16, 16, 24)
_WIDTH = 128
_OUTLINE_WEIGHT = 0.15
_STEEPEST = 0.5
_WORD_SPREAD = 0.5


@dataclass
class PlannerBatch:
    """Clean vectors `b d t 1 1`, tokens `b l`, `fps` `b`, `seconds` `b t` since each clip began."""

    clean: Tensor
    tokens: Tensor
    fps: Tensor
    seconds: Tensor


@dataclass
class PlannerStage:
    """Flow matching of plans; `fitted` clips of each kind of person give the bases of poses."""

    tokenizer: PreTrainedTokenizerFast
    config: MotionPlannerConfig = field(default_factory=MotionPlannerConfig)
    batch_size: int = 64
    fitted: int = 2048
    seed: int = 3
    learning_rate: float = 1.5e-3
    name: str = "planner"
    model: MotionPlanner = field(init=False)

    def __post_init__(self) -> None:
        torch.manual_seed(self.seed)
        encoder = build_words_encoder(len(self.tokenizer), length=self.tokenizer.model_max_length)
        self.model = MotionPlanner(self.config, encoder)
        fit_bases(self.model, seed=self.seed, count=self.fitted)
        self.empty = self._tokens([""])
        self.weights = channel_weights(self.model)

    def batches(self, first: int) -> Iterator[PlannerBatch]:
        """Batches from number `first` on."""
        while True:
            yield self.batch(first)
            first += 1

    @torch.no_grad()
    def batch(self, number: int) -> PlannerBatch:
        """The batch with this number: one length and one kind of rate, all kinds of clips."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        frames = WINDOWS[number % len(WINDOWS)]
        early, late, rate = torch.rand(3, generator=generator).tolist()
        skipped = int(late * 32) if early < 0.3 else 0
        fastest = self.config.fastest
        fps = round(self.config.slowest + rate * (fastest - self.config.slowest)) if early > 0.6 else None
        clean, rates, captions = [], [], []
        for kind, share in SHARES.items():
            count = max(1, round(share * self.batch_size))
            indices = torch.arange(number * count, (number + 1) * count)
            script = write_script(kind, indices, num_frames=skipped + frames, seed=self.seed, fps=fps)
            clean.append(encode_script(self.model, script, skipped=skipped))
            rates.append(script.fps)
            captions += script.captions
        rate_of_each = torch.cat(rates)
        seconds = (skipped + torch.arange(frames)) / rate_of_each[:, None]
        return PlannerBatch(torch.cat(clean), self._tokens(captions), rate_of_each, seconds)

    def loss(
        self, batch: PlannerBatch, *, step: int, device: torch.device
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Flow-matching loss of a batch; all randomness follows from `step`."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        clean = batch.clean.to(device)
        mask = draw_known(clean.cpu(), generator=generator).to(device)
        mask[:, self.model.vectors.changes] = 0
        has_text = torch.rand(len(clean), 1, generator=generator) < KEEP["text"]
        tokens = torch.where(has_text, batch.tokens, self.empty)
        told = Told(tokens.to(device), batch.fps.to(device), batch.seconds.to(device), clean, mask)
        levels = draw_plan_levels(len(clean), generator=generator).to(device)
        noise = torch.randn(clean.shape, generator=generator).to(device)
        noisy, _ = make_noisy(clean, noise, levels)
        predicted = self.model.clean(noisy, levels * 1000, told)
        weight = self.weights.to(device)[None, :, None, None, None] * (1 - mask)
        error = (predicted.float() - clean).square() * weight
        each = error.flatten(1).sum(1) / weight.flatten(1).sum(1).clamp_min(1)
        loss = (each / levels.clamp_min(_STEEPEST).square()).mean()
        return loss, {"plan": loss.detach(), "clean": each.detach().mean()}

    def _tokens(self, captions: list[str]) -> Tensor:
        """Tokens of captions, as many as the tokenizer allows, `b l`."""
        tokens: Tensor = self.tokenizer(
            captions, padding="max_length", truncation=True, max_length=self.tokenizer.model_max_length,
            return_tensors="pt",
        ).input_ids  # fmt: skip
        return tokens


def build_words_encoder(vocabulary: int, *, length: int, layers: int = 2) -> CLIPTextModel:
    """A small text encoder of a part's own, as the planner's, untrained.

    Its words start far apart: from CLIP's own tiny beginnings they drown in what the layers add, and a short
    training is over before they are heard.
    """
    encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=_WIDTH,
            intermediate_size=2 * _WIDTH,
            num_hidden_layers=layers,
            num_attention_heads=4,
            max_position_embeddings=length,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )
    words = cast("nn.Embedding", encoder.get_input_embeddings())
    nn.init.normal_(words.weight, std=_WORD_SPREAD)
    return encoder


@torch.no_grad()
def fit_bases(model: MotionPlanner, *, seed: int, count: int) -> None:
    """Fit the pose bases to the poses of `count` clips of the world, of each kind."""
    for kind in ("person", "portrait"):
        script = write_script(kind, torch.arange(count), num_frames=2, seed=seed + 1)
        points = script.points[:, 1:].flatten(0, 1)
        model.vectors.basis(KIND[kind]).fit(points[(points[..., 2] > 0).any(-1)])


def encode_script(model: MotionPlanner, script: Script, *, skipped: int = 0) -> Tensor:
    """The vectors `b d t 1 1` of scripts without their reference and the first `skipped` frames."""
    first = 1 + skipped
    tracks = script.tracks
    cut = Tracks(tracks.state[:, first:], tracks.outline, tracks.camera[:, first:])
    return model.vectors.encode(cut, script.points[:, first:], kind=KIND[script.kind])


def channel_weights(model: MotionPlanner) -> Tensor:
    """The weight of each channel in the loss, `d`.

    What words decide counts most: two channels of a place would be lost among many radii.
    """
    weights = torch.full((model.vectors.width,), 3.0)
    for first in range(0, THINGS * THING, THING):
        thing = weights[first : first + THING]
        thing[:] = _OUTLINE_WEIGHT
        thing[0], thing[PLACE], thing[SIZE], thing[ANGLE] = 1.0, 8.0, 4.0, 4.0
    return weights


def draw_plan_levels(count: int, *, generator: torch.Generator) -> Tensor:
    """Noise levels in 0.02…1, `count`, nearly half above 0.9.

    The frames of a plan say much the same, so below that noise hides little, and words decide nothing.
    """
    return (1 - torch.rand(count, generator=generator) ** 3).clamp_min(0.02)


def draw_known(clean: Tensor, *, generator: torch.Generator) -> Tensor:
    """Random known channels, like `clean` `b d t 1 1`: the first thing's path, or the first frames."""
    b, _, t = clean.shape[:3]
    mask = torch.zeros_like(clean)
    roll = {name: torch.rand(b, generator=generator) < share for name, share in KEEP.items()}
    path = roll["path"] & (clean[:, 0].flatten(1) > 0).all(1)
    mask[path, 0] = 1
    for name, channels in (("path", PLACE), ("size", SIZE), ("angle", ANGLE)):
        rows = (path & roll[name]).nonzero().flatten()
        mask[rows, channels] = 1
    lengths = (torch.rand(b, generator=generator) * t / 2).long() + 1
    start = roll["start"][:, None] & (torch.arange(t) < lengths[:, None])
    return torch.maximum(mask, start.to(clean)[:, None, :, None, None])
