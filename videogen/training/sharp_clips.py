"""Sharp moving clips to learn upscaling from: planes under a camera that moves by fractions of a pixel.

Every clip is drawn at twice its size and made smaller by area means, as cameras do; over half have a second
plane in front, cut to a shape, that moves on its own. Colours and light are varied. Clip and motion follow
from a generator alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from videogen.training.sharp_planes import FRAMES

Film = Callable[[Tensor, torch.Generator], Tensor]
_STILL = 0.2
"""The share of planes that stand still, as most of a room does behind someone who talks."""
_SLOW, _FAST = 0.05, 9.0
"""Pixels that a plane moves from frame to frame, from and to, spread evenly by ratio."""


@torch.no_grad()
def draw_clip(
    planes: Sequence[Tensor], generator: torch.Generator, *, size: int, film: Film | None = None
) -> Tensor:
    """A clip of `FRAMES` frames, 0…1, `t 3 size size`; `film` may harm it before it is made smaller."""
    shape = 2 * size
    video = _move(_pick(planes, generator), generator, shape)
    if _roll(generator) < 0.6:
        front, mask = _move(_pick(planes, generator), generator, shape), _cut(generator, shape)
        video = torch.lerp(video, front, mask)
    if film is not None:
        video = film(video, generator)
    video = F.avg_pool2d(video, 2)
    return _relight(video, generator)


def _pick(planes: Sequence[Tensor], generator: torch.Generator) -> Tensor:
    return planes[int(torch.randint(len(planes), (1,), generator=generator))]


def _roll(generator: torch.Generator, low: float = 0.0, high: float = 1.0) -> float:
    return low + (high - low) * float(torch.rand(1, generator=generator))


def _speed(generator: torch.Generator) -> tuple[float, float]:
    """Pixels per frame of the drawn size, right and down; or none."""
    fast, turn = math.log(_SLOW), math.log(_FAST)
    speed = 2 * math.exp(_roll(generator, fast, turn)) * (_roll(generator) > _STILL)
    angle = _roll(generator, 0, 2 * math.pi)
    return speed * math.cos(angle), speed * math.sin(angle)


def _move(plane: Tensor, generator: torch.Generator, shape: int) -> Tensor:
    """A plane `3 t h w` under the camera, `FRAMES 3 shape shape`, 0…1."""
    _, t, h, w = plane.shape
    right, down = _speed(generator)
    turn = round(_roll(generator, 0, 3)) * math.pi / 2 + _roll(generator, -0.2, 0.2) * (
        _roll(generator) < 0.6
    )
    if _roll(generator) < 0.1:
        turn = _roll(generator, 0, 2 * math.pi)
    zoom = math.exp(_roll(generator, math.log(0.5), math.log(1.4)))
    moves = float(right != 0 or down != 0)
    spin, grow = (moves * _roll(generator, -1, 1) ** 3 * most for most in (0.04, 0.03))
    middle_x, middle_y = _roll(generator, 0.2, 0.8) * w, _roll(generator, 0.2, 0.8) * h
    grid = torch.arange(shape) - (shape - 1) / 2
    y, x = grid[:, None], grid[None]
    if _roll(generator) < 0.3:  # what bends
        waves, phase = _roll(generator, 1, 3) * 2 * math.pi / shape, _roll(generator, 0, 6.3)
        bend = moves * _roll(generator, 0, 1.5) * torch.sin(waves * (x + y) + phase)
    else:
        bend = torch.zeros(1, 1)
    where = []
    for time in range(FRAMES):
        cos, sin = (f(turn + spin * time) * zoom * math.exp(grow * time) for f in (math.cos, math.sin))
        u, v = x + right * time + bend * time, y + down * time - bend * time
        across, along = middle_x + cos * u - sin * v, middle_y + sin * u + cos * v
        where.append(torch.stack([(across + 0.5) * 2 / w - 1, (along + 0.5) * 2 / h - 1], -1))
    grids = torch.stack(where)
    own = _near(plane, grids, h, w)
    if t == 1:
        tall = F.grid_sample(
            own[0], own[1].flatten(0, 1)[None], padding_mode="reflection", align_corners=False
        )
        video = tall.view(3, FRAMES, shape, shape).transpose(0, 1)
    else:
        video = F.grid_sample(own[0], own[1], padding_mode="reflection", align_corners=False)
    return video.flip(-1) if _roll(generator) < 0.5 else video


def _near(plane: Tensor, grids: Tensor, h: int, w: int) -> tuple[Tensor, Tensor]:
    """The plane's part that the grids read, as `t 3 h w` floats, and the grids in its own terms.

    Where they go beyond its border, all of it.
    """
    low, high = grids.amin((0, 1, 2)), grids.amax((0, 1, 2))
    if float(low.min()) < -1 or float(high.max()) > 1:
        return plane.transpose(0, 1).float() / 255, grids
    left, top = int((float(low[0]) + 1) * w / 2) - 1, int((float(low[1]) + 1) * h / 2) - 1
    right, bottom = int((float(high[0]) + 1) * w / 2) + 2, int((float(high[1]) + 1) * h / 2) + 2
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, w), min(bottom, h)
    part = plane[:, :, top:bottom, left:right].transpose(0, 1).float() / 255
    x = ((grids[..., 0] + 1) * w / 2 - left) * 2 / (right - left) - 1
    y = ((grids[..., 1] + 1) * h / 2 - top) * 2 / (bottom - top) - 1
    return part, torch.stack([x, y], -1)


def _cut(generator: torch.Generator, shape: int) -> Tensor:
    """Where the plane in front is, 0…1, `FRAMES 1 shape shape`: an edge of waves or a star, moving."""
    right, down = _speed(generator)
    grid = (torch.arange(shape) - (shape - 1) / 2) / shape
    x0, y0 = _roll(generator, -0.4, 0.4), _roll(generator, -0.4, 0.4)
    radius, lobes = _roll(generator, 0.12, 0.6), int(_roll(generator, 2, 7))
    ragged, phase, flat = (
        _roll(generator, 0, 0.35),
        _roll(generator, 0, 6.3),
        math.exp(_roll(generator, -0.8, 0.8)),
    )
    masks = []
    for time in range(FRAMES):
        x, y = grid[None] - x0 - right * time / shape, (grid[:, None] - y0 - down * time / shape) * flat
        edge = radius * (1 + ragged * torch.sin(lobes * torch.atan2(y, x) + phase))
        masks.append(((edge - torch.hypot(x, y)) * shape + 0.5).clamp(0, 1))
    return torch.stack(masks)[:, None]


def _relight(video: Tensor, generator: torch.Generator) -> Tensor:
    """Other contrast, tint, order of colours; now and then grey or negative."""
    order = torch.randperm(3, generator=generator)
    video = video[:, order]
    if _roll(generator) < 0.15:
        video = 1 - video
    grey = video.mean(1, keepdim=True)
    video = torch.lerp(grey, video, _roll(generator, 0.0, 1.3)).clamp(1e-4, 1)
    video = video ** math.exp(_roll(generator, -0.35, 0.35))
    low, high = _roll(generator, -0.05, 0.25), _roll(generator, 0.6, 1.05)
    tint = 1 + 0.1 * (2 * torch.rand(3, generator=generator) - 1)
    return ((low + (high - low) * video) * tint[:, None, None]).clamp(0, 1)
