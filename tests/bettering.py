"""Networks that better frames, without weights: plain formulas in the place of pocket's, for tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from videogen.enhancer import Enhancer
from videogen.types import Frame


class Blend(nn.Module):
    """A mix of two pictures by the moment, through a convolution that changes hardly anything."""

    calls = 0

    def __init__(self, *, amount: float) -> None:
        super().__init__()
        self.colours = nn.Conv2d(3, 3, 1)
        nn.init.eye_(self.colours.weight[:, :, 0, 0])
        nn.init.constant_(self.colours.bias, amount)

    def forward(self, first: torch.Tensor, second: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        Blend.calls += 1
        moment = time[:, None, None, None]
        made: torch.Tensor = self.colours(first * (1 - moment) + second * moment)
        return made


def _load(enhancer: Enhancer) -> None:
    with torch.no_grad():
        enhancer._between = enhancer._in_precision(Blend(amount=0.0 if enhancer.checkpoint is None else 0.1))
    names = {"interpolator": enhancer.interpolates, "upscaler": enhancer.scale > 1}
    enhancer.hashes = {name: "ef" * 32 for name, wanted in names.items() if wanted}
    enhancer.context = int(enhancer.scale > 1)


def _upscale(
    enhancer: Enhancer, marked: Iterable[tuple[Frame, bool]], *, size: tuple[int, int] | None = None,
    tile: int = 640, reference: Frame | None = None,
) -> Iterator[Frame]:  # fmt: skip
    """Larger pixels, lifted a little by what came before in the same shot, the tile and the reference."""
    before: Frame | None = None
    more = tile // 64 + (0 if reference is None else int(reference.mean()) % 7 + 1)
    more += 0 if enhancer.checkpoint is None else 5
    for frame, is_cut in marked:
        seen = frame if before is None or is_cut else np.minimum(frame, before)
        large = frame.repeat(enhancer.scale, 0).repeat(enhancer.scale, 1)
        made = large // 2 + seen.repeat(enhancer.scale, 0).repeat(enhancer.scale, 1) // 4 + np.uint8(more)
        height, width = size or made.shape[:2]
        yield np.array(Image.fromarray(made).resize((width, height)))
        before = frame


def without_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every enhancer that is made from now on do without weights."""
    from videogen.jobs.making import load_enhancer

    load_enhancer.cache_clear()
    Blend.calls = 0
    monkeypatch.setattr(Enhancer, "_load", _load)
    monkeypatch.setattr(Enhancer, "upscale", _upscale)


def enhancer_of(request: Any) -> Enhancer:
    """The networks that a request names."""
    return Enhancer(**request.networks())
