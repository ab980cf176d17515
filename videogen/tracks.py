"""Tracks: where things are, how large, how turned, their outlines; and how they are drawn for the network.

A clip holds up to `THINGS` things, in the order in which a sentence names them; the first is in front. The
world knows the true tracks, the motion planner makes them from words, a user may give them as a path; all
three are drawn by the same lines of code, on any device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

THINGS = 2
OUTLINE = 32
"""Radii of an outline, at equal angles; a hole's radius follows them."""
_FRAMES_AT_ONCE = 64


@dataclass(frozen=True)
class Tracks:
    """What moves where in `b` clips of `t` frames.

    `state` `b t THINGS 5`: x and y of the middle as fractions of the picture, half extent as one of its
    shorter side, the angle in radians (clockwise on the picture), and confidence (0 = no such thing).
    `outline` `b THINGS OUTLINE+1`: the outline's radius over the half extent at equal angles from the
    thing's own x axis, clockwise, then the radius of a hole. `camera` `b t 3`: where the middle of the scene
    has moved to, as fractions of the picture, and the logarithm of the zoom; zero is a camera at rest.
    """

    state: Tensor
    outline: Tensor
    camera: Tensor

    @classmethod
    def none(cls, b: int, t: int, *, device: torch.device | str = "cpu") -> Tracks:
        """Tracks of clips without things, seen by a camera at rest."""
        return cls(
            state=torch.zeros(b, t, THINGS, 5, device=device),
            outline=torch.zeros(b, THINGS, OUTLINE + 1, device=device),
            camera=torch.zeros(b, t, 3, device=device),
        )

    def rows(self, clips: slice, *, frames: slice = slice(None)) -> Tracks:
        """Some of the clips, and some of their frames."""
        return Tracks(self.state[clips, frames], self.outline[clips], self.camera[clips, frames])


def joined(stretches: Sequence[Tracks]) -> Tracks:
    """Tracks one after the other, with the outlines of the first."""
    return Tracks(
        state=torch.cat([tracks.state for tracks in stretches], 1),
        outline=stretches[0].outline,
        camera=torch.cat([tracks.camera for tracks in stretches], 1),
    )


def draw_tracks(tracks: Tracks, *, height: int, width: int, threshold: float = 0.3) -> Tensor:
    """Draw tracks as maps 0…1, `b 3 t h w`, on black.

    Red is the silhouette of the first thing, green of the second where the first does not hide it, blue
    rises from the top of each thing to its bottom, along its own axis; where the camera moves, blue also
    holds a lattice of dots that moves with the scene. Things below `threshold` of confidence are left out.
    """
    moving, length = bool((tracks.camera != 0).any()), tracks.state.shape[1]
    drawn = [
        _draw(
            tracks.rows(slice(None), frames=slice(start, start + _FRAMES_AT_ONCE)),
            height=height, width=width, threshold=threshold, lattice=moving,
        )
        for start in range(0, length, _FRAMES_AT_ONCE)
    ]  # fmt: skip
    return drawn[0] if len(drawn) == 1 else torch.cat(drawn, 2)


def _draw(tracks: Tracks, *, height: int, width: int, threshold: float, lattice: bool) -> Tensor:
    """A few frames of `draw_tracks`."""
    state, outline = tracks.state, tracks.outline
    b, t = state.shape[:2]
    rows = (torch.arange(height, device=state.device) + 0.5) / height
    columns = (torch.arange(width, device=state.device) + 0.5) / width
    red, slope_one = _draw_thing(state[:, :, 0], outline[:, 0], rows, columns, threshold=threshold)
    green, slope_two = _draw_thing(state[:, :, 1], outline[:, 1], rows, columns, threshold=threshold)
    green = green * (1 - red)
    blue = red * slope_one + green * slope_two
    if lattice:
        free = (1 - red) * (1 - green)
        blue = blue + free * _draw_lattice(tracks.camera.reshape(b * t, 3), rows, columns)
    return torch.stack([red, green, blue], 1).view(b, t, 3, height, width).transpose(1, 2)


def _draw_thing(
    state: Tensor, outline: Tensor, rows: Tensor, columns: Tensor, *, threshold: float
) -> tuple[Tensor, Tensor]:
    """One thing's silhouette and its slope from 0.3 at the top to 1 at the bottom, each `(b t) h w`."""
    b, t = state.shape[:2]
    x, y, size, angle, confidence = (value.reshape(b * t, 1, 1) for value in state.unbind(-1))
    size = size.clamp_min(1e-3)
    u, v = own_frame(rows, columns, x=x, y=y, size=size, angle=angle)
    turn = torch.remainder(torch.atan2(v, u) / (2 * math.pi), 1.0) * OUTLINE
    first = turn.long().clamp_max(OUTLINE - 1)
    radii = outline.repeat_interleave(t, 0)
    flat = torch.cat([radii[:, :OUTLINE], radii[:, :1]], 1)
    low = flat.gather(1, first.flatten(1)).view_as(turn)
    high = flat.gather(1, first.flatten(1) + 1).view_as(turn)
    radius = torch.lerp(low, high, turn - first)
    distance = torch.hypot(u, v)
    hole = radii[:, OUTLINE].view(-1, 1, 1)
    pixels = size * min(len(rows), len(columns))
    alpha = ((radius - distance) * pixels + 0.5).clamp(0, 1)
    alpha = alpha * torch.where(hole > 0.1, ((distance - hole) * pixels + 0.5).clamp(0, 1), 1.0)
    alpha = alpha * (confidence >= threshold)
    return alpha, 0.65 + 0.35 * v.clamp(-1, 1)


def own_frame(
    rows: Tensor, columns: Tensor, *, x: Tensor, y: Tensor, size: Tensor, angle: Tensor
) -> tuple[Tensor, Tensor]:
    """Where `rows` and `columns` of a picture, fractions of it, lie in a thing's own frame, in half extents.

    The others are the thing's states, `n 1 1`; there come two of `n rows columns`.
    """
    shorter = min(len(rows), len(columns))
    dx = (columns[None, None, :] - x) * (len(columns) / shorter)
    dy = (rows[None, :, None] - y) * (len(rows) / shorter)
    return (angle.cos() * dx + angle.sin() * dy) / size, (angle.cos() * dy - angle.sin() * dx) / size


def _draw_lattice(camera: Tensor, rows: Tensor, columns: Tensor, *, spacing: float = 0.2) -> Tensor:
    """Dots fixed to the scene, faint, `(b t) h w`; nothing where the camera is at rest."""
    dx, dy, zoom = (value[:, None] for value in camera.unbind(-1))
    across = ((columns[None] - 0.5 - dx) / zoom.exp()) / spacing
    down = ((rows[None] - 0.5 - dy) / zoom.exp()) / spacing
    near = torch.hypot((across - across.round())[:, None, :], (down - down.round())[:, :, None])
    moved = (camera != 0).any(-1)[:, None, None]
    return ((0.2 - near) * 10).clamp(0, 1) * 0.3 * moved
