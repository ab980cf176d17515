"""A person's mask parted among the limbs, and carried along with each.

Clothes and hair reach beyond the boxes of limbs, and boxes beyond thin limbs. Where masks say what is the
person, and what of them is arms, the person moves as two sheets: the arms in front, each piece with its
own bone, and all the rest as a whole, smoothly, so that skirts stretch and do not tear (linear blend
skinning with weights in the output). All sizes are in units of the picture's height.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from videogen.conditions.geometry import smoothstep
from videogen.conditions.limbs import ORDER, Limbs

_SHOWS = 3.0
"""An arm that the mask shows in a place comes before every one that it does not."""
_SLEEVE = 3.5
"""How far from its bone an arm's sleeve reaches, in radii."""
_RIM = 0.9, 1.2
"""Where an arm hides the body behind it no more: a place's depth in that."""
_FAINT = 0.02
_SOFT = 10.0
"""How sharply limbs part the places between them."""


def dressed(
    there: Limbs, here: Limbs, maps: Tensor, masks: Tensor, *, places: Tensor, stretch: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Say for `places` `h w 2` which limbs carry them, and whether the person is seen there.

    Limbs `n p` lie `there` in the reference, where `masks` `n 2 H W` show the whole person and the arms, and
    `here` in the output; `maps` `n p 2 3` are the affine maps from here to there, less the identity.
    `stretch` is the picture's width and height. Returns the share of each limb `n p q`, how far the
    reference shows what they carry there, and what of the reference's person may be there, both `n q`, all
    0…1. What belongs to a
    limb that is not seen in the output goes along with its neighbours.
    """
    rows, columns = places.shape[:2]
    flat = places.reshape(1, -1, 2)
    masks = F.interpolate(masks, (rows, columns), mode="bilinear", antialias=True, align_corners=False)
    there = replace(there, seen=there.seen & here.seen)
    arms = torch.tensor([order > 1 for order in ORDER], device=maps.device)
    depth = here.coverage(flat, pixel=1 / rows)[1].masked_fill(~there.seen[..., None], torch.inf)

    behind = depth[:, ~arms]
    trunk = torch.softmax(-_SOFT * behind / behind.amin(1, keepdim=True).clamp_min(1.0), 1).nan_to_num(0.0)
    blended = torch.einsum("npq,npab->nqab", trunk, maps[:, ~arms])[:, None]
    person, beside = masks[:, :1], _beside(there, flat, arms, (rows, columns))
    sleeves = _sleeves(person, masks[:, 1:], beside)
    body, hidden, edge = (
        _look(values, blended, flat, stretch, padding="border")[:, 0]
        for values in (1 - sleeves * beside, sleeves, person)
    )
    inside = _look(torch.ones_like(person), blended, flat, stretch, padding="zeros")[:, 0] > _FAINT
    body = torch.where(inside, body, body * edge)  # only what the edge cuts off goes on beyond it

    claim = _look(_parted(there, sleeves, flat, arms), maps[:, arms], flat, stretch, padding="zeros")
    claim = claim * (depth[:, arms] < _SLEEVE)
    front = torch.softmax(_SOFT * (_SHOWS * claim - depth[:, arms].clamp_max(20.0)), 1)
    is_arm = (front * claim).sum(1) >= 0.5

    share = torch.zeros_like(depth)
    share[:, ~arms], share[:, arms] = trunk * ~is_arm[:, None], front * is_arm[:, None]
    return share, torch.where(is_arm, 1.0, 1 - hidden), torch.where(is_arm, 1.0, body)


def _beside(limbs: Limbs, places: Tensor, arms: Tensor, size: tuple[int, int]) -> Tensor:
    """How far places lie outside of all limbs but the arms, `n 1 h w`, 0…1."""
    depth = limbs.coverage(places, pixel=1.0)[1].masked_fill(~limbs.seen[..., None], torch.inf)
    outside: Tensor = smoothstep(depth[:, ~arms].amin(1), *_RIM).reshape(-1, 1, *size)
    return outside


def _sleeves(person: Tensor, arms: Tensor, beside: Tensor) -> Tensor:
    """Where arms are, `n 1 h w`, 0 or 1: beside the body also their rim, which is nobody else's."""
    rim = F.max_pool2d(arms, 5, stride=1, padding=2) * beside * (person > _FAINT)
    return ((arms >= 0.5) | (rim >= 0.5)).float()


def _parted(limbs: Limbs, sleeves: Tensor, places: Tensor, arms: Tensor) -> Tensor:
    """What of the `sleeves` `n 1 h w` belongs to each of the arms among limbs `n p`: `n a h w`."""
    depth = limbs.coverage(places, pixel=1.0)[1].masked_fill(~limbs.seen[..., None], torch.inf)[:, arms]
    near = (depth <= depth.amin(1, keepdim=True) + 0.5) & (depth < _SLEEVE)
    parted: Tensor = sleeves * near.unflatten(-1, sleeves.shape[-2:])
    return parted


def _look(values: Tensor, maps: Tensor, places: Tensor, stretch: Tensor, *, padding: str) -> Tensor:
    """Values `n p h w` at the places that maps `n p 2 3`, or `n p q 2 3`, lead to from `1 q 2`: `n p q`."""
    if maps.ndim == 4:
        maps = maps[:, :, None]
    moved = (maps[..., :2] * places[:, None, :, None]).sum(-1) + maps[..., 2] + places[:, None]
    size = values.shape[-2:]
    grid = (moved / stretch * 2 - 1).flatten(0, 1).unflatten(1, size)
    found = F.grid_sample(values.flatten(0, 1)[:, None], grid, padding_mode=padding, align_corners=False)
    return found.reshape(*values.shape[:2], -1)
