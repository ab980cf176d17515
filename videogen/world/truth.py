"""Where every pixel of a painting comes from and goes to, which layer it shows and how near that is.

Each pixel shows one layer; each layer has an affine frame at every moment (`b t LAYERS+1 6`: x and y of the
middle, cosine and sine of the turn, two half extents). Level 0 is the background, whose frame is the camera.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_Frames = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Stage:
    """What was painted where: `owner` int64 `b t h w`, `frames` `b t LAYERS+1 6`, `things` `LAYERS+1`."""

    owner: Tensor
    frames: Tensor
    things: Tensor

    @classmethod
    def build(
        cls, owner: Tensor, placed: Sequence[_Frames], *, things: list[int], camera: Tensor | None
    ) -> Stage:
        """Collect the frames of layers, each as (index into `b·t`, centre, cosine, sine, half extents)."""
        b, t = owner.shape[:2]
        frames = torch.zeros(len(placed) + 1, b * t, 6, device=owner.device)
        frames[..., 2] = frames[..., 4] = frames[..., 5] = 1
        frames[0, :, :2] = 0.5
        if camera is not None:
            frames[0, :, :2] += camera.reshape(-1, 3)[:, :2]
            frames[0, :, 4:] = camera.reshape(-1, 3)[:, 2:].exp()
        for level, (rows, centre, cos, sin, size) in enumerate(placed, start=1):
            frames[level, rows] = torch.cat([centre, cos[:, None], sin[:, None], size], 1)
        levels = torch.tensor([0, *things], device=owner.device)
        return cls(owner, frames.view(-1, b, t, 6).permute(1, 2, 0, 3), levels)

    def trace_back(self) -> tuple[Tensor, Tensor]:
        """Where each pixel was in frame 0, `b t h w 2`, and whether it was seen there, 0/1 `b t h w`."""
        b, t, h, w = self.owner.shape
        maps = _carry(self.frames, self.frames[:, :1].expand_as(self.frames))
        first = self.owner[:, :1]
        source = _grid(self.owner).expand(b, t, h, w, 2).contiguous()
        visible = (self.owner == first).float()
        moving = (self.frames[:, :, 0] != self.frames[:, :1, 0]).flatten(1).any(1)
        pixels = ((self.owner > 0) | moving[:, None, None, None]).view(-1).nonzero().squeeze(1)
        there = _apply(maps, self.owner, pixels)
        inside = ((there >= 0) & (there < 1)).all(1)
        column, row = (there[:, 0] * w).long().clamp_(0, w - 1), (there[:, 1] * h).long().clamp_(0, h - 1)
        clip = pixels.div(t * h * w, rounding_mode="floor")
        was = self.owner.view(-1).index_select(0, (clip * (t * h) + row) * w + column)
        seen = inside & (was == self.owner.view(-1).index_select(0, pixels))
        source.view(-1, 2).index_copy_(0, pixels, there)
        visible.view(-1).index_copy_(0, pixels, seen.float())
        return source, visible

    def flow(self) -> Tensor:
        """How far each pixel's point moves until the next frame, fractions, `b t h w 2`; 0 in the last."""
        following = torch.cat([self.frames[:, 1:], self.frames[:, -1:]], 1)
        pixels = torch.arange(self.owner.numel(), device=self.owner.device)
        there = _apply(_carry(self.frames, following), self.owner, pixels).view(*self.owner.shape, 2)
        flow = there - _grid(self.owner)
        flow[:, -1] = 0
        return flow

    def depth(self) -> Tensor:
        """0 for the background, then the order of painting up to 1 for the nearest layer, `b t h w`."""
        return self.owner / max(len(self.things) - 1, 1)

    def mask(self) -> Tensor:
        """Whose each pixel is, int64 `b t h w`: 0 background, 1 thing or person one, 2 thing two."""
        return self.things[self.owner]


def follow(source: Tensor, *, steps: int = 12) -> Tensor:
    """How far each pixel's point moves until the next frame, fractions, as `Stage.flow` has it.

    `source` `b t h w 2` says where each pixel was in frame 0, smoothly; its inverse is found by fixed-point
    iteration (Chen et al. 2008, "A simple fixed-point approach to invert a deformation field").
    """
    b, t, h, w, _ = source.shape
    grid = _grid(source[..., 0])
    wanted, following = source[:, :-1].flatten(0, 1), source[:, 1:].flatten(0, 1)
    drift = (following - grid).movedim(-1, 1)
    there = grid.expand_as(wanted)
    for _ in range(steps):
        moved = torch.nn.functional.grid_sample(
            drift, there * 2 - 1, padding_mode="border", align_corners=False
        )
        there = wanted - moved.movedim(1, -1)
    flow = torch.zeros_like(source)
    flow[:, :-1] = (there - grid).view(b, t - 1, h, w, 2)
    return flow


def _grid(like: Tensor) -> Tensor:
    """Middles of pixels as fractions, `h w 2`."""
    h, w = like.shape[-2:]
    rows = (torch.arange(h, device=like.device) + 0.5) / h
    columns = (torch.arange(w, device=like.device) + 0.5) / w
    return torch.stack(torch.broadcast_tensors(columns[None, :], rows[:, None]), -1)


def _carry(start: Tensor, end: Tensor) -> Tensor:
    """The affine maps that carry points along as frames `… 6` change, `… 6`: two rows of three."""
    x, y, cos, sin, wide, high = start.unbind(-1)
    x1, y1, cos1, sin1, wide1, high1 = end.unbind(-1)
    p, q = wide1 / wide, high1 / high
    xx, xy = cos1 * p * cos + sin1 * q * sin, cos1 * p * sin - sin1 * q * cos
    yx, yy = sin1 * p * cos - cos1 * q * sin, sin1 * p * sin + cos1 * q * cos
    return torch.stack([xx, xy, x1 - xx * x - xy * y, yx, yy, y1 - yx * x - yy * y], -1)


def _apply(maps: Tensor, owner: Tensor, pixels: Tensor) -> Tensor:
    """Carry pixels (indices into `b·t·h·w`) by their layers' maps `b t LAYERS+1 6`, `m 2`."""
    h, w = owner.shape[-2:]
    levels = maps.shape[2]
    place = pixels.div(h * w, rounding_mode="floor")
    row = place * levels + owner.view(-1).index_select(0, pixels)
    xx, xy, x0, yx, yy, y0 = maps.reshape(-1, 6).index_select(0, row).unbind(1)
    inside = pixels - place * (h * w)
    down = inside.div(w, rounding_mode="floor")
    x, y = (inside - down * w + 0.5) / w, (down + 0.5) / h
    return torch.stack([xx * x + xy * y + x0, yx * x + yy * y + y0], 1)
