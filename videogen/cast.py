"""The things of a clip as its cast: each drawn once from near, then laid along its track over every frame.

A network that draws small pictures has few latents for a small thing, and rounds its points and closes its
holes. From near it draws the same thing well. What it drew in the whole clip stays for the place, the light
and the shadows; where it had drawn the thing itself, the ground is filled in.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
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


@dataclass(frozen=True)
class Look:
    """What a thing looks like: `colours` from near, −1…1 `3 n n`, and its `outline`, `OUTLINE+1`."""

    colours: Tensor
    outline: Tensor

    @classmethod
    def of(cls, pictures: Tensor, outline: Tensor) -> Look:
        """The median of pictures of a thing from near, −1…1 `t 3 n n`."""
        return cls(pictures.cpu().float().median(0).values, outline)


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

    Frames show the `shares` `t k` of the `looks` of each thing, `k` of them; none stands for a thing that is
    not there. The first thing lies in front.
    """

    looks: tuple[tuple[Look, ...], ...]
    shares: Tensor
    tracks: Tracks

    def over(self, drawn: Tensor, *, begin: int) -> Iterator[Tensor]:
        """Yield the frames −1…1 `t 3 h w`, number `begin` and on of the clip, with things laid over them."""
        frames = range(begin, begin + len(drawn))
        height, width = drawn.shape[-2:]
        covered = torch.stack([self._covered(number, height=height, width=width) for number in frames])
        path = self.tracks.camera[0, begin : begin + len(drawn)]
        behind = None if bool((path != path[:1]).any()) else _ground(drawn, covered)
        for number, picture, hidden in zip(frames, drawn, covered, strict=True):
            free = (~hidden).float()[None, None]
            if behind is None:
                filled = spread(picture[None], free)[0]
            else:
                filled = behind + spread((picture - behind)[None], free)[0]
            shown = torch.where(hidden, filled, picture)
            for thing in reversed(range(len(self.looks))):
                if self.looks[thing]:
                    seen = self._seen(thing, number, height=height, width=width)
                    shown = shown * (1 - seen[3:]) + seen[:3]
            yield shown.clamp(-1, 1)

    def _seen(self, thing: int, number: int, *, height: int, width: int) -> Tensor:
        """A thing in a frame, `4 height width`: what is seen of its looks, each by its share."""
        state, shares = self.tracks.state[0, number, thing], self.shares[number].tolist()
        pairs = zip(self.looks[thing], shares, strict=True)
        parts = [share * placed(look, state, height=height, width=width) for look, share in pairs if share]
        return torch.stack(parts).sum(0)

    def _covered(self, number: int, *, height: int, width: int) -> Tensor:
        """Where a frame is not trusted: around things, in their holes and between their points, `h w`."""
        hidden = torch.zeros(1, height, width)
        for thing, looks in enumerate(self.looks):
            for look in looks:
                u, v = _seen_from(self.tracks.state[0, number, thing], height=height, width=width)
                hull = _hull(look.outline)
                hidden = torch.maximum(hidden, _opacity(u, v, hull, sharpness=float(max(height, width))))
        reach = max(1, round(_RIM * min(height, width)))
        return F.max_pool2d(hidden[None], 2 * reach + 1, stride=1, padding=reach)[0, 0] > 0


def placed(look: Look, state: Tensor, *, height: int, width: int) -> Tensor:
    """A thing as it is seen at a `state` `5`, `4 height width`: colours times opacity, and the opacity."""
    side, pixels = RADIUS * look.colours.shape[-1], float(state[2].clamp_min(_SMALLEST)) * min(height, width)
    fine = min(max(math.ceil(side / pixels), 1), _FINEST)
    u, v = _seen_from(state, height=height * fine, width=width * fine)
    inside = 2 * RADIUS * (1 - 1 / side)  # a pixel within the edge, where no wall is mixed in
    grid = torch.stack([u, v], -1) * inside
    colours = F.grid_sample(look.colours[None], grid, padding_mode="border", align_corners=False)
    opacity = _opacity(u, v, look.outline, sharpness=pixels * fine)[:, None]
    return F.avg_pool2d(torch.cat([colours * opacity, opacity], 1), fine)[0]


def _ground(drawn: Tensor, covered: Tensor) -> Tensor:
    """What is seen of the ground in some frame, `3 h w`, and beside that where it never is.

    `drawn` are frames `t 3 h w`, `covered` says where it is not, `t h w`.
    """
    some = slice(None, None, -(-len(drawn) // _MOMENTS))
    ground, known = ground_of(drawn[some].permute(0, 2, 3, 1).numpy(), ~covered[some].numpy())
    behind = torch.from_numpy(np.moveaxis(ground, -1, 0)).float()[None]
    return spread(behind, torch.from_numpy(known).float()[None, None])[0]


def _hull(outline: Tensor) -> Tensor:
    """An outline without a hole that goes round its points as far out as they reach."""
    radii = outline[:OUTLINE]
    wide = F.max_pool1d(torch.cat([radii[-_BETWEEN:], radii, radii[:_BETWEEN]])[None], 2 * _BETWEEN + 1, 1)[0]
    return F.pad(wide, (0, 1))


def _seen_from(state: Tensor, *, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Where the pixels of a picture lie in a thing's own frame at a `state` `5`, two of `1 height width`."""
    x, y, size, angle, _ = state[:, None, None, None]
    rows, columns = ((torch.arange(count) + 0.5) / count for count in (height, width))
    return own_frame(rows, columns, x=x, y=y, size=size.clamp_min(_SMALLEST), angle=angle)
