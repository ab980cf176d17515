"""Draw the things of a clip from near, each by itself, to lay them over the whole clip along their tracks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from videogen.cast import Cast, Look, near
from videogen.conditions.reference import to_frame
from videogen.engine import Conditions
from videogen.jobs import Progress
from videogen.jobs.denoising import denoise, steps_of
from videogen.jobs.ledger import Ledger
from videogen.sampling import Timeline
from videogen.schedule import Schedule, read_prompt, texts_of
from videogen.tracks import THINGS, Tracks, draw_tracks, joined
from videogen.weights.spec import FEW_STEPS
from videogen.world.caption import named_things

if TYPE_CHECKING:
    from torch import Tensor

    from videogen.engine import Engine
    from videogen.generative import GenerativeRequest
    from videogen.jobs.guiding import Guide
    from videogen.jobs.shown import Shown
    from videogen.types import Frame, Latents

LENGTH = 4
"""Frames of a close-up; their median is taken."""
_BACKDROP = "in front of a grey wall"


@dataclass(frozen=True)
class Take:
    """A clip as it is drawn: its `pieces`, latents `1 c t h w` in order, and the cast to lay over them."""

    pieces: Iterator[Latents]
    cast: Cast | None = None

    def frames(self, engine: Engine, piece: Latents, shown: Shown, *, begin: int) -> Iterator[Frame]:
        """The frames of a piece whose first is number `begin`."""
        if self.cast is None:
            return shown.decoded(engine, piece, begin=begin)
        return map(to_frame, over(self.cast, engine, piece, begin=begin))

    def seen(self, engine: Engine, pieces: list[Latents]) -> list[Latents]:
        """Pieces as latents of what is seen of them."""
        if self.cast is None:
            return pieces
        begin, found = 0, []
        for piece in pieces:
            found.append(engine.encode_video(torch.stack([*over(self.cast, engine, piece, begin=begin)])))
            begin += piece.shape[2]
        return found


def over(cast: Cast, engine: Engine, piece: Latents, *, begin: int = 0) -> Iterator[Tensor]:
    """What is seen of a piece, whose first frame is number `begin`, under its cast: pictures −1…1 `c h w`."""
    drawn = torch.stack([picture.cpu().float() for picture in engine.decode_video(piece)])
    return cast.over(drawn, begin=begin)


def cast_of(
    request: GenerativeRequest, engine: Engine, guide: Guide | None, prompt: str | None, *,
    fps: float, scale: float, progress: Progress, ledger: Ledger, negative_prompt: str | None = None,
) -> Cast | None:  # fmt: skip
    """The things of a clip as they look from near; None where its motion is not that of the things it names.

    `prompt` names them; `scale` is the guidance by words. A thing alone on a plain ground takes few steps.
    """
    if guide is None or not guide.things or prompt is None:
        return None
    said, there = [named_things(text) for text in texts_of(prompt)], _there(guide.things[0])
    if len(said) != len(guide.things) or any(len(names) != len(there) for names in said):
        return None
    simply = {
        "num_inference_steps": min(steps_of(request, engine), FEW_STEPS), "guidance_start": 0.0,
        "guidance_end": 1.0, "cache_interval": 1, "window": None, "overlap": None, "windows": "blended",
        "anchor_frame": False, "noise": "independent",
    }  # fmt: skip
    asked = request.model_copy(update=simply)
    drawn: dict[tuple[str, int], Look] = {}

    def look(stretch: int, number: int) -> Look:
        name = said[stretch][there.index(number)]
        if (name, number) not in drawn:
            outline = guide.things[stretch].outline[0, number]
            told = _told(engine, name, outline, fps=fps)
            chain = [Conditions(prompt=negative_prompt, fps=fps, pose_maps=told.pose_maps), told]
            latents = ledger.once(
                f"near-{stretch}-{number}",
                lambda: denoise(
                    asked, engine, Timeline.line(LENGTH), chain, scale=scale, size=_size(engine),
                    progress=lambda _, done, total: progress(f"{name} from near", done, total),
                ),
            )  # fmt: skip
            drawn[name, number] = Look.of(torch.stack(list(engine.decode_video(latents))), outline)
        return drawn[name, number]

    looks = [
        tuple(look(stretch, number) for stretch in range(len(said))) if number in there else ()
        for number in range(THINGS)
    ]
    whole = joined(guide.things)
    words = read_prompt(prompt, length=whole.state.shape[1], fps=fps)
    return Cast(tuple(looks), _shares(words, length=whole.state.shape[1]), whole)


def _there(tracks: Tracks) -> list[int]:
    """The numbers of the things that are planned."""
    return (tracks.state[0, 0, :, 4] > 0).nonzero().flatten().tolist()


def _shares(words: str | Schedule, *, length: int) -> Tensor:
    """How much of each look frames show, `t k`: as much as of the words that it is named by."""
    if isinstance(words, str):
        return torch.ones(length, 1)
    return torch.tensor([words.shares(number) for number in range(length)])


def _size(engine: Engine) -> tuple[int, int]:
    """Height and width of a close-up: the model's own, square."""
    side = min(engine.spec.height, engine.spec.width)
    return side, side


def _told(engine: Engine, name: str, outline: Tensor, *, fps: float) -> Conditions:
    """What the network is told of a thing from near, before a plain wall where it knows that word."""
    height, width = _size(engine)
    prompt = name if engine.unknown_words(_BACKDROP) else f"{name} {_BACKDROP}"
    maps = draw_tracks(near(outline, length=LENGTH), height=height, width=width)
    return Conditions(prompt=prompt, fps=fps, pose_maps=maps)
