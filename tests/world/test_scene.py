"""Places have a sky and a ground; dead leaves fill a picture with everything."""

from __future__ import annotations

import torch

from videogen.world.dice import Dice
from videogen.world.scene import SCENES, draw_dead_leaves, draw_scene


def test_every_place_is_a_sky_over_a_ground() -> None:
    scenes = torch.arange(len(SCENES)).repeat(20)
    pictures = draw_scene(scenes, Dice(torch.arange(len(scenes)), seed=0), size=64)
    assert pictures.shape == (140, 3, 64, 64)
    assert torch.equal(pictures, pictures[..., :1].expand_as(pictures)), "rows are of one colour"
    jump = pictures[..., 0].diff(dim=-1).abs().sum(1)  # b h
    plain = scenes != SCENES.index("grey")
    horizon = (jump.argmax(-1)[plain] + 1) / 64
    assert horizon.min() > 0.55
    assert horizon.max() < 0.75


def test_places_differ_and_vary_a_little() -> None:
    alike = draw_scene(torch.zeros(50, dtype=torch.int64), Dice(torch.arange(50), seed=0), size=16)
    spread = alike[:, :, 0, 0].std(0)
    assert 0.005 < spread.max() < 0.1
    night, day = draw_scene(torch.tensor([4, 0]), Dice(torch.arange(2), seed=0), size=16).mean((1, 2, 3))
    assert night < 0.3 < day


def test_dead_leaves_are_full_of_colours_and_edges() -> None:
    pictures = draw_dead_leaves(Dice(torch.arange(8), seed=0), size=64)
    assert pictures.shape == (8, 3, 64, 64)
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    assert pictures.flatten(2).std(-1).min() > 0.05
    edges = pictures.diff(dim=-1).abs().amax(1) > 0.1
    assert edges.float().mean((1, 2)).min() > 0.02
