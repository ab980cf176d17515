"""The motion planner: a sentence to what moves where, a small diffusion transformer over frames.

Latents are vectors `b d t 1 1` (`plan_vectors`), so that all of `sampling` works on them unchanged. A frame
is a token; words come by cross-attention, the noise level, frame rate and pooled words by adaptive norms
(Peebles & Xie 2023; the projection is shared by all layers as in PixArt-α, Chen et al. 2023). Frames are told
apart by their time in seconds. The network predicts the clean vectors, which are simpler than noise, and
returns the velocity that they imply (Li & He 2025, "Back to Basics", section 3).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from videogen.models.attention import Attention, FeedForward
from videogen.models.layers import TimestepEmbedding, sinusoid
from videogen.models.plan_vectors import PlanVectors

if TYPE_CHECKING:
    from transformers import CLIPTextModel

_LEAST_LEVEL = 0.02
_SILENT = 1e4
_SWINGS = (12.0, 4.0, 2.0, 1.0)
"""Seconds of the swings that outputs are shares of.

What "right" means is a product of word and time, which a network is slow to find, as neither says anything
alone. As a share of a swing it depends on the word alone.
"""
_PERIODS = (0.15, 30.0)
"""Seconds of the fastest and the slowest wave that tell the time of a frame."""
_WHISPER = 0.1
"""How much of pure noise is let in: at full strength it drowns the time of each frame."""
_LARGEST = 4096


@dataclass(frozen=True)
class MotionPlannerConfig:
    """The sizes of a motion planner, and how it is to be sampled.

    `components` of each pose; `window` and `overlap` in frames; `longest` seconds of a clip and frame rates
    from `slowest` to `fastest` as in training. Raises ValueError for impossible numbers.
    """

    width: int = 128
    layers: int = 4
    heads: int = 4
    feed_forward_mult: int = 2
    components: int = 24
    window: int = 32
    overlap: int = 12
    longest: float = 10.0
    slowest: float = 4.0
    fastest: float = 12.0
    num_inference_steps: int = 16
    guidance_scale: float = 1.5

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            least = 0 if name in ("overlap", "guidance_scale") else 1
            if not least <= value <= _LARGEST:
                raise ValueError(f"the motion planner's {name} is {value}, expected {least} to {_LARGEST}")
        if self.width % (2 * self.heads):
            raise ValueError(f"{self.heads} heads do not fit the width {self.width}")
        if self.overlap >= self.window or self.slowest > self.fastest:
            raise ValueError("the motion planner's overlap or slowest rate is too large")

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> MotionPlannerConfig:
        """A config from JSON values; raises TypeError for unknown names and for values of another kind."""
        kinds = {field.name: type(field.default) for field in fields(cls)}
        for name, value in values.items():
            if name not in kinds:
                raise TypeError(f"unknown setting of the motion planner: {name}")
            if type(value) is not kinds[name] and not (kinds[name] is float and type(value) is int):
                raise TypeError(f"the motion planner's {name} is {value!r}")
        return cls(**values)  # type: ignore[arg-type]

    def to_dict(self) -> dict[str, object]:
        """The config as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Told:
    """What the planner is told about `b` clips of `t` frames.

    `tokens` `b l`, int64; `fps` `b`; `seconds` `b t` since the clip began; `known` vectors `b d t 1 1` with
    `mask` of the same shape (1 = known).
    """

    tokens: Tensor
    fps: Tensor
    seconds: Tensor
    known: Tensor
    mask: Tensor


class MotionPlanner(nn.Module):
    """The network with its text encoder and the bases of its vectors."""

    def __init__(self, config: MotionPlannerConfig, text_encoder: CLIPTextModel) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.text_encoder = text_encoder
        self.vectors = PlanVectors(config.components)
        channels, words = self.vectors.width, text_encoder.config.hidden_size
        self.input = nn.Linear(3 * channels, width)
        self.time_embedding = TimestepEmbedding(width, width)
        self.level_embedding = TimestepEmbedding(width, width)
        self.rate_embedding = TimestepEmbedding(width, width)
        self.words_embedding = nn.Linear(words, width)
        self.modulation = nn.Linear(width, 9 * width)
        self.blocks = nn.ModuleList([_Block(config, words=words) for _ in range(config.layers)])
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, (1 + 2 * len(_SWINGS)) * channels)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, noisy: Tensor, timestep: Tensor, told: Told) -> Tensor:
        """The velocity of noisy vectors `b d t 1 1`; `timestep` scalar or `b`, 0…1000."""
        level = (timestep / 1000).view(-1, 1, 1, 1, 1).to(noisy).clamp_min(_LEAST_LEVEL)
        return (noisy - self.clean(noisy, timestep, told)) / level

    def clean(self, noisy: Tensor, timestep: Tensor, told: Told) -> Tensor:
        """The clean vectors that `noisy` most likely came from, known ones as they are; as `forward`."""
        width = self.config.width
        text, spoken = self._read(told.tokens)
        pooled = (text * spoken[..., None]).sum(1) / spoken.sum(1, keepdim=True)
        bias = ((spoken - 1) * _SILENT)[:, None, None]
        condition = self.level_embedding(sinusoid(timestep.expand(len(noisy)), width))
        condition = condition + self.rate_embedding(sinusoid(told.fps * 10, width))
        condition = condition + self.words_embedding(pooled)
        moments = _waves(told.seconds, width)  # b t d
        given_by_frame = F.silu(condition[:, None] + self.time_embedding(moments))
        film = self.modulation(given_by_frame).unflatten(-1, (9, width))[:, :, None]
        heard = noisy * (1 - (timestep / 1000).view(-1, 1, 1, 1, 1) + _WHISPER)
        given = torch.cat([heard, told.known * told.mask, told.mask], 1)[..., 0, 0].transpose(1, 2)
        x = self.input(given) + moments
        x = x[:, :, None]  # b t 1 d
        for block in self.blocks:
            x = block(x, text, film, bias)
        shares = self.output(self.norm(x[:, :, 0])).unflatten(-1, (-1, self.vectors.width))  # b t n d
        out = (shares * _swings(told.seconds)[..., None]).sum(2).transpose(1, 2)[..., None, None]
        return torch.lerp(out.to(noisy), told.known, told.mask)

    def _read(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Features `b l c` of the words and which of them are spoken, `b l`; what is silent in all is cut."""
        spoken = tokens.ne(self.text_encoder.config.pad_token_id or 0)
        spoken[:, 0] = True
        longest = int(spoken.sum(1).max())
        text: Tensor = self.text_encoder(tokens[:, :longest]).last_hidden_state
        return text, spoken[:, :longest].to(text)


def _waves(seconds: Tensor, width: int) -> Tensor:
    """Sines and cosines of moments, `…` → `… width`, with periods from `_PERIODS`, evenly spaced in pitch."""
    shortest, longest = (math.log(period) for period in _PERIODS)
    periods = torch.linspace(shortest, longest, width // 2, device=seconds.device).exp()
    angles = 2 * math.pi * seconds[..., None] / periods
    return torch.cat([angles.cos(), angles.sin()], -1)


def _swings(seconds: Tensor) -> Tensor:
    """One, and sines and cosines of `_SWINGS` at moments, `…` → `… n`."""
    angles = seconds[..., None] * (2 * math.pi / seconds.new_tensor(_SWINGS))
    return torch.cat([torch.ones_like(angles[..., :1]), angles.sin(), angles.cos()], -1)


class _Block(nn.Module):
    """Attention over frames, over words, and a feed-forward layer, each in an adaptive norm with a gate."""

    def __init__(self, config: MotionPlannerConfig, *, words: int) -> None:
        super().__init__()
        width = config.width
        self.frames = Attention(width, heads=config.heads)
        self.words = Attention(width, heads=config.heads, context=words)
        self.feed_forward = FeedForward(width, mult=config.feed_forward_mult)
        start = torch.zeros(9, width)
        start[2::3] = 1.0
        self.table = nn.Parameter(start)

    def forward(self, x: Tensor, text: Tensor, film: Tensor, bias: Tensor) -> Tensor:
        """`b t 1 d`, words `b l d` with `bias` `b 1 1 l`, modulation `b t 1 9 d` → `b t 1 d`."""
        shift, scale, gate = (film + self.table).unflatten(-2, (3, 3)).unbind(-2)  # b t 1 3 d
        for number in range(3):
            hidden = F.layer_norm(x, x.shape[-1:])
            hidden = torch.addcmul(shift[..., number, :], hidden, 1 + scale[..., number, :])
            if number == 0:
                hidden = self.frames.over_time(hidden)
            elif number == 1:
                hidden = self.words.over_words(hidden, text, bias=bias)
            else:
                hidden = self.feed_forward(hidden)
            x = torch.addcmul(x, gate[..., number, :], hidden)
        return x
