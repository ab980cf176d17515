"""Guidance is a sum over a chain of denoisers, and asks no more of them than it needs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from videogen.errors import RequestError
from videogen.sampling import guided
from videogen.types import Denoiser

LATENTS, TIMESTEP, FRAMES = torch.ones(1, 2, 3, 4, 4), torch.tensor(5.0), torch.arange(3)[None]


class Recorded:
    """Denoisers that predict a constant times the latents, and remember who was called."""

    def __init__(self) -> None:
        self.calls: list[float] = []

    def __call__(self, factor: float) -> Denoiser:
        def denoise(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
            self.calls.append(factor)
            return factor * latents

        return denoise


@pytest.mark.parametrize(
    ("factors", "scales"),
    [
        ([2.0, 3.0], [7.5]),
        ([2.0, 3.0], [0.5]),
        ([1.0, 4.0, 9.0], [3.0, 1.5]),
        ([1.0, 4.0, 9.0, 2.0], [2, 1, 5]),
    ],
)
def test_each_link_is_weighed_by_its_own_scale(factors: list[float], scales: list[float]) -> None:
    chain = [Recorded()(factor) for factor in factors]
    expected = factors[0]
    for index, scale in enumerate(scales):
        expected += scale * (factors[index + 1] - factors[index])
    prediction = guided(chain, scales)(LATENTS, TIMESTEP, FRAMES)
    assert torch.allclose(prediction, expected * LATENTS)


@pytest.mark.parametrize(
    ("scales", "called"),
    [([1.0, 1.0], [9.0]), ([0.0, 0.0], [1.0]), ([3.0, 3.0], [1.0, 9.0]), ([1.0, 4.0], [4.0, 9.0]),
     ([2.0, 0.0], [1.0, 4.0]), ([2.0, 3.0], [1.0, 4.0, 9.0])],
)  # fmt: skip
def test_links_without_influence_are_not_called(scales: list[float], called: list[float]) -> None:
    links = Recorded()
    guided([links(1.0), links(4.0), links(9.0)], scales)(LATENTS, TIMESTEP, FRAMES)
    assert links.calls == called


def test_scale_one_returns_the_full_prediction_bit_for_bit() -> None:
    full = torch.randn(1, 2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    prediction = guided([Recorded()(2.0), lambda x, t, f: full], [1.0])(LATENTS, TIMESTEP, FRAMES)
    assert prediction is full


def test_a_chain_and_scales_that_do_not_fit_are_refused() -> None:
    with pytest.raises(RequestError, match="1 guidance scales"):
        guided([Recorded()(1.0), Recorded()(2.0)], [1.0, 2.0])


@pytest.mark.parametrize("frames", [[[0, 1, 2]], [[4, 5, 3], [0, 5, 1]]])
def test_each_frame_may_have_a_scale_of_its_own_by_its_number(frames: list[list[int]]) -> None:
    scale, rows = torch.linspace(1, 3, 6), torch.tensor(frames)
    latents = torch.ones(len(frames), 2, 3, 4, 4)
    prediction = guided([Recorded()(2.0), Recorded()(5.0)], [scale])(latents, TIMESTEP, rows)
    expected = (2 + scale[rows] * (5 - 2))[:, None, :, None, None]
    assert torch.allclose(prediction, expected * latents)


@pytest.mark.parametrize(
    ("scale", "called"),
    [(torch.ones(3), [4.0]), (torch.zeros(3), [1.0]), (torch.tensor([1.0, 0.0, 1.0]), [1.0, 4.0])],
)
def test_links_without_influence_on_any_frame_are_not_called(scale: Tensor, called: list[float]) -> None:
    links = Recorded()
    guided([links(1.0), links(4.0)], [scale])(LATENTS, TIMESTEP, FRAMES)
    assert links.calls == called


def test_scales_per_frame_stand_beside_plain_ones() -> None:
    chain = [Recorded()(factor) for factor in (1.0, 4.0, 9.0)]
    scale = torch.tensor([1.0, 2.0, 3.0])
    prediction = guided(chain, [2.0, scale])(LATENTS, TIMESTEP, FRAMES)
    expected = 1 + 2 * (4 - 1) + scale * (9 - 4)
    assert torch.allclose(prediction, expected[None, None, :, None, None] * LATENTS)
