"""A clip carried on past its end: the ground stays, or goes by as it did, and things go on as they went.

In: the last frames of a clip, small and at full size. Out: for every later moment what can be told of it, and
how surely: the ground, its small holes filled from around them, and before it each thing that moved as a
whole, along its path carried further. Other motion, as of faces and water, goes back as it came, to and fro.
The rest is left to a network. Before its beginning a clip is carried on by its first frames in reverse order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from videogen.conditions.geometry import pixel_centres, smoothstep
from videogen.conditions.going_on import go_on
from videogen.conditions.guessed import guessed
from videogen.conditions.moving_things import Parted, part
from videogen.conditions.reference import to_picture
from videogen.conditions.uncovered import median_where
from videogen.types import Frames

_TRUSTED = 2.0, 4.0
"""Seconds up to which a path is followed fully, and from when on no more."""
_CAMERA = 1.2
"""Seconds within which a camera slows down to a third."""
_WATCHED = 10
"""Frames a second that are looked at."""
_ROWS_AT_ONCE = 64
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Onward:
    """A clip that goes on for `steps` frames at `fps`.

    `small` `t c h w`, −1…1, and `frames` at full size, uint8 `t h w c`, are its last ones; it was `parted` by
    every `stride`-th of them. `paths` say where each thing is at later moments, `steps 4`, and last where the
    camera looks, `steps 3`. `behind` is the ground at full size, `1 c H W`, and `bare` `H W`, 0…1, how
    surely that is known.
    """

    small: Tensor
    frames: Frames
    parted: Parted
    steps: int
    fps: float
    stride: int
    paths: tuple[Array, ...]
    behind: Tensor
    bare: Tensor

    @classmethod
    def of(cls, small: Tensor, frames: Frames, *, steps: int, fps: float) -> Onward:
        """Carry on what is seen in the last frames of a clip, small and at full size."""
        return cls._carried(small, frames, steps=steps, fps=fps, other=None)

    def beside(self, other: Onward) -> Onward:
        """The same, knowing what an `other` clip, maybe of the same place, shows of the ground."""
        return self._carried(self.small, self.frames, steps=self.steps, fps=self.fps, other=other)

    @classmethod
    def _carried(
        cls, small: Tensor, frames: Frames, *, steps: int, fps: float, other: Onward | None
    ) -> Onward:
        stride = max(1, round(fps / _WATCHED))
        chosen = np.arange(len(small) - 1, -1, -stride)[::-1]
        pictures = (small[chosen.copy()].permute(0, 2, 3, 1).double().numpy() + 1) / 2
        parted = part(pictures, other=None if other is None else other.parted)
        behind, bare = _ground(parted, frames[chosen])
        if other is not None and other.behind.shape == behind.shape:
            lent = torch.from_numpy(parted.lent).float()[None, None]
            behind = torch.lerp(behind, other.behind, F.interpolate(lent, behind.shape[-2:]))
        later = np.arange(1, steps + 1) / stride
        # A camera comes to rest: nobody zooms for ever.
        slower = _CAMERA * fps / stride * (1 - np.exp(-later * stride / fps / _CAMERA))
        camera = go_on(parted.camera, slower, degree=1, longest=0.8)
        paths = (*(_path_on(thing.path, later) for thing in parted.things), camera)
        return cls(small, frames, parted, steps, fps, stride, paths, behind, bare)

    def at_small(self, steps: range) -> tuple[Tensor, Tensor]:
        """Some later moments, `t c h w`, grey where nothing is known, and how surely, `t h w`."""
        parted = self.parted
        ground = torch.from_numpy(parted.ground).permute(2, 0, 1)[None].float() * 2 - 1
        known = torch.from_numpy(parted.known).float()
        found = [self._compose(step, self.small, ground, known) for step in steps]
        pictures, seen = torch.cat([each for each, _ in found]), torch.stack([each for _, each in found])
        return pictures * seen[:, None], seen

    def full(self, step: int) -> tuple[Tensor, Tensor]:
        """One later moment at full size, `c H W`, and how surely, `H W`."""
        picture, seen = self._compose(step, self.frames, self.behind, self.bare)
        return picture[0], seen

    def _compose(
        self, step: int, seen_before: Tensor | Frames, ground: Tensor, known: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The ground with what moves before it, `1 c h w`, and how surely, `h w`."""
        height, width = ground.shape[-2:]
        *paths, camera = self.paths
        centres = pixel_centres(height, width, like=ground)
        picture, seen = _seen_by(camera[step], ground, known, centres)
        if camera[step].any():
            picture, seen = _past_edges(camera[step], picture, seen, centres)
        if self.parted.wild.any():
            before = self._mirrored(step)
            back, inside = _steadied(
                _one(seen_before, before), self.parted.camera, before / self.stride, centres
            )
            moving, there = _seen_by(camera[step], back, inside, centres)
            wild = _look_up(torch.from_numpy(self.parted.wild).float()[None, None], centres)[0, 0]
            wild = _seen_by(camera[step], wild[None, None], wild, centres)[1].clamp(0, 1)
            picture, seen = torch.lerp(picture, moving, wild), torch.lerp(seen, there, wild)
        trusted = 1 - float(smoothstep(torch.tensor((step + 1) / self.fps), *_TRUSTED))
        for thing, path in reversed(list(zip(self.parted.things, paths, strict=True))):
            place = _back(path[step], thing.path[-1], centres)
            mask = torch.from_numpy(thing.mask).float()[None, None]
            here = smoothstep(_look_up(mask, place)[0, 0], 0.2, 0.8)
            picture = torch.lerp(picture, _look_up(_one(seen_before, 0), place), here)
            seen = torch.lerp(seen, torch.full_like(seen, trusted), here)
        return picture, seen

    def _mirrored(self, step: int) -> int:
        """How many frames before the last one stands for a later moment, to and fro."""
        reach = max(len(self.small) - 1, 1)
        turn = (step + 1) % (2 * reach)
        return min(turn, 2 * reach - turn, len(self.small) - 1)


def _path_on(path: Array, later: Array) -> Array:
    """A thing's path `t 4` at later moments. Sizes go on evenly as lengths."""
    place = go_on(path[:, :2], later)
    # What swells, or turns to and fro, must have been seen to come back before it is believed to.
    size = go_on(np.exp(path[:, 2:3]), later, degree=1, longest=0.8)
    angle = go_on(path[:, 3:], later, degree=1, longest=0.8)
    return np.concatenate([place, np.log(size.clip(0.1, 8)), angle], 1)


def _one(frames: Tensor | Frames, before: int) -> Tensor:
    """The frame so many before the last, −1…1 `1 c h w`."""
    one = frames[len(frames) - 1 - before]
    return one[None] if isinstance(one, Tensor) else to_picture(one)


def _look_up(picture: Tensor, place: Tensor) -> Tensor:
    """What pictures `1 c h w` show at places `h w 2`, fractions of them."""
    mode = "bicubic" if picture.shape[1] > 1 and picture.shape[-1] > 1 else "bilinear"
    found = F.grid_sample(picture, place[None] * 2 - 1, mode=mode, padding_mode="border", align_corners=False)
    return found.clamp(-1, 1)


def _back(now: Array, then: Array, places: Tensor) -> Tensor:
    """Where places `h w 2` of a later moment were in the last picture, for a thing that has moved."""
    turn = complex(np.exp(then[2] - now[2] + 1j * (then[3] - now[3])))
    aspect = places.shape[1] / places.shape[0]
    across, along = (places[..., 0] - float(now[0])) * aspect, places[..., 1] - float(now[1])
    x = turn.real * across - turn.imag * along
    y = turn.imag * across + turn.real * along
    return torch.stack([float(then[0]) + x / aspect, float(then[1]) + y], -1)


def _seen_by(camera: Array, ground: Tensor, known: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """The ground as a camera sees it that has moved on, and where it is known."""
    if not camera.any():
        return ground, known
    back, inside = _before(camera, places)
    return _look_up(ground, back), _look_up(known[None, None], back)[0, 0] * inside


def _past_edges(camera: Array, picture: Tensor, seen: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """What a camera sees, `1 c h w`, continued past the edges of what it saw before, and how surely."""
    inside = _before(camera, places)[1]
    guess, surely = guessed(picture[0], inside.float())
    return guess[None], torch.where(inside, seen, surely)


def _before(camera: Array, places: Tensor) -> tuple[Tensor, Tensor]:
    """Where places were before a camera moved on, and whether it saw them."""
    shift = torch.tensor(camera[:2], dtype=places.dtype)
    back = (places - 0.5 + shift) * float(1 + camera[2]) + 0.5
    return back, ((back >= 0) & (back <= 1)).all(-1)


def _steadied(picture: Tensor, camera: Array, before: float, places: Tensor) -> tuple[Tensor, Tensor]:
    """A frame so many moments before the last as the last camera sees it, and where it shows anything."""
    here = camera[max(len(camera) - 1 - round(before), 0)]
    return _seen_by(-here, picture, torch.ones(picture.shape[-2:]), places)


def _ground(parted: Parted, frames: Frames) -> tuple[Tensor, Tensor]:
    """The ground at full size: the median of frames where nothing moved before it.

    Where the camera moves only what the last frame shows is left.
    """
    last = to_picture(frames[-1])
    height, width = last.shape[-2:]
    if not parted.things and not parted.wild.any():
        return last, torch.ones(height, width)
    free = F.interpolate(torch.from_numpy(parted.free).float()[:, None], (height, width))[:, 0] > 0.5
    if parted.camera.any():
        return last, free[-1].float()
    ground = np.array(frames[-1])
    for top in range(0, height, _ROWS_AT_ONCE):
        rows = slice(top, top + _ROWS_AT_ONCE)
        ground[rows] = median_where(frames[:, rows], free[:, rows].numpy()).round()
    small = torch.from_numpy(parted.ground).permute(2, 0, 1)[None].float() * 2 - 1
    never = ~free.any(0)
    behind = torch.where(never, F.interpolate(small, (height, width), mode="bicubic"), to_picture(ground))
    known = F.interpolate(torch.from_numpy(parted.known).float()[None, None], (height, width))[0, 0]
    shown = torch.where(free[-1], last, behind.clamp(-1, 1))  # the clip goes on from this very frame
    return shown, torch.where(never, known, torch.ones_like(known))
