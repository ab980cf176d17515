"""Every texture fills its plane with colour, and is the same picture at every size."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from videogen.world.dice import Dice
from videogen.world.textures import HELD_OUT_TEXTURES, TEXTURES, draw_clouds, draw_dead_leaves

NAMES = sorted(TEXTURES)


def draw(name: str, *, size: int = 48, clips: int = 8) -> Tensor:
    return TEXTURES[name](Dice(torch.arange(clips), seed=0), size=size)


@pytest.mark.parametrize("name", NAMES)
def test_a_texture_is_a_picture_that_is_not_flat(name: str) -> None:
    planes = draw(name)
    assert planes.shape == (8, 3, 48, 48)
    assert planes.min() >= 0
    assert planes.max() <= 1
    assert planes.flatten(2).std(-1).amax(1).min() > 0.03
    assert planes.flatten(1).unique(dim=0).shape[0] == 8


@pytest.mark.parametrize("name", NAMES)
def test_a_texture_is_the_same_picture_at_every_size(name: str) -> None:
    large, small = draw(name, size=128), draw(name, size=64)
    error = (F.avg_pool2d(large, 2) - small).square().mean()
    other = (F.avg_pool2d(large, 2).roll(1, 0) - small).square().mean()
    assert error < 0.08 * other


@pytest.mark.parametrize("name", NAMES)
def test_a_clip_has_its_texture_in_any_batch(name: str) -> None:
    alone = TEXTURES[name](Dice(torch.tensor([5]), seed=0), size=24)
    torch.testing.assert_close(draw(name, size=24)[5:6], alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["stripes", "checks", "dots", "plaid"])
def test_patterns_too_fine_for_the_pixels_turn_even(name: str) -> None:
    coarse = draw(name, size=4, clips=64).flatten(2).std(-1).mean()
    assert coarse < 0.75 * draw(name, size=96, clips=64).flatten(2).std(-1).mean()


def test_a_single_pixel_can_be_drawn() -> None:
    for name in NAMES:
        assert draw(name, size=1).shape == (8, 3, 1, 1)
        assert bool(draw(name, size=1).isfinite().all())


def test_clouds_hold_less_the_finer_it_gets() -> None:
    spectrum = torch.fft.rfft2(draw_clouds(Dice(torch.arange(32), seed=0), size=64)).abs().mean((0, 1))
    assert spectrum[0, 2] > 2 * spectrum[0, 8] > 4 * spectrum[0, 24]


def test_dead_leaves_are_full_of_edges() -> None:
    planes = draw_dead_leaves(Dice(torch.arange(8), seed=0), size=64)
    edges = planes.diff(dim=-1).abs().amax(1) > 0.1
    assert edges.float().mean((1, 2)).min() > 0.02


def test_some_families_are_held_out_and_most_are_not() -> None:
    assert set(HELD_OUT_TEXTURES) < TEXTURES.keys()
    assert len(HELD_OUT_TEXTURES) * 3 <= len(TEXTURES)
