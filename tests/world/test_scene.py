"""Places have a sky, a ground and what belongs there, and stay recognisable."""

from __future__ import annotations

import pytest
import torch

from videogen.world.dice import Dice
from videogen.world.scene import SCENES, draw_scene


def test_the_places_are_the_seven_that_have_words() -> None:
    assert SCENES == ("grass", "desert", "snow", "sea", "night", "room", "grey")


def test_every_place_is_a_sky_over_a_ground() -> None:
    scenes = torch.arange(len(SCENES)).repeat(20)
    pictures = draw_scene(scenes, Dice(torch.arange(len(scenes)), seed=0), size=64)
    assert pictures.shape == (140, 3, 64, 64)
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    rows = pictures.median(-1).values  # b c h: what most of a row is
    jump = rows.diff(dim=-1).abs().sum(1)[:, 30:50]
    plain = (scenes != SCENES.index("grey")) & (scenes != SCENES.index("night"))
    horizon = (jump.argmax(-1)[plain] + 31) / 64
    assert ((horizon > 0.55) & (horizon < 0.75)).float().mean() > 0.75, "hills may rise higher"


def test_places_differ_and_vary_a_little() -> None:
    alike = draw_scene(torch.zeros(50, dtype=torch.int64), Dice(torch.arange(50), seed=0), size=16)
    spread = alike[:, :, 0, 0].std(0)
    assert 0.005 < spread.max() < 0.12
    night, day = draw_scene(torch.tensor([4, 0]), Dice(torch.arange(2), seed=0), size=16).mean((1, 2, 3))
    assert night < 0.3 < day


@pytest.mark.parametrize("name", SCENES)
def test_things_that_belong_to_a_place_leave_most_of_it_free(name: str) -> None:
    scenes = torch.full((40,), SCENES.index(name))
    pictures = draw_scene(scenes, Dice(torch.arange(40), seed=1), size=48)
    plain = pictures.median(-1, keepdim=True).values
    changed = (pictures - plain).abs().amax(1) > 0.06
    share = changed.float().mean((1, 2))
    assert share.mean() > (0.002 if name == "grey" else 0.01), "there is something to see"
    assert share.max() < 0.4


def test_a_scene_goes_on_beyond_the_picture() -> None:
    scenes, dice = torch.arange(7), Dice(torch.arange(7), seed=2)
    picture, wide = (
        draw_scene(scenes, dice.fork(), size=64),
        draw_scene(scenes, dice.fork(), size=64, margin=0.25),
    )
    assert wide.shape == (7, 3, 96, 96)
    torch.testing.assert_close(wide[..., 16:-16, 16:-16], picture, rtol=0, atol=2e-3)
