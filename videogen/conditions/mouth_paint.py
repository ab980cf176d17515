"""The inside of a mouth that the picture does not show: dark, with a tongue, and teeth above it.

A network that draws small pictures of cartoons has no teeth for a photograph. So what opens between lips is
painted before it sees the picture: in the colours of the lips and of the light on the face, with teeth that
hang from the upper lip and keep their size. Lips that close get the dark line that closed lips have.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from videogen.conditions.face_model import fit_head
from videogen.conditions.geometry import pixel_centres, smoothstep
from videogen.conditions.openings import BetweenLips, between_lips
from videogen.skeleton import FACE_SLICE

_SEEN = 0.3
_LIPS = (50, 51, 52, 56, 57, 58)
_CHEEKS = (2, 14, 28, 31, 35)
_LUMA = (0.299, 0.587, 0.114)
_IVORY, _TONGUE, _DARK = (1.0, 0.97, 0.9), (0.8, 0.55, 0.55), (0.3, 0.16, 0.16)
_SHADE = 0.7
"""How dark the line between closed lips is."""
_TOOTH, _HIDDEN = 0.13, 0.02
"""How tall teeth are and how much of them the lip covers, over half the width of the face."""


def paint_mouth(picture: Tensor, still: Tensor, carried: Tensor, moving: Tensor) -> tuple[Tensor, Tensor]:
    """Paint what opens between the lips of a carried picture.

    `picture` −1…1 `1 c h w` has keypoints `still` `k 3`; `carried` `1 c t h w` shows it in the poses `moving`
    `t k 3`. Returns the painted frames and where they were painted, 0…1 `1 t h w`.
    """
    height, width = carried.shape[-2:]
    stretch = still.new_tensor([width / height, 1.0])
    there, here = still[FACE_SLICE], moving[:, FACE_SLICE]
    seen = (there[:, 2] >= _SEEN) & (here[..., 2] >= _SEEN)
    flat = (there[:, :2] * stretch).expand(len(here), -1, -1), here[..., :2] * stretch
    own, now = (fit_head(points, seen) for points in flat)
    painted, share = carried.clone(), carried.new_zeros(1, len(here), height, width)
    counts = seen[:, 48:68].all(-1) & now.seen
    if not bool(counts.any()):
        return painted, share
    rows, columns = _around(here[counts, 48:68, :2], height=height, width=width)
    places = pixel_centres(height, width, like=carried)[rows, columns] * stretch
    lips = between_lips(*flat, seen, places, size=now.size, grown=now.size / own.size)
    colours = _inside(picture, there, lips)
    new = (lips.new * now.seen[:, None, None])[None]
    spot = (0, slice(None), slice(None), rows, columns)
    drawn = torch.lerp(carried[spot], colours, new)
    seam = _SHADE * (lips.seam * now.seen[:, None, None])[None]
    painted[spot] = torch.lerp(drawn, (drawn + 1) * drawn.new_tensor(_DARK)[:, None, None, None] - 1, seam)
    share[:, :, rows, columns] = new
    return painted, share


def _around(points: Tensor, *, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns that hold points `n k 2`, fractions, with a pixel to spare."""
    scale = points.new_tensor([width, height])
    left, top = ((points.amin((0, 1)) * scale).floor() - 1).clamp_min(0).int().tolist()
    right, bottom = ((points.amax((0, 1)) * scale).ceil() + 1).int().tolist()
    return slice(min(top, height), min(bottom, height)), slice(min(left, width), min(right, width))


def _inside(picture: Tensor, there: Tensor, lips: BetweenLips) -> Tensor:
    """The colours −1…1 of the inside, `c n h w`."""
    lip, skin = _colour(picture, there, _LIPS), _colour(picture, there, _CHEEKS)
    light = (skin * skin.new_tensor(_LUMA)).sum()
    tint = torch.lerp(torch.ones_like(skin), skin / skin.amax().clamp_min(0.05), 0.75)

    def paint(colour: Tensor) -> Tensor:
        return colour[:, None, None, None]

    wide = lips.gap.clamp_min(1e-4)
    dark, tongue = paint(lip * lip.new_tensor(_DARK)), paint(lip * lip.new_tensor(_TONGUE))
    colours = torch.lerp(
        dark, tongue, 0.8 * smoothstep(lips.below / wide, 0.55, 0.95) * smoothstep(wide, 0.1, 0.3)
    )
    ivory = paint(lip.new_tensor(_IVORY) * tint * (1.15 * light).clamp(0.1, 0.92))
    aside = 2 * lips.across - 1
    curve = (1 - aside.square()).clamp_min(0)
    depth = lips.below + _HIDDEN - _TOOTH * (0.75 + 0.25 * curve)
    teeth = (1 - smoothstep(depth, -0.02, 0.0)) * smoothstep(curve, 0.15, 0.6) * smoothstep(wide, 0.02, 0.06)
    between = (aside * 3.0).mul(torch.pi).cos().abs().clamp(0.85, 1.0)
    shade = (0.45 + 0.55 * curve) * (0.6 + 0.4 * smoothstep(lips.below, 0.0, 0.04)) * between
    return torch.lerp(colours, ivory * shade, teeth) * 2 - 1


def _colour(picture: Tensor, face: Tensor, points: tuple[int, ...]) -> Tensor:
    """The middle colour of a picture at some of the face's points, 0…1, `c`."""
    grid = (face[list(points), :2] * 2 - 1)[None, None]
    found = F.grid_sample(picture, grid, mode="bilinear", padding_mode="border", align_corners=False)[0, :, 0]
    return (found.median(-1).values + 1) / 2
