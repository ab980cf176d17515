"""How the picture is taken: a camera at rest, panning, zooming or shaking, before things and scene alike.

A camera is `b t 3` as in `videogen.tracks`: where the middle of the scene has moved to, and the logarithm
of the zoom. All that is in the scene is moved by the same map, so motion stays exact.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from videogen.tracks import Tracks
from videogen.world.dice import Dice
from videogen.world.painter import Layer
from videogen.world.scene import draw_scene

CAMERAS = ("still", "left", "right", "in", "out", "shake")

_MARGIN = 0.25
"""How far a scene goes on beyond each side of the picture, as a fraction of it."""
_FINE = 1.25
"""A scene is drawn this much finer where the camera may come closer."""


def choose_camera(dice: Dice, *, moving: float) -> Tensor:
    """An index into `CAMERAS` for each clip, `b`; a share `moving` of the cameras moves."""
    moves, kind = dice.chance(moving), 1 + dice.choice(len(CAMERAS) - 1)
    return torch.where(moves, kind, torch.zeros_like(kind))


def move_camera(camera: Tensor, time: Tensor, dice: Dice, *, crossing: Tensor) -> Tensor:
    """Where cameras are, `b t 3`; `camera` indexes `CAMERAS`, `time` is seconds `b t`, `crossing` `b`.

    A camera that pans left moves the scene to the right.
    """
    progress = (time / crossing[:, None]).clamp(0, 1)
    amount, phase, other = dice.uniform(0.85, 1.0)[:, None], dice.phase()[:, None], dice.phase()[:, None]
    pan = (progress - 0.5) * 0.4 * amount
    zoom = progress * 0.36 * amount
    w = 2 * math.pi * time
    x = 0.018 * ((2.3 * w + phase).sin() + (3.7 * w + other).sin())
    y = 0.018 * ((2.7 * w + other).sin() + (3.1 * w + phase).sin())
    zero = torch.zeros_like(time)
    still = torch.stack([zero, zero, zero], -1)
    options = [
        still,
        torch.stack([pan, zero, zero], -1),
        torch.stack([-pan, zero, zero], -1),
        torch.stack([zero, zero, zoom], -1),
        torch.stack([zero, zero, -zoom * 0.8], -1),
        torch.stack([x * amount, y * amount, zero], -1),
    ]
    return torch.stack(options, 1)[torch.arange(len(camera), device=camera.device), camera]


def see_places(places: Tensor, camera: Tensor) -> Tensor:
    """Places in the scene `b t … 2` as the camera sees them."""
    shape = (*camera.shape[:2], *[1] * (places.dim() - 3))
    zoom = camera[..., 2].exp().view(*shape, 1)
    return 0.5 + camera[..., :2].view(*shape, 2) + zoom * (places - 0.5)


def see_layers(layers: list[Layer], camera: Tensor) -> list[Layer]:
    """Layers as the camera sees them."""
    zoom = camera[..., 2:].exp()
    return [replace(one, centre=see_places(one.centre, camera), size=one.size * zoom) for one in layers]


def see_tracks(tracks: Tracks, camera: Tensor) -> Tracks:
    """Tracks as the camera sees them, with its motion."""
    places = see_places(tracks.state[..., :2], camera)
    size = tracks.state[..., 2:3] * camera[..., 2].exp()[..., None, None]
    state = torch.cat([places, size, tracks.state[..., 3:]], -1)
    there = tracks.state[..., 4:] > 0
    return Tracks(torch.where(there, state, torch.zeros_like(state)), tracks.outline, camera)


def film_scene(scene: Tensor, dice: Dice, camera: Tensor, *, size: int) -> Tensor:
    """The scene as a camera sees it, 0…1: `b 3 size size` where all are at rest, else `b t 3 size size`."""
    picture = draw_scene(scene, dice.fork(), size=size)
    moving = (camera != 0).flatten(1).any(1).nonzero().squeeze(1)
    if not len(moving):
        return picture
    t = camera.shape[1]
    wide = draw_scene(scene[moving], dice.fork().only(moving), size=round(size * _FINE), margin=_MARGIN)
    axis = (torch.arange(size, device=camera.device) + 0.5) / size
    dx, dy, zoom = (value[..., None] for value in camera[moving].flatten(0, 1).unbind(-1))
    x = (axis - 0.5 - dx) / zoom.exp() / (0.5 + _MARGIN)
    y = (axis - 0.5 - dy) / zoom.exp() / (0.5 + _MARGIN)
    grid = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), -1)
    seen = torch.nn.functional.grid_sample(
        wide.repeat_interleave(t, 0), grid, padding_mode="border", align_corners=False
    )
    film = picture[:, None].repeat(1, t, 1, 1, 1)
    film[moving] = seen.view(-1, t, *seen.shape[1:])
    return film
