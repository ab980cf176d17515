"""Places: what lies behind the things and the people.

Seven named places, each a sky over a ground with a few things that belong there (`scenery.py`). Numbers vary
with the dice, colours stay those of the place.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from videogen.world.dice import Dice
from videogen.world.painter import Layer, paint_picture
from videogen.world.scenery import SCENERY
from videogen.world.shapes import PRIMITIVES

SCENES = tuple(SCENERY)

# top of the sky, bottom of the sky, top of the ground, bottom of the ground (0…255)
_PAINTS = (
    ((104, 178, 240), (186, 222, 250), (84, 178, 70), (44, 122, 42)),
    ((120, 190, 226), (236, 216, 178), (222, 184, 112), (186, 136, 72)),
    ((150, 172, 206), (200, 212, 230), (246, 248, 252), (214, 224, 240)),
    ((116, 186, 242), (190, 224, 248), (38, 112, 176), (14, 58, 120)),
    ((10, 12, 38), (34, 38, 84), (30, 44, 42), (14, 22, 24)),
    ((226, 206, 178), (212, 188, 156), (150, 104, 66), (116, 76, 46)),
    ((176, 178, 180), (156, 158, 160), (146, 148, 150), (120, 122, 124)),
)


def draw_scene(scene: Tensor, dice: Dice, *, size: int, margin: float = 0.0) -> Tensor:
    """Paint places; `scene` indexes `SCENES`, int64 `b`. Returns 0…1, `b 3 side side`.

    `size` is the picture's side in pixels; with a `margin`, a fraction of it, the scene goes on beyond each
    side of the picture and `side` grows by as much.
    """
    device, reach = scene.device, 1 + 2 * margin
    side = round(size * reach)
    paints = torch.tensor(_PAINTS, device=device, dtype=torch.float32)[scene] / 255  # b 4 3
    brightness = dice.uniform(0.94, 1.06)[:, None]
    paints = (paints * brightness[..., None]).clamp(0, 1)
    horizon = dice.uniform(0.58, 0.72)
    rows = ((torch.arange(side, device=device) + 0.5) / side * reach - margin)[None]
    edge = horizon[:, None]
    up = (rows / edge).clamp(0, 1)[..., None]
    down = ((rows - edge) / (1 - edge)).clamp(0, 1)[..., None]
    sky = torch.lerp(paints[:, None, 0], paints[:, None, 1], up)
    ground = torch.lerp(paints[:, None, 2], paints[:, None, 3], down)
    below = ((rows - edge) * size + 0.5).clamp(0, 1)[..., None]
    column = torch.lerp(sky, ground, below)  # b h 3
    background = column.transpose(1, 2)[..., None].expand(-1, -1, -1, side)
    layers = _place_pieces(scene, dice, horizon, brightness, margin=margin)
    return paint_picture(background, layers)


def _place_pieces(
    scene: Tensor, dice: Dice, horizon: Tensor, brightness: Tensor, *, margin: float
) -> list[Layer]:
    """What belongs to the places, slot by slot, back to front."""
    kinds, numbers, flags = (table.to(scene.device)[scene] for table in _tables())
    reach, still = 1 + 2 * margin, torch.zeros(len(scene), 1, device=scene.device)
    x = y = width = torch.zeros_like(horizon)  # of the latest piece that is not joined
    there = torch.zeros_like(horizon, dtype=torch.bool)
    layers = []
    for slot in range(kinds.shape[1]):
        left, right, top, bottom, narrow, broad, tall, opacity, chance, *colour = numbers[:, slot].unbind(-1)
        hung, joined = flags[:, slot].unbind(-1)
        across = left + (right - left) * dice.uniform()
        down = top + (bottom - top) * dice.uniform()
        wide = narrow + (broad - narrow) * dice.uniform()
        there = torch.where(joined, there, dice.uniform() < chance)
        here_x = torch.where(joined, x + across * width, across)
        here_y = torch.where(joined, y + down * width, down + torch.where(hung, 0.0, horizon))
        wide = torch.where(joined, wide * width, wide)
        x, y, width = (
            torch.where(joined, old, new) for old, new in ((x, here_x), (y, here_y), (width, wide))
        )
        centre = (torch.stack([here_x, here_y], -1)[:, None] + margin) / reach
        extent = torch.stack([wide, wide * tall], -1)[:, None] / reach
        hue = (torch.stack(colour, -1) * brightness).clamp(0, 1)
        present = there & (kinds[:, slot] >= 0)
        layers.append(
            Layer("object", centre, still, extent, hue, present=present, variant=kinds[:, slot].clamp_min(0),
                  shade=0.1, opacity=opacity[:, None], thing=0)
        )  # fmt: skip
    return layers


@cache
def _tables() -> tuple[Tensor, Tensor, Tensor]:
    """For each place and slot: which primitive (−1 none); the numbers of its piece; hung, joined."""
    slots = max(len(pieces) for pieces in SCENERY.values())
    kinds = torch.full((len(SCENES), slots), -1)
    numbers = torch.zeros(len(SCENES), slots, 12)
    flags = torch.zeros(len(SCENES), slots, 2, dtype=torch.bool)
    for row, pieces in enumerate(SCENERY.values()):
        for slot, piece in enumerate(pieces):
            spans = (*piece.across, *piece.down, *piece.wide)
            paint_ = (value / 255 for value in piece.paint)
            kinds[row, slot] = PRIMITIVES.index(piece.shape)
            numbers[row, slot] = torch.tensor([*spans, piece.tall, piece.opacity, piece.chance, *paint_])
            flags[row, slot] = torch.tensor([piece.hung, piece.joined])
    return kinds, numbers, flags
