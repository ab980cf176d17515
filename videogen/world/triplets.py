"""Three moments of a moving scene, for learning what happens between two frames: pictures and true motion.

A collage is a plane behind cut-out shapes of photographs and textures. Each moves by itself (shift, turn,
growth, with some acceleration) and with the camera, by up to a quarter of the frame; where every point of
the middle picture lies in the other two is exact. `film` takes the moments from clips of the world.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from videogen.world.clips import render_clips
from videogen.world.dice import Dice
from videogen.world.pictures import draw_planes

_PLANE = 256
_PHOTOGRAPHS = 0.5
_LAYERS = 4
_LARGEST = 0.25
"""How far something moves between the outer moments at most, of the frame's side."""
_WAVES = 5
_SHUTTER = (-0.5, 0.0, 0.5)


@dataclass(frozen=True)
class Triplets:
    """Frames `first`, `second` and what lies between at `time` (`b`, 0…1), 0…1 `b 3 h w` each.

    `flows` are where points of the middle lie in the first and in the second, in pixels, x and y of each,
    `b 4 h w`; None where that is not known.
    """

    first: Tensor
    second: Tensor
    middle: Tensor
    time: Tensor
    flows: Tensor | None


@torch.no_grad()
def draw_album(number: int, *, count: int = 256, seed: int = 0, held_out: bool = False) -> Tensor:
    """Album `number`: pictures to move and the shapes to cut them by, 0…1 `count 4 256 256`."""
    dice = Dice(torch.arange(number * count, (number + 1) * count), seed=seed * 2 + held_out)
    planes = draw_planes(dice, size=_PLANE, held_out=held_out, photographs=_PHOTOGRAPHS)
    return torch.cat([planes, _shapes(dice.fork())[:, None]], 1)


def _shapes(dice: Dice) -> Tensor:
    """Closed curves about the middle, from ellipses to stars and blots, 0…1 `b s s`."""
    grid = (torch.arange(_PLANE) + 0.5) / _PLANE * 2 - 1
    slim = dice.uniform(0.25, 1.0)[:, None, None]
    x, y = grid[None, None, :], grid[None, :, None] / slim
    radius, angle = torch.hypot(x, y), torch.atan2(y, x)
    edge = dice.uniform(0.6, 0.9)[:, None, None].expand_as(radius)
    rough = dice.uniform(0.0, 0.25)[:, None, None]
    for wave in range(1, _WAVES + 1):
        height, phase = dice.uniform(0, 1)[:, None, None], dice.phase()[:, None, None]
        edge = edge - rough * height / wave**0.5 * (1 + torch.cos(wave * angle + phase)) / 2
    hole = dice.chance(0.15)[:, None, None] & (radius < edge * 0.55)
    inside = ((edge - radius) * slim * (_PLANE / 2) + 0.5).clamp(0, 1)
    return torch.where(hole, 0.0, inside)


@torch.no_grad()
def draw_triplets(
    album: Tensor, indices: Tensor, *, size: int, seed: int = 0, large: bool = False
) -> Triplets:
    """Collages with these indices (int64 `b`) of the pictures of an album; `large`: nothing moves little."""
    dice = Dice(indices, seed=seed)
    time = torch.where(dice.chance(0.5), torch.full((len(indices),), 0.5), dice.uniform(0.08, 0.92))
    camera = _Path.draw(dice, size=size, large=large, still=0.0 if large else 0.3)
    layers = [
        _Layer.draw(dice, album, size=size, camera=camera, large=large, level=n) for n in range(_LAYERS)
    ]
    moments = torch.stack([-time, torch.zeros_like(time), 1 - time], 1)
    blurred, shutter = dice.chance(0.25), dice.uniform(0.2, 0.8)
    frames, owner = _paint(layers, moments, size=size)
    if blurred.any():  # the shutter of these is open for a part of the way
        rows = blurred.nonzero().squeeze(1)
        chosen = [layer.only(rows) for layer in layers]
        shots = [_paint(chosen, moments[rows] + shutter[rows, None] * at, size=size)[0] for at in _SHUTTER]
        frames[rows] = torch.stack(shots).mean(0)
    frames = _softened(frames, dice)
    flows = _flows(layers, owner, moments, size=size)
    first, middle, second = frames.unbind(1)
    return Triplets(first, second, middle, time, flows)


@torch.no_grad()
def film(kind: str, indices: Tensor, *, size: int, seed: int = 0, held_out: bool = False) -> Triplets:
    """Moments of clips of the world of one kind; their motion is not told."""
    clips = render_clips(kind, indices, size=size, num_frames=5, seed=seed, held_out=held_out)
    video = (clips.video / 2 + 0.5).clamp(0, 1)
    dice = Dice(indices, seed=seed + 77)
    choices = torch.tensor([[0, 1, 2], [0, 2, 4], [0, 1, 4], [0, 3, 4], [0, 1, 3], [1, 3, 4]])
    chosen = choices[dice.choice(len(choices))]
    rows = torch.arange(len(indices))
    first, middle, second = (video[rows, :, each] for each in chosen.unbind(1))
    early, now, late = chosen.float().unbind(1)
    return Triplets(first, second, middle, (now - early) / (late - early), None)


@dataclass(frozen=True)
class _Path:
    """How something moves: shift in pixels, turn in radians and growth, over the whole way, all `b`."""

    shift: Tensor
    bend: Tensor
    turn: Tensor
    growth: Tensor

    @classmethod
    def draw(cls, dice: Dice, *, size: int, large: bool, still: float) -> _Path:
        least = -0.7 if large else -2.7
        amount = size * _LARGEST * 10 ** dice.uniform(least, 0.0) * (~dice.chance(still))
        way, side = dice.phase(), dice.phase()
        bend = amount * dice.uniform(0.0, 0.35) * dice.chance(0.5)
        turning = dice.chance(0.5) * (amount > 0) * amount / size
        return cls(
            torch.stack([way.cos(), way.sin()], 1) * amount[:, None],
            torch.stack([side.cos(), side.sin()], 1) * bend[:, None],
            turning * dice.uniform(-2.0, 2.0),
            turning * dice.uniform(-1.2, 1.2),
        )

    def at(self, moment: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Shift `b t 2`, turn and logarithm of growth `b t` at moments `b t` from the middle picture."""
        shift = self.shift[:, None] * moment[..., None] + self.bend[:, None] * moment[..., None] ** 2
        return shift, self.turn[:, None] * moment, self.growth[:, None] * moment

    def only(self, rows: Tensor) -> _Path:
        return _Path(self.shift[rows], self.bend[rows], self.turn[rows], self.growth[rows])


@dataclass(frozen=True)
class _Layer:
    """A picture with a shape, where it lies at the middle moment, and its own and the camera's path.

    `clips` are those that have it, `m`; all else is theirs. Level 0 fills the frame. `place` is the middle
    in pixels from that of the frame `m 2`, `scale` how many pixels half of the picture's side is `m`, `wave`
    a slow ripple that comes and goes with time `m 4`.
    """

    clips: Tensor
    pictures: Tensor
    place: Tensor
    scale: Tensor
    angle: Tensor
    path: _Path
    camera: _Path
    wave: Tensor
    level: int

    @classmethod
    def draw(cls, dice: Dice, album: Tensor, *, size: int, camera: _Path, large: bool, level: int) -> _Layer:
        clips = dice.chance((1.0, 0.9, 0.6, 0.4)[level]).nonzero().squeeze(1)
        dice, camera = dice.only(clips), camera.only(clips)
        which = dice.choice(len(album))
        pictures = album[which]
        turned = torch.where(dice.chance(0.5)[:, None, None, None], pictures.flip(-1), pictures)
        gain, lift = (
            dice.uniforms(3, 0.6, 1.2)[..., None, None],
            dice.uniforms(3, -0.15, 0.15)[..., None, None],
        )
        alpha = turned[:, 3:]
        if level == 0:
            alpha = torch.ones_like(alpha)
            scale = dice.uniform(0.75, 1.8) * size / 2 * 1.3
            place = dice.uniforms(2, -0.1, 0.1) * size
        else:
            scale = dice.uniform(0.12, 0.6) * size
            place = dice.uniforms(2, -0.42, 0.42) * size
        path = _Path.draw(dice, size=size, large=large, still=1.0 if level == 0 else 0.25)
        ripple = torch.where(dice.chance(0.4), dice.uniform(0.0, 0.03), torch.zeros(len(which)))
        wave = torch.cat([ripple[:, None], dice.uniforms(2, -5, 5), dice.phase()[:, None]], 1)
        colours = (turned[:, :3] * gain + lift).clamp(0, 1)
        return cls(
            clips, torch.cat([colours, alpha], 1), place, scale, dice.phase(), path, camera, wave, level
        )

    def only(self, clips: Tensor) -> _Layer:
        """The layer of some of the clips, numbered anew."""
        new, rows = (self.clips[None] == clips[:, None]).nonzero(as_tuple=True)
        return _Layer(
            new, self.pictures[rows], self.place[rows], self.scale[rows], self.angle[rows],
            self.path.only(rows), self.camera.only(rows), self.wave[rows], self.level,
        )  # fmt: skip

    def _frame(self, moment: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The middle `b t 2`, and cosine and sine of the turn times the half side `b t`, at moments `b t`."""
        shift, turn, growth = self.path.at(moment)
        seen_shift, seen_turn, seen_growth = self.camera.at(moment)
        zoom, cos, sin = seen_growth.exp(), seen_turn.cos(), seen_turn.sin()
        x, y = (self.place[:, None] + shift).unbind(-1)
        middle = torch.stack([cos * x - sin * y, sin * x + cos * y], -1) * zoom[..., None] + seen_shift
        angle, scale = (
            self.angle[:, None] + turn + seen_turn,
            self.scale[:, None] * (growth + seen_growth).exp(),
        )
        return middle, angle.cos() * scale, angle.sin() * scale

    def look(self, points: Tensor, moment: Tensor) -> Tensor:
        """Pixels from the frame's middle (`b t h w 2`) to places of the picture −1…1."""
        middle, cos, sin = (each[:, :, None, None] for each in self._frame(moment))
        x, y = (points - middle).unbind(-1)
        square = cos**2 + sin**2
        return self._rippled(
            torch.stack([cos * x + sin * y, cos * y - sin * x], -1) / square[..., None], moment
        )

    def show(self, places: Tensor, moment: Tensor) -> Tensor:
        """The inverse of `look`; the ripple is undone by iteration (Chen et al. 2008)."""
        plain = places
        for _ in range(4):
            plain = places - (self._rippled(plain, moment) - plain)
        middle, cos, sin = (each[:, :, None, None] for each in self._frame(moment))
        x, y = plain.unbind(-1)
        return torch.stack([cos * x - sin * y, sin * x + cos * y], -1) + middle

    def _rippled(self, places: Tensor, moment: Tensor) -> Tensor:
        height, kx, ky, phase = self.wave[:, :, None, None, None].unbind(1)
        x, y = places.unbind(-1)
        ripple = height * moment[..., None, None] * torch.sin(kx * x + ky * y + phase)
        return places + ripple[..., None] * places.new_tensor([0.8, -0.6])


def _points(size: int) -> Tensor:
    """Pixels from the frame's middle, `size size 2`."""
    grid = torch.arange(size) + 0.5 - size / 2
    return torch.stack([grid.expand(size, size), grid[:, None].expand(size, size)], -1)


def _paint(layers: list[_Layer], moments: Tensor, *, size: int) -> tuple[Tensor, Tensor]:
    """Frames `b t 3 h w` and which layer each pixel shows, int64 `b t h w`."""
    b, t = moments.shape
    frames, owner = torch.zeros(b, t, 3, size, size), torch.zeros(b, t, size, size, dtype=torch.long)
    points = _points(size)
    for layer in layers:
        clips = layer.clips
        where = layer.look(points, moments[clips])
        edges = "reflection" if layer.level == 0 else "zeros"
        seen = functional.grid_sample(
            layer.pictures, where.flatten(1, 2), mode="bicubic", padding_mode=edges, align_corners=False
        )
        colour, alpha = seen.view(-1, 4, t, size, size).transpose(1, 2).split([3, 1], 2)
        alpha = alpha.clamp(0, 1)
        frames[clips] = torch.lerp(frames[clips], colour, alpha)
        owner[clips] = torch.where(alpha[:, :, 0] > 0.5, layer.level, owner[clips])
    return frames.clamp(0, 1), owner


def _flows(layers: list[_Layer], owner: Tensor, moments: Tensor, *, size: int) -> Tensor:
    """Where points of the middle picture lie in the first and the second, in pixels, `b 4 h w`."""
    points = _points(size)
    flows = torch.zeros(len(owner), 2, size, size, 2)
    for layer in layers:
        clips = layer.clips
        mine = (owner[clips, 1] == layer.level)[:, None, ..., None]
        places = layer.look(points, moments[clips, 1:2]).expand(-1, 2, -1, -1, -1)
        there = layer.show(places, moments[clips, ::2])
        flows[clips] = torch.where(mine, there - points, flows[clips])
    return flows.movedim(-1, 2).flatten(1, 2)


def _softened(frames: Tensor, dice: Dice) -> Tensor:
    """Some of the clips as a softer lens shows them, all three frames alike."""
    sigma = dice.uniform(0.0, 1.1) * dice.chance(0.6)
    reach = torch.arange(-3, 4)
    kernel = torch.exp(-(reach**2) / (2 * sigma[:, None].clamp_min(0.05) ** 2))
    kernel = kernel / kernel.sum(1, keepdim=True)
    b, t, _, h, w = frames.shape
    flat = frames.reshape(1, b * t * 3, h, w)
    each = kernel.repeat_interleave(t * 3, 0)[:, None]
    padded = functional.pad(flat, (3, 3, 3, 3), mode="replicate")
    soft = functional.conv2d(padded, each[:, :, None, :], groups=b * t * 3)
    return functional.conv2d(soft, each[:, :, :, None], groups=b * t * 3).view_as(frames).clamp(0, 1)
