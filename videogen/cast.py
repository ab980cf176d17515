"""The things of a clip as its cast: each drawn once from near, then laid along its track over every frame.

A network that draws small pictures has few latents for a small thing, and rounds its points and closes its
holes. From near it draws the same thing well. What it drew in the whole clip stays for the place, the light
and the shadows; where it had drawn the thing itself, the ground is filled in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from videogen.conditions.layers import spread
from videogen.conditions.uncovered import ground_of
from videogen.tracks import OUTLINE, Tracks, own_frame

RADIUS = 0.4
"""The half extent of a thing that is drawn from near, as a fraction of the picture."""
_RIM = 3 / 64
"""How far around a thing the whole clip is not trusted, over the picture's shorter side."""
_FINEST = 4
"""Samples across a pixel, at most."""
_SMALLEST = 1e-3
_BETWEEN = 3
"""Points of an outline on either side whose radius counts for what a thing covers."""
_MOMENTS = 32
"""Frames of a piece, at most, in which the ground is looked for."""


def near(outline: Tensor, *, length: int) -> Tracks:
    """The tracks of one thing with this outline, `OUTLINE+1`, at rest in the middle and near."""
    tracks = Tracks.none(1, length)
    tracks.state[:, :, 0] = torch.tensor([0.5, 0.5, RADIUS, 0.0, 1.0])
    tracks.outline[:, 0] = outline
    return tracks


def cut_out(pictures: Tensor, outline: Tensor) -> Tensor:
    """What a thing looks like, `4 n n`, from pictures of it from near, −1…1 `t 3 n n`.

    The first three are its colours, the median over the pictures, times its opacity, which is the fourth.
    """
    side = pictures.shape[-1]
    across = ((torch.arange(side) + 0.5) / side - 0.5) / RADIUS
    opacity = _opacity(across[None, :], across[:, None], outline, sharpness=RADIUS * side)[None]
    return torch.cat([pictures.cpu().float().median(0).values * opacity, opacity])


def _opacity(u: Tensor, v: Tensor, outline: Tensor, *, sharpness: float) -> Tensor:
    """0…1 at points of a thing's own frame, in half extents: inside the polygon through its outline's points.

    The edge is as wide as `1 / sharpness`.
    """
    turn = torch.remainder(torch.atan2(v, u) / (2 * math.pi), 1.0) * OUTLINE
    first = turn.long().clamp_max(OUTLINE - 1)
    radii = torch.cat([outline[:OUTLINE], outline[:1]])
    low, high, step = radii[first], radii[first + 1], 2 * math.pi / OUTLINE
    angle = (turn - first) * step
    chord = low * high * math.sin(step) / (low * angle.sin() + high * (step - angle).sin()).clamp_min(1e-6)
    distance = torch.hypot(u, v)
    opacity = ((chord - distance) * sharpness + 0.5).clamp(0, 1)
    hole = float(outline[OUTLINE])
    return opacity if hole <= 0.1 else opacity * ((distance - hole) * sharpness + 0.5).clamp(0, 1)


@dataclass(frozen=True)
class Cast:
    """What each thing of a clip looks like, and their tracks, a batch of one.

    `looks` `k 4 n n` of each, as `cut_out` makes them, of which frames show the `shares` `t k`; None stands
    for a thing that is not there. The first thing lies in front.
    """

    looks: tuple[Tensor | None, ...]
    shares: Tensor
    tracks: Tracks

    def over(self, drawn: Tensor, *, begin: int) -> Tensor:
        """Frames −1…1 `t 3 h w`, number `begin` and on of the clip, with the things laid over them."""
        drawn, frames = drawn.cpu().float(), slice(begin, begin + len(drawn))
        height, width = drawn.shape[-2:]
        things, covered = [], torch.zeros_like(drawn[:, :1])
        for number, look in enumerate(self.looks):
            if look is not None:
                state, outline = self.tracks.state[0, frames, number], self.tracks.outline[0, number]
                seen = torch.einsum("tk,kchw->tchw", self.shares[frames], look)
                things.append(placed(seen, state, height=height, width=width))
                hides = [_around(one, outline, height=height, width=width) for one in state.split(1)]
                covered = torch.maximum(covered, torch.cat(hides))
        reach = max(1, round(_RIM * min(height, width)))
        covered = (F.max_pool2d(covered, 2 * reach + 1, stride=1, padding=reach) > 0).float()
        shown = self._ground(drawn, covered, moves=bool((self.tracks.camera[0, frames] != 0).any()))
        for thing in reversed(things):
            shown = shown * (1 - thing[:, 3:]) + thing[:, :3]
        return shown

    @staticmethod
    def _ground(drawn: Tensor, covered: Tensor, *, moves: bool) -> Tensor:
        """Frames with what is `covered` filled in: as it is seen at other times, brought to what is around.

        Where the camera `moves`, other times show other places.
        """
        free = 1 - covered
        if moves:
            return torch.where(covered > 0, spread(drawn, free), drawn)
        some = slice(None, None, -(-len(drawn) // _MOMENTS))
        pictures, seen = drawn[some].permute(0, 2, 3, 1).numpy(), free[some, 0].numpy() > 0
        ground, known = ground_of(pictures, seen)
        behind = torch.from_numpy(np.moveaxis(ground, -1, 0)).float()[None]
        behind = spread(behind, torch.from_numpy(known).float()[None, None])
        return torch.where(covered > 0, behind + spread(drawn - behind, free), drawn)


def placed(looks: Tensor, state: Tensor, *, height: int, width: int) -> Tensor:
    """A thing that looks like `looks` `t 4 n n` as it is seen at each `state` `t 5` of its track.

    It is `t 4 height width`, colours times opacity and that.
    """
    smallest = state[:, 2].amin().clamp_min(_SMALLEST) * min(height, width)
    fine = int((RADIUS * looks.shape[-1] / smallest).ceil().clamp(2, _FINEST))
    frames = []
    for look, one in zip(looks.split(1), state.split(1), strict=True):
        grid = torch.stack(_seen_from(one, height=height * fine, width=width * fine), -1) * (2 * RADIUS)
        frames.append(F.avg_pool2d(F.grid_sample(look, grid, align_corners=False), fine))
    return torch.cat(frames)


def _around(state: Tensor, outline: Tensor, *, height: int, width: int) -> Tensor:
    """What a thing covers at each `state`, `t 1 height width`, its hole too, and what is between points."""
    radii = outline[:OUTLINE]
    wide = F.max_pool1d(torch.cat([radii[-_BETWEEN:], radii, radii[:_BETWEEN]])[None], 2 * _BETWEEN + 1, 1)[0]
    u, v = _seen_from(state, height=height, width=width)
    return _opacity(u, v, F.pad(wide, (0, 1)), sharpness=float(max(height, width)))[:, None]


def _seen_from(state: Tensor, *, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Where the pixels of a picture lie in a thing's own frame at each `state`, two of `t height width`."""
    x, y, size, angle, _ = (value[:, None, None] for value in state.unbind(-1))
    rows, columns = ((torch.arange(count) + 0.5) / count for count in (height, width))
    return own_frame(rows, columns, x=x, y=y, size=size.clamp_min(_SMALLEST), angle=angle)
