"""Windows cover, blend to one, move, and wrap only on a ring."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from videogen.errors import RequestError
from videogen.sampling import plan_windows, windowed
from videogen.sampling.windows import Weights, _taper

WEIGHTS: tuple[Weights, ...] = ("pyramid", "overlap-linear", "flat")


@st.composite
def plans(draw: st.DrawFn) -> dict[str, int]:
    window = draw(st.integers(1, 24))
    return {
        "length": draw(st.integers(1, 120)),
        "window": window,
        "overlap": draw(st.integers(0, window - 1)),
        "shift": draw(st.integers(0, 2**32)),
    }


@st.composite
def cuts(draw: st.DrawFn) -> dict[str, Any]:
    """A cut of a clip as `windowed` is told it, with any weights, with and without an anchor."""
    anchor = draw(st.booleans())
    window = draw(st.integers(2 if anchor else 1, 24))
    return {
        "length": draw(st.integers(1, 120)),
        "window": window,
        "overlap": draw(st.integers(0, window - 1 - anchor)),
        "ring": draw(st.booleans()),
        "batch": draw(st.integers(1, 5)),
        "weights": draw(st.sampled_from(WEIGHTS)),
        "anchor": anchor,
    }


def clip(frames: int, *, batch: int = 1) -> tuple[Tensor, Tensor]:
    latents = torch.randn(batch, 2, frames, 3, 2, generator=torch.Generator().manual_seed(0))
    return latents, torch.arange(frames).expand(batch, frames)


@given(plan=plans(), ring=st.booleans())
def test_every_frame_is_covered_by_windows_of_one_length(plan: dict[str, int], ring: bool) -> None:
    windows = plan_windows(**plan, ring=ring)
    assert {number for window in windows for number in window} == set(range(plan["length"]))
    assert {len(window) for window in windows} == {min(plan["window"], plan["length"])}
    assert all(len(set(window)) == len(window) for window in windows)


@given(plan=plans(), ring=st.booleans())
def test_neighbours_share_at_least_the_overlap(plan: dict[str, int], ring: bool) -> None:
    windows = plan_windows(**plan, ring=ring)
    neighbours = [*pairwise(windows), (windows[-1], windows[0])] if ring else pairwise(windows)
    assert all(len(set(a) & set(b)) >= min(plan["overlap"], len(a)) for a, b in neighbours)


@given(plan=plans())
def test_nothing_wraps_on_a_line(plan: dict[str, int]) -> None:
    windows = plan_windows(**plan)
    assert all(b == a + 1 for window in windows for a, b in pairwise(window))
    assert windows[0][0] == 0
    assert windows[-1][-1] == plan["length"] - 1


@given(plan=plans())
def test_windows_are_few(plan: dict[str, int]) -> None:
    stride = plan["window"] - plan["overlap"]
    fewest = max(0, -(-(plan["length"] - plan["window"]) // stride)) + 1
    assert len(plan_windows(**plan)) <= fewest + 1
    assert len(plan_windows(**plan, ring=True)) <= -(-plan["length"] // stride)


@given(plan=plans().filter(lambda plan: plan["length"] > 1))
def test_a_ring_is_cut_elsewhere_for_every_shift(plan: dict[str, int]) -> None:
    shifted = {**plan, "shift": plan["shift"] + 1}
    moved = [
        [(number + 1) % plan["length"] for number in window] for window in plan_windows(**plan, ring=True)
    ]
    assert plan_windows(**shifted, ring=True) == moved


@given(plan=plans().filter(lambda plan: plan["length"] > plan["window"]))
def test_the_windows_of_a_ring_are_spread_evenly(plan: dict[str, int]) -> None:
    starts = [window[0] for window in plan_windows(**plan, ring=True)]
    gaps = [(b - a - 1) % plan["length"] + 1 for a, b in pairwise([*starts, starts[0]])]
    assert max(gaps) - min(gaps) <= 1


def test_the_seams_of_a_line_and_of_a_ring_move_from_timestep_to_timestep() -> None:
    for ring, length in ((False, 40), (True, 40), (True, 16)):
        seen = []

        def denoise(latents: Tensor, timestep: Tensor, frames: Tensor, seen: list[object] = seen) -> Tensor:
            seen.append(tuple(frames[:, 0].tolist()))
            return latents

        denoiser = windowed(denoise, length=length, ring=ring, window=16, overlap=4, batch=9)
        timesteps = torch.linspace(999, 10, 12)
        for timestep in [*timesteps, *timesteps]:
            denoiser(clip(length)[0], timestep, clip(length)[1])
        assert len(set(seen)) >= 6, "the seams hardly move"
        assert seen[:12] == seen[12:], "the seams depend on more than the timestep"


@settings(deadline=None)
@given(cut=cuts(), value=st.floats(-1e3, 1e3, width=32), time=st.integers(0, 2**32))
def test_blending_a_constant_gives_the_constant(cut: dict[str, Any], value: float, time: int) -> None:
    latents, frames = clip(cut["length"])
    denoiser = windowed(lambda latents, timestep, frames: torch.full_like(latents, value), **cut)
    assert torch.equal(denoiser(latents, torch.tensor(time), frames), torch.full_like(latents, value))


@settings(deadline=None)
@given(cut=cuts(), rows=st.integers(1, 2), time=st.integers(0, 1000))
def test_a_denoiser_that_looks_at_single_frames_is_the_same_with_windows(
    cut: dict[str, Any], rows: int, time: int
) -> None:
    def denoise(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
        return latents.sin() * 3 + frames[:, None, :, None, None] * timestep

    latents, frames = clip(cut["length"], batch=rows)
    timestep = torch.tensor(time / 1000)
    assert torch.equal(
        windowed(denoise, **cut)(latents, timestep, frames), denoise(latents, timestep, frames)
    )


@settings(deadline=None)
@given(cut=cuts(), time=st.integers(0, 1000))
def test_every_frame_is_denoised_among_its_neighbours_in_windows_of_one_length(
    cut: dict[str, Any], time: int
) -> None:
    seen: list[list[int]] = []

    def denoise(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
        seen.extend(frames.tolist())
        return latents

    length = cut["length"]
    windowed(denoise, **cut)(clip(length)[0], torch.tensor(time), clip(length)[1])
    assert {len(numbers) for numbers in seen} == {min(cut["window"], length)}
    assert all(len(set(numbers)) == len(numbers) for numbers in seen)
    covered = set()
    for numbers in seen:
        own = numbers
        if cut["anchor"] and length > 2:
            assert 0 in numbers, "the anchor is not shown"
            if numbers[0] == 0 and len(numbers) > 1 and numbers[1] != 1:
                own = numbers[1:]
        turn = length if cut["ring"] else length + 1
        assert all((a + 1) % turn == b for a, b in pairwise(own)), "a window wraps, or has a hole"
        covered |= set(own)
    assert covered == set(range(length))


def test_the_seams_of_anchored_windows_move_too() -> None:
    for ring in (False, True):
        seen = []

        def denoise(latents: Tensor, timestep: Tensor, frames: Tensor, seen: list[object] = seen) -> Tensor:
            seen.append(tuple(frames[:, 1].tolist()))
            return latents

        denoiser = windowed(denoise, length=40, ring=ring, window=16, overlap=4, batch=9, anchor=True)
        for timestep in torch.linspace(999, 10, 12):
            denoiser(clip(40)[0], timestep, clip(40)[1])
        assert len(set(seen)) >= 6, "the seams hardly move"


def test_what_late_windows_say_of_the_anchor_is_dropped() -> None:
    def denoise(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
        return torch.zeros_like(latents) + frames[:, None, -1:, None, None]

    latents, frames = clip(24)
    plain = windowed(denoise, length=24, window=8, overlap=2, anchor=True)
    assert (plain(latents, torch.tensor(1.0), frames)[0, 0, 0] == 7).all(), "windows not of its own had a say"


@pytest.mark.parametrize("weights", WEIGHTS)
def test_weights_are_those_of_their_names(weights: Weights) -> None:
    known = {
        "pyramid": [1, 2, 3, 4, 4, 3, 2, 1],
        "overlap-linear": [1, 2, 3, 3, 3, 3, 2, 1],
        "flat": [1] * 8,
    }
    assert _taper(8, overlap=2, weights=weights).tolist() == known[weights]


def test_windows_that_disagree_are_blended_gradually() -> None:
    def denoise(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
        return torch.zeros_like(latents) + frames[:, None, :1, None, None]

    latents, frames = clip(24)
    blended = windowed(denoise, length=24, window=16, overlap=8)(latents, torch.tensor(1.0), frames)
    values = blended[0, 0, :, 0, 0]
    assert values.diff().min() >= 0
    assert values.diff().max() < 2
    assert values[0] == 0
    assert values[-1] == 8


@pytest.mark.parametrize("ring", [False, True])
@pytest.mark.parametrize("batch", [1, 2, 3, 4, 100])
def test_up_to_a_batch_of_windows_is_evaluated_at_once_and_changes_nothing(batch: int, ring: bool) -> None:
    sizes = []

    def denoise(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
        sizes.append(len(latents))
        return latents + 0.3 * latents.roll(1, dims=2)

    latents, frames = clip(50, batch=2)
    timestep = torch.tensor(321.0)
    one, many = (
        windowed(denoise, length=50, window=16, overlap=4, ring=ring, batch=size)(latents, timestep, frames)
        for size in (1, batch)
    )
    assert torch.equal(one, many)
    assert max(sizes) <= 2 * batch
    assert batch == 1 or max(sizes) > 2


def test_a_line_that_fits_in_one_window_is_passed_on_untouched() -> None:
    def denoise(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
        return latents

    latents, frames = clip(16)
    result = windowed(denoise, length=16, window=16, overlap=4)(latents, torch.tensor(5.0), frames)
    assert result is latents


def test_a_ring_that_fits_in_one_window_is_one_call_over_all_frames() -> None:
    seen = []

    def denoise(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
        seen.append(frames[0].tolist())
        return latents

    latents, frames = clip(10)
    result = windowed(denoise, length=10, window=16, overlap=4, ring=True)(latents, torch.tensor(5.0), frames)
    assert torch.equal(result, latents)
    assert len(seen) == 1
    assert all(b == (a + 1) % 10 for a, b in pairwise(seen[0]))


def test_windows_run_in_the_precision_of_the_latents() -> None:
    latents, frames = clip(20)
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        denoiser = windowed(lambda x, t, f: x.double(), length=20, window=8, overlap=2)
        result = denoiser(latents.to(dtype), torch.tensor(5.0), frames)
        assert torch.equal(result, latents.to(dtype))


@pytest.mark.parametrize(
    ("window", "overlap", "batch"), [(0, 0, 1), (4, 4, 1), (4, -1, 1), (4, 5, 1), (4, 1, 0)]
)
def test_impossible_windows_are_refused(window: int, overlap: int, batch: int) -> None:
    with pytest.raises(RequestError, match="give"):
        windowed(lambda x, t, f: x, length=10, window=window, overlap=overlap, batch=batch)


def test_a_clip_of_another_length_is_refused() -> None:
    latents, frames = clip(12)
    with pytest.raises(RequestError, match="10 frames were given 12"):
        windowed(lambda x, t, f: x, length=10, window=4, overlap=1)(latents, torch.tensor(1.0), frames)
