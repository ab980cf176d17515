"""Places: what lies behind the things and the people.

Seven named places, each a sky over a ground, with small seeded variations; and dead leaves, a texture
with the statistics of photographs (Lee, Mumford and Huang 2001), for pictures that are only carried.
"""

from __future__ import annotations

import torch
from torch import Tensor

from videogen.world.dice import Dice
from videogen.world.painter import Layer, paint

SCENES = ("grass", "desert", "snow", "sea", "night", "room", "grey")

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


def draw_scene(scene: Tensor, dice: Dice, *, size: int) -> Tensor:
    """Paint places; `scene` indexes `SCENES`, int64 `b`. Returns 0…1, `b 3 size size`."""
    device = scene.device
    paints = torch.tensor(_PAINTS, device=device, dtype=torch.float32)[scene] / 255  # b 4 3
    brightness = dice.uniform(0.94, 1.06)[:, None, None]
    paints = (paints * brightness).clamp(0, 1)
    horizon = dice.uniform(0.58, 0.72)[:, None]
    rows = ((torch.arange(size, device=device) + 0.5) / size)[None]
    up = (rows / horizon).clamp(0, 1)[..., None]
    down = ((rows - horizon) / (1 - horizon)).clamp(0, 1)[..., None]
    sky = torch.lerp(paints[:, None, 0], paints[:, None, 1], up)
    ground = torch.lerp(paints[:, None, 2], paints[:, None, 3], down)
    below = ((rows - horizon) * size + 0.5).clamp(0, 1)[..., None]
    column = torch.lerp(sky, ground, below)  # b h 3
    return column.transpose(1, 2)[..., None].expand(-1, -1, -1, size).contiguous()


def draw_dead_leaves(dice: Dice, *, size: int, leaves: int = 28) -> Tensor:
    """Overlapping ellipses of all sizes in random colours, 0…1, `b 3 size size`."""
    top, bottom = dice.uniforms(3), dice.uniforms(3)
    ramp = torch.linspace(0, 1, size, device=top.device)[None, None, :, None]
    background = torch.lerp(top[..., None, None], bottom[..., None, None], ramp).expand(-1, -1, -1, size)
    layers = []
    for number in range(leaves):
        scale = 0.42 * (1 - number / leaves) ** 1.5 + 0.03
        centre = dice.uniforms(2)[:, None]
        extent = torch.stack([dice.uniform(0.4, 1.0), dice.uniform(0.3, 1.0)], -1)[:, None] * scale
        stripes = dice.chance(0.3)
        layers.append(
            Layer(
                "ellipse",
                centre=centre,
                angle=dice.phase()[:, None],
                size=extent,
                colour=dice.uniforms(3),
                shade=0.3,
                stripes=stripes,
                second=dice.uniforms(3),
            )
        )
    return paint(background, layers, num_frames=1).video[:, 0]
