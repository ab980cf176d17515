"""Moments of moving scenes tell the truth about their motion."""

import pytest
import torch

from videogen.models.flow import warp
from videogen.world.triplets import draw_album, draw_triplets, film


@pytest.fixture(scope="module")
def album() -> torch.Tensor:
    return draw_album(0, count=12, seed=3)


def psnr(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return -10 * torch.log10((a - b).square().flatten(1).mean(1) + 1e-6)


def test_told_motion_leads_to_the_same_points_in_both_frames(album: torch.Tensor) -> None:
    made = draw_triplets(album, torch.arange(24), size=64, large=True)
    assert made.flows is not None
    mixed = torch.lerp(made.first, made.second, made.time[:, None, None, None])
    for frame, flow in ((made.first, made.flows[:, :2]), (made.second, made.flows[:, 2:])):
        gain = psnr(warp(frame, flow), made.middle) - psnr(mixed, made.middle)
        assert gain.mean() > 3


def test_a_triplet_is_the_same_alone_and_among_others(album: torch.Tensor) -> None:
    together = draw_triplets(album, torch.arange(6), size=32)
    alone = draw_triplets(album, torch.tensor([4]), size=32)
    assert torch.allclose(alone.middle[0], together.middle[4], atol=1e-5)


def test_large_motion_is_large(album: torch.Tensor) -> None:
    small, large = (draw_triplets(album, torch.arange(24), size=64, large=each) for each in (False, True))
    assert small.flows is not None
    assert large.flows is not None
    assert large.flows.abs().mean() > 1.5 * small.flows.abs().mean()


def test_albums_held_out_are_others() -> None:
    assert not torch.equal(draw_album(0, count=4), draw_album(0, count=4, held_out=True))


def test_clips_of_the_world_give_a_moment_between_two() -> None:
    made = film("object", torch.arange(4), size=32)
    assert made.middle.shape == (4, 3, 32, 32)
    assert made.flows is None
    assert ((made.time > 0) & (made.time < 1)).all()
