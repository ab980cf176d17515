"""The photograph where it can be seen, the network's drawing elsewhere."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from videogen.enhance.detail import restore_detail, surely_seen

SIZES = [(96, 96), (251, 333), (16, 61), (17, 17)]


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("size", SIZES)
def test_where_all_is_seen_the_photograph_comes_back_exactly(size: tuple[int, int]) -> None:
    carried = noise(3, *size)
    torch.testing.assert_close(restore_detail(noise(3, 16, 16, seed=1), carried, torch.ones(size)), carried)


@pytest.mark.parametrize("size", SIZES)
def test_where_nothing_is_seen_the_drawing_comes_back_enlarged(size: tuple[int, int]) -> None:
    drawn = noise(3, 16, 16) * 0.5
    enlarged = F.interpolate(drawn[None], size, mode="bicubic", align_corners=False)[0]
    torch.testing.assert_close(
        restore_detail(drawn, noise(3, *size), torch.zeros(size)), enlarged.clamp(-1, 1)
    )


def test_a_hidden_spot_takes_its_colour_from_the_photograph_around_it() -> None:
    carried = torch.tensor([0.6, 0.1, -0.3])[:, None, None].expand(3, 96, 96)
    drawn = carried[:, :16, :16] - 0.4
    seen = torch.ones(96, 96)
    seen[46:49, 46:49] = 0
    repaired = restore_detail(drawn, carried, seen)
    torch.testing.assert_close(repaired[:, 47, 47], carried[:, 47, 47], atol=0.05, rtol=0)


def test_far_from_what_is_seen_the_drawing_keeps_its_own_colour() -> None:
    seen = torch.zeros(96, 96)
    seen[:, :20] = 1
    repaired = restore_detail(torch.full((3, 16, 16), -0.5), torch.full((3, 96, 96), 0.5), seen)
    torch.testing.assert_close(repaired[:, :, 60:], torch.full((3, 96, 36), -0.5))


def test_the_result_never_leaves_the_range_of_pictures() -> None:
    seen = noise(64, 64, seed=2).add(1).div(2)
    result = restore_detail(noise(3, 16, 16).sign(), noise(3, 64, 64, seed=1).sign(), seen)
    assert result.abs().max() <= 1
    assert result.isfinite().all()


def test_what_is_half_seen_beside_a_limb_is_left_to_the_network() -> None:
    visibility = torch.ones(64, 64)
    visibility[:, 20:30] = 0.3
    sure = surely_seen(visibility)
    assert (sure[:, 19:31] == 0).all()
    assert (sure[:, :18] == 1).all()
    assert (sure[:, 32:] == 1).all()
