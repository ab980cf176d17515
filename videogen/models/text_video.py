"""The text-video encoder: sentences and clips to vectors whose cosine says how well they agree.

Two towers of the same last width (Radford et al. 2021, "Learning Transferable Visual Models From Natural
Language Supervision"), small enough to steer a sampler by. Frames are read in pairs, each as its mean and its
change, so that motion is plain to see in the first layer; neighbouring pairs meet twice on the way down, and
the head sees every place at every time, since left and right differ in nothing else. Pictures of any size and
clips of any length go in: they are made as large as those of training, and a look takes eight frames.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import CLIPTextModel

_LARGEST = 4096
_CHANGE = 3.0
"""How much louder the change within a pair is than the pair's mean."""
_STRETCH = 24
"""Frames up to which a clip is one stretch; a longer one is several, whose vectors are averaged."""
_TEMPERATURE = 0.07
"""What the learnt temperature begins with (Radford et al. 2021, section 2.5)."""
_SHARPEST = 100.0


@dataclass(frozen=True)
class TextVideoConfig:
    """The sizes of a text-video encoder: pixels of a `side`, `frames` of a stretch, channels at each size.

    `places` are the channels that the head reads place by place, `hidden` its width, and `width` that of the
    vectors. Raises ValueError for impossible numbers.
    """

    side: int = 48
    frames: int = 8
    channels: tuple[int, int, int] = (32, 72, 144)
    places: int = 24
    hidden: int = 192
    width: int = 128

    def __post_init__(self) -> None:
        sizes = {**asdict(self), **{f"channels {n}": each for n, each in enumerate(self.channels)}}
        del sizes["channels"]
        for name, value in sizes.items():
            if not 1 <= value <= _LARGEST:
                raise ValueError(f"the text-video encoder's {name} is {value}, expected 1 to {_LARGEST}")
        if len(self.channels) != 3 or any(each % 8 for each in self.channels):
            raise ValueError("the text-video encoder's channels are no three multiples of 8")
        if self.side % 16 or self.frames % 2:
            raise ValueError("the text-video encoder's side is no multiple of 16, or its frames are odd")

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> TextVideoConfig:
        """A config from JSON values; raises TypeError for unknown names and for values of another kind."""
        known = {field.name for field in fields(cls)}
        given = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        for name, value in given.items():
            numbers = value if isinstance(value, tuple) else (value,)
            if name not in known or isinstance(value, tuple) != (name == "channels"):
                raise TypeError(f"unknown setting of the text-video encoder, or of another kind: {name}")
            if not all(isinstance(each, int) and not isinstance(each, bool) for each in numbers):
                raise TypeError(f"the text-video encoder's {name} is {value!r}, expected whole numbers")
        return cls(**given)  # type: ignore[arg-type]

    def to_dict(self) -> dict[str, object]:
        """The config as JSON values."""
        return {**asdict(self), "channels": list(self.channels)}


class TextVideoEncoder(nn.Module):
    """Both towers and their temperature; `text_encoder` is of CLIP's kind."""

    def __init__(self, config: TextVideoConfig, text_encoder: CLIPTextModel) -> None:
        super().__init__()
        self.config = config
        self.video = VideoTower(config)
        self.text_encoder = text_encoder
        self.words = nn.Sequential(
            nn.Linear(text_encoder.config.hidden_size, config.hidden),
            nn.SiLU(),
            nn.Linear(config.hidden, config.width),
        )
        self.temperature = nn.Parameter(torch.tensor(math.log(1 / _TEMPERATURE)))

    @property
    def sharpness(self) -> Tensor:
        """What cosines are multiplied by before they are compared: one over the temperature, at most 100."""
        return self.temperature.exp().clamp(max=_SHARPEST)

    def encode_words(self, tokens: Tensor) -> Tensor:
        """Unit vectors `n d` of sentences, tokens `n l` padded with the encoder's padding."""
        real = tokens.ne(self.text_encoder.config.pad_token_id or 0)
        longest = int(real.sum(1).max())
        tokens, real = tokens[:, :longest], real[:, :longest]
        told = self.text_encoder(tokens, attention_mask=real.long()).last_hidden_state
        mean = (told * real[..., None]).sum(1) / real.sum(1, keepdim=True)
        return F.normalize(self.words(mean).float(), dim=-1)

    def encode_video(self, video: Tensor) -> Tensor:
        """Unit vectors `b d` of clips −1…1 `b 3 t h w` of any size and number of frames."""
        b = len(video)
        picks = pick_frames(video.shape[2], self.config.frames).to(video.device)
        frames = rearrange(video[:, :, picks], "b c s t h w -> (b s) c t h w")
        vectors = F.normalize(self.video(self._sized(frames)).float(), dim=-1)
        return F.normalize(rearrange(vectors, "(b s) d -> b s d", b=b).mean(1), dim=-1)

    def _sized(self, frames: Tensor) -> Tensor:
        """Frames `b c t h w` at the size of training."""
        side = self.config.side
        if frames.shape[-2:] == (side, side):
            return frames
        flat = rearrange(frames, "b c t h w -> (b t) c h w").float()
        flat = F.interpolate(flat, (side, side), mode="bilinear", antialias=True)
        return rearrange(flat, "(b t) c h w -> b c t h w", b=len(frames)).to(frames)


def pick_frames(length: int, count: int) -> Tensor:
    """Numbers of frames, rows of `count` for each look at a clip of `length` frames: every frame is in one.

    A look takes a stretch of up to `_STRETCH` frames in even steps, beginning a little later each time.
    """
    ends = torch.linspace(0, length, -(-length // _STRETCH) + 1).round().tolist()
    looks = []
    for first, last in pairwise(ends):
        times = max(1, -(-int(last - first) // count))
        starts = torch.arange(times) / times
        steps = (starts[:, None] + torch.arange(count)) * (last - first) / count
        looks.append(first + steps.floor())
    return torch.cat(looks).long()


class VideoTower(nn.Module):
    """Clips −1…1 of the config's size, `b 3 t h w`, to vectors `b d` of any length."""

    def __init__(self, config: TextVideoConfig) -> None:
        super().__init__()
        first, middle, last = config.channels
        pairs, places = config.frames // 2, (config.side // 16) ** 2
        self.stem = nn.Conv2d(6, first, 4, stride=4)
        self.down = nn.ModuleList([_step(first, middle, stride=2), _step(middle, last, stride=2)])
        self.mix = nn.ModuleList([_step(3 * middle, middle, size=1), _step(3 * last, last, size=1)])
        self.more = nn.ModuleList([_step(middle, middle), _step(last, last)])
        self.place = nn.Conv2d(last, config.places, 1)
        self.head = nn.Sequential(
            nn.Linear(pairs * places * config.places + 2 * last, config.hidden),
            nn.LayerNorm(config.hidden),
            nn.SiLU(),
            nn.Linear(config.hidden, config.width),
        )

    def forward(self, video: Tensor) -> Tensor:
        """The vectors; see the class."""
        b = len(video)
        one, two = rearrange(video, "b c (p two) h w -> two (b p) c h w", two=2)
        pairs = torch.cat([(one + two) / 2, _CHANGE * (two - one)], 1)
        x = F.silu(self.stem(pairs.contiguous(memory_format=torch.channels_last)))
        for down, mix, more in zip(self.down, self.mix, self.more, strict=True):
            x = down(x)
            x = x + mix(_with_neighbours(x, b))
            x = x + more(x)
        places = rearrange(self.place(x), "(b p) c h w -> b (p c h w)", b=b)
        x = rearrange(x, "(b p) c h w -> b c (p h w)", b=b)
        out: Tensor = self.head(torch.cat([places, x.mean(2), x.amax(2)], 1))
        return out


def _step(given: int, made: int, *, size: int = 3, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(given, made, size, stride=stride, padding=size // 2, bias=False)
    return nn.Sequential(convolution, nn.GroupNorm(8, made), nn.SiLU())


def _with_neighbours(x: Tensor, b: int) -> Tensor:
    """Features `(b p) c h w` beside those of the pair before and after, nothing beyond the ends."""
    here = rearrange(x, "(b p) c h w -> b p h w c", b=b)
    nothing = torch.zeros_like(here[:, :1])
    before, after = torch.cat([nothing, here[:, :-1]], 1), torch.cat([here[:, 1:], nothing], 1)
    return rearrange(torch.cat([before, here, after], -1), "b p h w c -> (b p) c h w")
