"""What agrees with the words: where a sampler is led to, and which of several clips is taken.

Words that change over a clip are held to the frames that they are said of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from videogen.jobs import Progress
from videogen.jobs.ledger import Ledger
from videogen.jobs.rolling import counted
from videogen.schedule import Schedule, read_prompt

if TYPE_CHECKING:
    from torch import Tensor

    from videogen.engine import Engine
    from videogen.jobs.casting import Take
    from videogen.jobs.text_to_video import TextToVideo
    from videogen.sampling import Aim
    from videogen.sampling.standing import Keeper
    from videogen.types import Latents

Draw = Callable[["TextToVideo", Progress, Ledger], "Take"]
"""Draws the clip of a request, telling progress and a ledger."""
_TOGETHER = 24
"""Frames of a clip that are looked at together."""


def aims_of(prompt: str | Schedule, engine: Engine, *, length: int) -> list[Aim]:
    """What a clip of `length` frames is led to by its words; raises `RequestError` where none is known."""
    from videogen.sampling import Aim

    return [
        Aim(first, last, partial(engine.similarity, words=words))
        for words, first, last in _said(prompt, engine, length=length)
    ]


def _said(prompt: str | Schedule, engine: Engine, *, length: int) -> Iterator[tuple[Tensor, int, int]]:
    """The vectors of what is said, each with its first frame and the frame after its last one."""
    whole = [(prompt, 0, length)] if isinstance(prompt, str) else prompt.stretches(length)
    for text, start, stop in whole:
        words = engine.agreement.words(text)
        parts = -(-(stop - start) // _TOGETHER)
        ends = torch.linspace(start, stop, parts + 1).round().long().tolist()
        yield from ((words, *pair) for pair in pairwise(ends) if pair[0] < pair[1])


@torch.no_grad()
def agreement_of(pieces: list[Latents], prompt: str | Schedule, engine: Engine) -> float:
    """How well a clip, its pieces `1 c t h w` in order, agrees with its words: the mean over frames."""
    latents = torch.cat(pieces, 2)
    length = latents.shape[2]
    said = _said(prompt, engine, length=length)
    found = (float(engine.similarity(latents[:, :, a:b], words)) * (b - a) for words, a, b in said)
    return sum(found) / length


def seeds_of(seed: int, count: int) -> list[int]:
    """So many seeds, each of its own: the first is `seed` itself."""
    keys = (f"best {seed} {number}".encode() for number in range(1, count))
    return [seed, *(int.from_bytes(blake2b(key, digest_size=4).digest()) >> 1 for key in keys)]


class Trial(Ledger):
    """The ledger of one of several clips: it keeps what is finished in another, under names of its own."""

    def __init__(self, ledger: Ledger, *, name: str) -> None:
        super().__init__()
        self._whole, self._name = ledger, name

    def once(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """As the other ledger."""
        return self._whole.once(self._name + name, make)

    def steps(self, name: str) -> Keeper | None:
        """As the other ledger."""
        return self._whole.steps(self._name + name)


def draw_best(
    request: TextToVideo, engine: Engine, draw: Draw, *, fps: float, progress: Progress, ledger: Ledger
) -> Take:
    """The clip that agrees best with the prompt, of as many as are asked for.

    They differ in their seeds; of equals the first is taken. Of one clip there is nothing to choose, and its
    pieces come as they are drawn. The ledger notes the seed that was taken, and its agreement.
    """
    seeds = seeds_of(request.chosen_seed(), request.best_of)
    if len(seeds) == 1:
        return draw(request, progress, ledger)
    tried = []
    for number, seed in enumerate(seeds):
        trial = Trial(ledger, name=f"{number}-" if number else "")
        tell = counted(progress, piece=number, pieces=len(seeds))
        take = draw(request.with_seed(seed), tell, trial)
        pieces = [piece.cpu() for piece in take.pieces]
        prompt = read_prompt(request.prompt, length=sum(piece.shape[2] for piece in pieces), fps=fps)
        found = agreement_of(take.seen(engine, pieces), prompt, engine)
        tried.append((found, replace(take, pieces=iter(pieces)), trial))
    best = max(range(len(seeds)), key=lambda number: tried[number][0])
    agreement, take, trial = tried[best]
    ledger.join(*trial.joins)
    ledger.meet(*trial.seams)
    ledger.notes |= {"best_seed": seeds[best], "agreement": round(agreement, 4)}
    return take
