"""The frame interpolator, and the motion that it is made of."""

import pytest
import torch

from videogen.models.flow import agreement, flows_at, lucas_kanade, warp
from videogen.models.interpolator import Interpolator, InterpolatorConfig

SMALL = InterpolatorConfig(features=(8, 8, 8, 8), estimators=(8, 8, 8, 8), memory=8)


def waves(shift: float, *, size: int = 64) -> torch.Tensor:
    """A smooth picture whose content lies `shift` pixels further to the right, `1 3 s s`."""
    x = torch.arange(size) - shift
    y = torch.arange(size)[:, None]
    picture = 0.5 + 0.2 * torch.sin(x / 5) + 0.2 * torch.cos(y / 7 + x / 9)
    return picture.expand(1, 3, size, size).contiguous()


@pytest.fixture
def network() -> Interpolator:
    torch.manual_seed(0)
    return Interpolator(SMALL).eval()


@pytest.mark.parametrize("time", [0.25, 0.5, 0.8])
def test_untrained_it_mixes_both_frames_by_time(network: Interpolator, time: float) -> None:
    first, second = torch.rand(2, 1, 3, 64, 64)
    made = network(first, second, torch.tensor([time]))
    assert torch.allclose(made, torch.lerp(first, second, time), atol=1e-4)


@pytest.mark.parametrize("size", [(16, 16), (17, 33), (64, 200)])
def test_any_size_comes_back_as_it_is(network: Interpolator, size: tuple[int, int]) -> None:
    first, second = torch.rand(2, 2, 3, *size)
    assert network(first, second, torch.tensor([0.3, 0.7])).shape == first.shape


def test_larger_frames_are_compared_at_more_levels(network: Interpolator) -> None:
    levels = [len(network.between(*torch.rand(2, 1, 3, s, s), torch.tensor([0.5])).flows) for s in (64, 256)]
    assert levels[1] > levels[0]


def test_frames_of_two_sizes_are_refused(network: Interpolator) -> None:
    with pytest.raises(ValueError, match="b 3 h w twice"):
        network(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 34), torch.tensor([0.5]))


def test_it_learns_one_shift_within_a_minute() -> None:
    torch.manual_seed(0)
    network = Interpolator(SMALL)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    first, middle, second = waves(0), waves(3), waves(6)
    half, before = torch.tensor([0.5]), ((first + second) / 2 - middle).abs().mean()
    for _ in range(60):
        loss = (network.between(first, second, half).frame - middle).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (network(first, second, half) - middle).abs().mean() < before / 4


@pytest.mark.parametrize("time", [0.0, 1.0])
def test_both_ends_are_exact_however_motion_bends(time: float) -> None:
    speed, bend = torch.randn(2, 1, 2, 4, 4)
    to_first, to_second = flows_at(speed, bend, torch.tensor(time))
    assert torch.equal((to_second if time else to_first).abs().max(), torch.tensor(0.0))
    assert torch.allclose(to_second - to_first, speed)


def test_a_warp_by_whole_pixels_is_a_shift() -> None:
    picture = torch.rand(1, 3, 8, 8)
    flow = torch.zeros(1, 2, 8, 8)
    flow[:, 0] = 2
    assert torch.allclose(warp(picture, flow)[..., :6], picture[..., 2:], atol=1e-5)


def test_lucas_kanade_finds_a_small_shift() -> None:
    found = lucas_kanade(waves(-0.3), waves(0.3))[..., 10:-10, 10:-10]
    assert found[:, 2].median() == pytest.approx(0.6, abs=0.06)
    assert found[:, 3].median() == pytest.approx(0.0, abs=0.06)
    assert found[:, 0].median() > 0.4


def test_agreement_is_greatest_where_both_frames_moved_towards_each_other() -> None:
    torch.manual_seed(0)
    middle = torch.randn(1, 24, 24, 24)
    likeness = agreement(middle.roll(-1, dims=-1), middle.roll(1, dims=-1))[..., 4:-4, 4:-4]
    first_from = likeness.mean((0, 2, 3)).argmax().item()
    assert first_from == 2 * 5 + 1  # the same row, one column to the left in the first frame


def test_a_finished_frame_is_at_most_a_grey_level_nearer_to_the_plain_mix() -> None:
    network = Interpolator(SMALL).eval()
    torch.manual_seed(0)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    first, second, time = torch.rand(2, 3, 40, 56), torch.rand(2, 3, 40, 56), torch.tensor([0.25, 0.6])
    drawn = network.between(first, second, time).frame
    plain = torch.lerp(first, second, time[:, None, None, None])
    made = network(first, second, time)
    inside = (drawn > 0.01) & (drawn < 0.99)
    nearer = (plain - drawn).abs() - (plain - made).abs()
    nearer = nearer.detach()
    assert nearer[inside].min() >= 0
    assert float(nearer[inside].max()) == pytest.approx(1 / 255, abs=1e-6)
