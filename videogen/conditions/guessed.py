"""A picture continued past where it is seen: a guess, and how surely it holds.

Near its rim a picture goes on much as it ended. Three continuations err in different ways, and their mean is
nearer to what came than each: the edge repeated, the smoothest membrane (harmonic), and the smoothest plate
(biharmonic; Damelin & Hoang 2018). Far from the rim a network knows more.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from videogen.conditions.uncovered import smoothed_over

SURELY = 0.9
"""How surely a guess holds beside what is seen."""
_REACH = 0.15
"""A share of the shorter side, at which distance a guess is half as sure."""
_SEEN = 0.99
_LARGEST = 128
"""Pixels of the shorter side up to which a picture is continued as large as it is."""
_ROUNDS = 60


def guessed(picture: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """A picture −1…1 `c h w` continued where it is not `seen`, 0…1 `h w`, and how surely it is known now.

    There it holds its repeated edge, as a look-up beyond the border finds it. Where half of it is seen, half
    of what was given stays. A picture of which nothing is seen comes back.
    """
    factor = -(-min(seen.shape) // _LARGEST)
    small, seen_small = picture, seen
    if factor > 1:
        small = F.avg_pool2d(picture[None], factor, ceil_mode=True)[0]
        seen_small = -F.max_pool2d(-seen[None, None], factor, ceil_mode=True)[0, 0]
    hidden = seen_small < _SEEN
    if bool(hidden.all()) or not bool(hidden.any()):
        return picture, seen
    away = torch.from_numpy(ndimage.distance_transform_edt(hidden.numpy())).to(seen)
    surely = SURELY * 0.5 ** (away / (_REACH * min(hidden.shape))) * hidden
    guess = torch.cat([_continued(small, hidden), surely[None]])
    if factor > 1:
        guess = F.interpolate(guess[None], seen.shape, mode="bilinear", align_corners=False)[0]
    return torch.lerp(guess[:-1].clamp(-1, 1), picture, seen), torch.maximum(seen, guess[-1])


def _continued(picture: Tensor, hidden: Tensor) -> Tensor:
    """The mean of the three continuations."""
    colours = (picture.permute(1, 2, 0).double().numpy() + 1) / 2
    plate = torch.from_numpy(smoothed_over(colours, hidden.numpy())).permute(2, 0, 1).to(picture) * 2 - 1
    return (picture + plate + _membrane(picture, ~hidden, start=plate)) / 3


def _membrane(picture: Tensor, seen: Tensor, *, start: Tensor) -> Tensor:
    """What is not `seen` as the mean of what is around it, from a `start`, coarse to fine; all `c h w`."""
    if min(picture.shape[-2:]) > 8:
        weight = seen.to(picture)[None]
        coarse = F.avg_pool2d(torch.cat([picture * weight, weight])[None], 2, ceil_mode=True)[0]
        known = coarse[-1] > 0
        small = coarse[:-1] / coarse[-1:].clamp_min(1e-6)
        shrunk = F.avg_pool2d(start[None], 2, ceil_mode=True)[0]
        small = _membrane(small, known, start=torch.where(known, small, shrunk))
        start = F.interpolate(small[None], picture.shape[-2:], mode="bilinear", align_corners=False)[0]
    found = torch.where(seen, picture, start)
    for _ in range(_ROUNDS):
        wide = F.pad(found[None], (1, 1, 1, 1), mode="replicate")[0]
        mean = (wide[:, 1:-1, :-2] + wide[:, 1:-1, 2:] + wide[:, :-2, 1:-1] + wide[:, 2:, 1:-1]) / 4
        found = torch.where(seen, picture, mean)
    return found
