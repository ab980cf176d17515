"""A person in front of a background: what moves, what stays, what is filled."""

import pytest
import torch
from torch import Tensor

from videogen.conditions.geometry import pixel_centres
from videogen.conditions.layers import Layers, spread
from videogen.conditions.motion_field import MotionField, warp
from videogen.errors import RequestError

SIDE = 96


def noise(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture
def mask() -> Tensor:
    mask = torch.zeros(SIDE, SIDE)
    mask[30:70, 30:60] = 1
    return mask


@pytest.fixture
def picture(mask: Tensor) -> Tensor:
    """A white person before grey that grows brighter to the right."""
    grey = torch.linspace(-0.6, 0.2, SIDE).expand(1, 3, SIDE, SIDE)
    return torch.where(mask > 0, torch.ones(()), grey).contiguous()


def shifted(by: int) -> MotionField:
    grid = pixel_centres(SIDE, SIDE, like=torch.zeros(()))[None, None] * 2 - 1
    grid = grid - torch.tensor([2 * by / SIDE, 0.0])
    ones = torch.ones(1, 1, SIDE, SIDE)
    return MotionField(grid, ones, ones)


def test_a_field_that_moves_nothing_shows_the_picture_bit_for_bit(picture: Tensor, mask: Tensor) -> None:
    field = shifted(0)
    shown, known = Layers.split(picture, mask).carry(field, warp(picture, field), field.visibility)
    assert torch.equal(shown[:, :, 0], picture)
    assert known.min() == 1


def test_the_person_moves_and_the_background_stays_bit_for_bit(picture: Tensor, mask: Tensor) -> None:
    field = shifted(8)
    shown, known = Layers.split(picture, mask).carry(field, warp(picture, field), field.visibility)
    shown = shown[:, :, 0]
    assert shown[0, :, 50, 45:63].min() > 0.9  # the person, eight pixels further right
    assert torch.equal(shown[..., :, :24], picture[..., :, :24])
    assert torch.equal(shown[..., :, 76:], picture[..., :, 76:])
    assert torch.equal(shown[..., :20, :], picture[..., :20, :])
    assert known[0, 0, :, :24].min() == 1


def test_what_the_person_leaves_takes_the_colours_from_around(picture: Tensor, mask: Tensor) -> None:
    field = shifted(8)
    shown, known = Layers.split(picture, mask).carry(field, warp(picture, field), field.visibility)
    left = shown[0, 0, 0, 40:60, 31:35]
    around = picture[0, 0, 40, 20]
    assert (left - around).abs().max() < 0.2
    assert known[0, 0, 40:60, 31:35].min() > 0.5


def test_deep_behind_the_person_nothing_is_known(picture: Tensor) -> None:
    mask = torch.zeros(SIDE, SIDE)
    mask[4:92, 4:92] = 1
    layers = Layers.split(picture, mask)
    assert layers.trusted[0, 0, 48, 48] < 0.1
    assert layers.trusted[0, 0, 0, 0] == 1


def test_spreading_keeps_what_is_known_and_fills_the_rest_without_a_seam() -> None:
    plain = torch.full((1, 3, 37, 52), 0.3)
    known = (noise(1, 1, 37, 52) > 0.9).float()
    torch.testing.assert_close(spread(plain * known, known), plain, atol=1e-5, rtol=0)
    picture = noise(1, 3, 37, 52)
    filled = spread(picture, known)
    assert torch.equal(filled * known, picture * known)
    assert torch.isfinite(spread(picture, torch.zeros(1, 1, 37, 52))).all()


def test_a_mask_of_another_size_is_refused(picture: Tensor) -> None:
    with pytest.raises(RequestError, match=r"the mask has 5x4 pixels and the picture 96x96"):
        Layers.split(picture, torch.zeros(4, 5))
