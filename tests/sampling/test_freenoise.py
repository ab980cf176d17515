"""Noise that comes again: late frames have that of the first window, shuffled block by block."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.sampling.test_sampler import SCHEDULERS
from videogen.errors import RequestError
from videogen.sampling import FreeNoise, Timeline, draw_noise, sample

SIZE: dict[str, Any] = {"channels": 3, "height": 4, "width": 5}

pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")


@st.composite
def kinds(draw: st.DrawFn) -> FreeNoise:
    window = draw(st.integers(1, 24))
    return FreeNoise(window, draw(st.integers(1, window)))


@settings(deadline=None)
@given(again=kinds(), seed=st.integers(0, 2**64), block=st.integers(0, 20))
def test_a_block_has_the_noise_of_the_block_a_window_before_it_in_some_order(
    again: FreeNoise, seed: int, block: int
) -> None:
    start = again.window + block * again.stride
    late = [again.source(number, seed=seed) for number in range(start, start + again.stride)]
    early = range(start - again.window, start - again.window + again.stride)
    assert sorted(late) == sorted(again.source(number, seed=seed) for number in early)


@settings(deadline=None)
@given(again=kinds(), seed=st.integers(0, 2**64), number=st.integers(0, 300))
def test_all_noise_is_that_of_the_first_window_whose_own_stays(
    again: FreeNoise, seed: int, number: int
) -> None:
    source = again.source(number, seed=seed)
    assert 0 <= source < again.window
    assert number >= again.window or source == number


def test_blocks_are_shuffled_anew_and_by_the_seed() -> None:
    again = FreeNoise(16, 8)
    orders = {
        tuple(again.source(number, seed=seed) for number in range(start, start + 8))
        for start in (16, 32, 48, 64)
        for seed in (1, 2)
    }
    assert len(orders) == 8


def test_each_frame_stays_unit_gaussian_and_distant_windows_have_the_same_noise() -> None:
    noise = draw_noise(channels=4, frames=64, height=64, width=64, seed=3, again=FreeNoise(16, 8))
    assert noise.mean((0, 1, 3, 4)).abs().max() < 4 / (4 * 64 * 64) ** 0.5
    assert (noise.std((0, 1, 3, 4)) - 1).abs().max() < 4 / (2 * 4 * 64 * 64) ** 0.5
    torch.testing.assert_close(noise[:, :, :16].mean(2), noise[:, :, 48:].mean(2))


@settings(deadline=None, max_examples=30)
@given(again=kinds(), short=st.integers(1, 40), more=st.integers(0, 40), first=st.integers(0, 40))
def test_a_longer_clip_starts_with_the_shorter_ones_noise_and_a_piece_has_the_noise_of_the_whole(
    again: FreeNoise, short: int, more: int, first: int
) -> None:
    whole = draw_noise(frames=short + more, seed=5, again=again, **SIZE)
    assert torch.equal(draw_noise(frames=short, seed=5, again=again, **SIZE), whole[:, :, :short])
    piece = range(min(first, short), short + more)
    if piece:
        assert torch.equal(draw_noise(frames=piece, seed=5, again=again, **SIZE), whole[:, :, piece.start :])


def test_a_piece_of_a_clip_is_sampled_from_the_noise_of_the_whole() -> None:
    def half(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
        return latents / 2

    def run(length: int, first: int) -> Tensor:
        return sample(
            half, Timeline.line(length), SCHEDULERS["dpm"](), num_inference_steps=4, seed=1, first=first,
            again=FreeNoise(8, 6), **SIZE,
        )  # fmt: skip

    whole = run(30, 0)
    assert torch.equal(run(13, 17), whole[:, :, 17:])
    assert (whole[:, :, 17:] != run(13, 0)).any()


@pytest.mark.parametrize(("window", "stride"), [(4, 0), (4, 5), (0, 0)])
def test_impossible_strides_are_refused(window: int, stride: int) -> None:
    with pytest.raises(RequestError, match="cannot come again"):
        FreeNoise(window, stride)
