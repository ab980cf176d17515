"""The networks that better finished frames, loaded: frames in between, and larger frames.

In: what is wanted of them, a checkpoint in place of pocket's if given, a device, a precision. Out: streams of
frames to streams of frames, `interpolate` and `upscale`, which hold a few at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from videogen.devices import find_device, give_back_freed_memory, share_freed_memory
from videogen.enhance.interpolate import Network, interpolate
from videogen.errors import RequestError

if TYPE_CHECKING:
    from videogen.types import Frame

Item = TypeVar("Item")
_FRAMES_HELD = 8
"""After so many frames, the memory that they have left over is given back."""
_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Enhancer:
    """What makes frames in between where it `interpolates`, and larger ones where `scale` is 2 or 4.

    A `checkpoint` takes the place of pocket's interpolator, or of its upscaler where there are no frames in
    between. `device` is auto, cpu, cuda or mps; `precision` auto (float32 on a CPU, else float16), float32,
    bfloat16 or float16. Raises CheckpointError where a network cannot be found or loaded, RequestError where
    the device is absent or the checkpoint makes no pictures of that scale.
    """

    def __init__(
        self, *, interpolates: bool = False, scale: int = 1, checkpoint: Path | None = None,
        device: str = "auto", precision: str = "auto",
    ) -> None:  # fmt: skip
        self.interpolates, self.scale, self.checkpoint = interpolates, scale, checkpoint
        self.device = find_device(device)
        if precision not in ("auto", *_PRECISIONS):
            raise RequestError(f"precision {precision!r} is not one of auto, {', '.join(_PRECISIONS)}")
        default = torch.float32 if self.device.type == "cpu" else torch.float16
        self.dtype = default if precision == "auto" else _PRECISIONS[precision]
        self.hashes: dict[str, str] = {}
        self.context = 0
        """How many frames on each side the upscaler sees."""
        self._load()
        if self.device.type == "cpu":
            share_freed_memory()

    @property
    def settings(self) -> dict[str, object]:
        """What a request must agree with that is given these networks."""
        return {"interpolates": self.interpolates, "scale": self.scale, "checkpoint": self.checkpoint}

    def _load(self) -> None:
        from videogen.weights.enhancers import load_interpolator, load_upscaler

        if self.interpolates:
            between = load_interpolator(self.checkpoint)
            self._between = self._in_precision(between.network.to(self.device))
            self.hashes |= between.hashes
        if self.scale > 1:
            larger = load_upscaler(None if self.interpolates else self.checkpoint, scale=self.scale)
            self._larger = larger.network.to(self.device)
            self.hashes |= larger.hashes
            passes = round(log(self.scale, larger.network.scale))
            self.context = passes * (larger.network.frames // 2)

    def _in_precision(self, network: torch.nn.Module) -> Network:
        """The network, whose weights stay float32, computing in the precision asked for."""

        def call(*given: Tensor) -> Tensor:
            with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
                made: Tensor = network(*given)
            return made.float()

        return call

    def interpolate(
        self, marked: Iterable[tuple[Frame, bool]], *, source_fps: Fraction, fps: Fraction, begin: int = 0,
        ring: bool = False,
    ) -> Iterator[tuple[Frame, bool]]:  # fmt: skip
        """A film at another rate, from its frame `begin` on; see `enhance.interpolate`."""
        pairs = interpolate(
            marked, self._between, source_fps=source_fps, fps=fps, begin=begin, ring=ring, device=self.device
        )
        return self._lean(pairs)

    def upscale(
        self, marked: Iterable[tuple[Frame, bool]], *, size: tuple[int, int] | None = None,
        tile: int = 640, reference: Frame | None = None,
    ) -> Iterator[Frame]:  # fmt: skip
        """A film `scale` times as large, then of `size` (height, width) if given; see `enhance.upscale`."""
        from videogen.enhance.upscale import upscale

        frames = upscale(
            marked, self._larger, scale=self.scale, size=None if size is None else size[::-1],
            guidance=reference, device=self.device, dtype=self.dtype, tile=tile,
        )  # fmt: skip
        return self._lean(frames)

    def _lean(self, frames: Iterable[Item]) -> Iterator[Item]:
        """The same, and now and then the memory that is free goes back: else pieces add up over a film."""
        for number, frame in enumerate(frames):
            if self.device.type == "cpu" and number % _FRAMES_HELD == 0:
                give_back_freed_memory()
            yield frame
