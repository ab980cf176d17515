"""Draw a text clip from noise, as its words and its guide tell.

Where a person moves, the first frame is drawn first, and the clip is told that picture, carried along the
pose: a face that turns away and back is then still the same face.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from videogen.carried import carry, parted
from videogen.conditions.body_mask import body_mask
from videogen.conditions.motion_field import is_head
from videogen.engine import Conditions
from videogen.jobs import Progress
from videogen.jobs.guiding import FIRST_FRAMES, Guide
from videogen.jobs.ledger import Ledger
from videogen.jobs.rolling import make_clip
from videogen.jobs.shown import Shown
from videogen.schedule import read_prompt

if TYPE_CHECKING:
    from torch import Tensor

    from videogen.engine import Engine
    from videogen.jobs.text_to_video import TextToVideo
    from videogen.types import Latents

LATER_WORDS = 0.25
"""How much of the guidance by words is left once looks are shown by a picture."""
_FRAMES_AT_ONCE = 64


def draw_clip(
    request: TextToVideo, engine: Engine, guide: Guide | None, shown: Shown, *,
    length: int, fps: float, scale: float, size: tuple[int, int], progress: Progress, ledger: Ledger,
) -> Iterator[Latents]:  # fmt: skip
    """Yield the latents `1 c t h w` of a clip of `length` frames and `size` (height, width in pixels).

    A long clip comes piece by piece. `scale` is the guidance by words; `guide` says where things or a person
    are, or nothing does; `shown` are pictures.
    """
    prompt = read_prompt(request.prompt, length=length, fps=fps)
    told = Conditions(prompt=prompt, fps=fps, pose_maps=None if guide is None else guide.maps)
    draw = partial(_draw, request, engine, size=size, ledger=ledger)
    if guide is None or guide.person is None or not engine.reads_carried:
        return draw(told, shown, length=length, scale=scale, progress=progress)
    few = min(length, FIRST_FRAMES)

    def begin() -> Latents:
        begun = _draw(
            request, engine, told.between(0, few), shown.until(few), length=few,
            scale=scale, progress=lambda _, done, total: progress("the first frame", done, total),
            size=size, ledger=Ledger(),
        )  # fmt: skip
        return next(iter(begun))[:, :, :1]

    told = carried_along(told, ledger.once("first", begin), engine, person=guide.person)
    return draw(told, shown, length=length, scale=1 + (scale - 1) * LATER_WORDS, progress=progress)


def carried_along(told: Conditions, first: Latents, engine: Engine, *, person: Tensor) -> Conditions:
    """What is told, and the first frame's latents `1 c 1 h w` as reference and carried along the person."""
    picture = next(iter(engine.decode_video(first)))[None].cpu()
    mask = None if bool(is_head(person[0])) else body_mask(picture, person[0])
    layers = None if mask is None else parted(picture, person[0], mask)
    carried, visibility = [], []
    for some in person.split(_FRAMES_AT_ONCE):
        frames, seen = carry(picture, person[0], some, factor=engine.spec.vae_scale_factor, layers=layers)
        carried.append(engine.encode_video(frames))
        visibility.append(seen)
    return replace(told, reference=first, carried=torch.cat(carried, 2), visibility=torch.cat(visibility, 2))


def _draw(
    request: TextToVideo, engine: Engine, told: Conditions, shown: Shown, *,
    length: int, scale: float, size: tuple[int, int], progress: Progress, ledger: Ledger,
) -> Iterator[Latents]:  # fmt: skip
    """Denoise the clip, steered away from the negative prompt."""
    told = shown.told(told, engine, length=length)
    away = replace(told, prompt=request.negative_prompt, picture=None, control_prompt=told.prompt)
    line = shown.timeline(engine, length=length)
    return make_clip(
        request, engine, line, [away, told], scale=scale, size=size, progress=progress, ledger=ledger
    )
