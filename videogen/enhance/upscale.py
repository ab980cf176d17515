"""Larger frames as a stream: each by a network that may see its neighbours, in tiles, within its own shot.

In: frames with whether a shot begins with each (`cuts.marked`), one by one. Out: larger frames in order, as
many. Held are the frames that the network sees, and a large picture; never more, however long the film. At
the ends of a shot its outermost frame stands for those that are missing. Tiles overlap: the outer part of the
overlap is only looked at, across the inner part one tile fades into the next. More than one step of the
network's scale is that many passes, one after the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from videogen.enhance.guidance import Guidance
from videogen.errors import RequestError
from videogen.types import Frame

_GRID = 4
"""Tiles begin at multiples of this, so that a network's own halvings fall alike in all."""
_LARGEST = 16384
Marked = Iterable[tuple[Frame, bool]]


class Enlarger(Protocol):
    """A network: `b t c h w`, 0…1, to the middle frame `b c s*h s*w`; it sees an odd number of `frames`."""

    @property
    def scale(self) -> int:
        """How many times as large a picture becomes on each side."""

    @property
    def frames(self) -> int:
        """How many frames it sees, the middle one in the middle."""

    def __call__(self, clip: Tensor, /) -> Tensor: ...


@dataclass(frozen=True)
class Enlargement:
    """What to do: `scale` by the network, then, where that is another size, resize to `width` `height`."""

    scale: int
    width: int
    height: int


def plan_enlargement(
    width: int, height: int, *, step: int, scale: int | None = None, target: int | None = None
) -> Enlargement:
    """The enlargement of a `width` `height` picture by `scale`, or to a `target` height in pixels.

    `step` is the network's scale. A target is reached exactly, from the next larger power of `step`; the
    other side is the nearest even number. Raises RequestError for what no power of `step` is, for a target
    that is odd or no larger than the picture, and for results over 16384 pixels.
    """
    if (scale is None) == (target is None):
        raise RequestError("give either --scale or --height")
    wide, tall, reached = width, height, 1
    if target is not None:
        if target % 2 or target <= height:
            raise RequestError(f"--height is {target}; give an even number over the video's own {height}")
        while height * reached < target:
            reached *= step
        wide, tall = max(2, 2 * round(width * target / height / 2)), target
    elif scale is not None:
        while reached < scale:
            reached *= step
        if reached != scale or scale < 2:
            raise RequestError(f"--scale is {scale}; this network makes {step} times as large, and again")
        wide, tall = width * scale, height * scale
    if max(wide, tall, width * reached, height * reached) > _LARGEST:
        raise RequestError(f"the result would be {wide}x{tall}; at most {_LARGEST} pixels a side can be made")
    return Enlargement(reached, wide, tall)


def upscale(
    marked: Marked, network: Enlarger, *, scale: int, size: tuple[int, int] | None = None,
    tile: int = 640, overlap: int = 32, guidance: Frame | None = None,
    device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Frame]:  # fmt: skip
    """Frames uint8 `h w 3` to ones `scale` times as large, then resized to `size` (width, height) if given.

    `scale` is a power of the network's. `tile` and `overlap` are in pixels of what the network reads.
    `guidance` is a still of the same scene and view in full detail, any size. With a `dtype` of half
    precision the network, in float32 on `device`, computes in that. `progress` hears how many frames are
    done. Raises RequestError for impossible tiles, scales, or a guidance of another shape.
    """
    if not 0 <= overlap <= tile // 2 or tile < 4 * _GRID:
        raise RequestError(f"tiles of {tile} with {overlap} in common are impossible; give at most half")
    passes = _count_passes(network.scale, scale)
    given: deque[Frame] = deque()

    def noted() -> Iterator[tuple[Frame, bool]]:
        for frame, is_cut in marked:
            if guidance is not None:
                given.append(frame)
            yield frame, is_cut

    def enlarge(window: list[Frame]) -> Frame:
        seen = torch.from_numpy(np.stack(window)).to(device).permute(0, 3, 1, 2)[None].float() / 255
        made = enlarge_in_tiles(seen, network, tile=tile, overlap=overlap, dtype=dtype)
        found: Frame = (made[0].permute(1, 2, 0).clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
        return found

    stream: Iterator[tuple[Frame, bool]] = noted()
    for _ in range(passes):
        stream = _pass(stream, enlarge, reach=network.frames // 2)
    guide = None if guidance is None else Guidance(guidance)
    for done, (made, _) in enumerate(stream, 1):
        if guide is not None:
            made = guide.add_detail(made, given.popleft())
        if size is not None and size != made.shape[1::-1]:
            made = np.array(Image.fromarray(made).resize(size, Image.Resampling.LANCZOS))
        yield made
        if progress is not None:
            progress(done)


@torch.inference_mode()
def enlarge_in_tiles(
    clip: Tensor, network: Enlarger, *, tile: int, overlap: int, dtype: torch.dtype = torch.float32
) -> Tensor:
    """The middle frame of `1 t c h w`, 0…1, larger: `1 c s*h s*w` float32; whole where it fits a tile."""
    h, w = clip.shape[-2:]
    with torch.autocast(clip.device.type, dtype, enabled=dtype != torch.float32):
        if h <= tile and w <= tile:
            return network(clip).float()
        scale = network.scale
        total = clip.new_zeros(1, clip.shape[2], scale * h, scale * w)
        weights = clip.new_zeros(scale * h, scale * w)
        for top, bottom in spans(h, tile, overlap):
            for left, right in spans(w, tile, overlap):
                made = network(clip[..., top:bottom, left:right]).float()
                rows = _fading(top, bottom, h, overlap, scale).to(made)
                columns = _fading(left, right, w, overlap, scale).to(made)
                weight = rows[:, None] * columns
                place = (slice(scale * top, scale * bottom), slice(scale * left, scale * right))
                total[..., place[0], place[1]] += made * weight
                weights[place] += weight
        return total / weights


def spans(length: int, tile: int, overlap: int) -> list[tuple[int, int]]:
    """Where tiles along a side begin and end: alike, at least `overlap` in common, none over `tile`."""
    if length <= tile:
        return [(0, length)]
    tile -= tile % _GRID
    count = -(-(length - overlap) // max(tile - overlap, 1))
    even = -(-(length + (count - 1) * overlap) // count)
    tile = min(tile, -(-even // _GRID) * _GRID)
    step, last = max((tile - overlap) // _GRID, 1) * _GRID, -(-(length - tile) // _GRID) * _GRID
    return [*((start, start + tile) for start in range(0, last, step)), (last, length)]


def _fading(start: int, end: int, length: int, overlap: int, scale: int) -> Tensor:
    """The weights of a tile's rows or columns: 0 in the outer quarter of an overlap, up to 1 at three."""
    places = (torch.arange(scale * (end - start)) + 0.5) / scale
    least, most = overlap / 4, max(overlap / 2, 1)
    before = torch.full_like(places, 1.0) if start == 0 else ((places - least) / most).clamp(0, 1)
    after = (
        torch.full_like(places, 1.0) if end == length else ((end - start - places - least) / most).clamp(0, 1)
    )
    return torch.minimum(before, after) + 1e-6


def _count_passes(step: int, scale: int) -> int:
    """How many passes of `step` make `scale`."""
    passes, reached = 0, 1
    while step > 1 and reached < scale:
        passes, reached = passes + 1, reached * step
    if reached != scale or scale < 2:
        raise RequestError(f"{scale} times as large is no power of the network's {step}")
    return passes


def _pass(
    marked: Marked, enlarge: Callable[[list[Frame]], Frame], *, reach: int
) -> Iterator[tuple[Frame, bool]]:
    """One pass: every frame with `reach` neighbours on each side, from its own shot."""
    for window, is_cut in windows(marked, reach=reach):
        yield enlarge(window), is_cut


def windows(marked: Marked, *, reach: int) -> Iterator[tuple[list[Frame], bool]]:
    """Every frame in the middle of 2·`reach` + 1 of its shot, and whether a shot begins with it."""
    past: deque[Frame] = deque(maxlen=reach)
    ahead: deque[tuple[Frame, bool]] = deque()

    def first() -> tuple[list[Frame], bool]:
        near = [frame for frame, _ in ahead]
        before = [*[(past or near)[0]] * (reach - len(past)), *past]
        after = [*near[: reach + 1], *[near[-1]] * (reach + 1 - len(near))]
        frame, is_cut = ahead.popleft()
        past.append(frame)
        return [*before, *after], is_cut

    for frame, is_cut in marked:
        if is_cut:
            while ahead:
                yield first()
            past.clear()
        ahead.append((frame, is_cut))
        if len(ahead) > reach:
            yield first()
    while ahead:
        yield first()
