"""Readings of one clip agree on what all of them see, each through a view that undoes itself."""

from __future__ import annotations

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from videogen.errors import RequestError
from videogen.sampling import IDENTITY, VIEWS, Levels, Reading, Timeline, View, agreeing, average, sample

SHAPE = (1, 3, 4, 6, 6)
VIDEO = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
FRAMES = torch.arange(4)[None]
LEVELS = Levels(FlowMatchEulerDiscreteScheduler(), 4, device=torch.device("cpu"))
TIMESTEP = torch.tensor(next(iter(LEVELS._levels)))  # the first of the schedule


def lopsided(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
    return latents.cumsum(-1) + latents.cumsum(-2) + latents.cumsum(-3) + 0.1


def agreed(*readings: Reading) -> object:
    return agreeing(readings, levels=LEVELS, decode=torch.clone, encode=torch.clone)


@given(
    name=st.sampled_from(sorted(VIEWS)),
    rows=st.integers(1, 4),
    frames=st.integers(1, 5),
    seed=st.integers(0, 9),
)
def test_a_view_is_undone_by_its_inverse(name: str, rows: int, frames: int, seed: int) -> None:
    view = VIEWS[name]
    columns = rows if name == "rotate-90" else rows + 1
    generator = torch.Generator().manual_seed(seed)
    for shape in ((1, 3, frames, 2 * rows, 2 * columns), (frames, 2 * rows, 2 * columns)):
        video = torch.randn(shape, generator=generator)
        assert torch.equal(view.inverse(view.view(video)), video)
        assert torch.equal(view.view(view.inverse(video)), video)


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_a_view_shows_something_else_without_touching_what_it_is_of(name: str) -> None:
    before = VIDEO.clone()
    assert not torch.equal(VIEWS[name].view(VIDEO), VIDEO)
    assert torch.equal(VIDEO, before)


def test_the_quarters_of_a_jigsaw_change_places_crosswise() -> None:
    picture = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None]
    assert VIEWS["jigsaw"].view(picture)[0].tolist() == [[4, 3], [2, 1]]


def test_a_quarter_turn_is_clockwise() -> None:
    picture = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None]
    assert VIEWS["rotate-90"].view(picture)[0].tolist() == [[3, 1], [4, 2]]


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_readings_of_one_clip_go_on_from_one_clip(name: str) -> None:
    view = VIEWS[name]
    both = agreed(Reading(lopsided, IDENTITY, 0.5), Reading(lopsided, view, 0.5))
    latents = torch.cat([VIDEO, view.view(VIDEO)], 1)
    own, other = both(latents, TIMESTEP, FRAMES).chunk(2, 1)  # type: ignore[operator]
    clean = LEVELS.clean(VIDEO, own, TIMESTEP)
    seen = LEVELS.clean(view.view(VIDEO), other, TIMESTEP)
    torch.testing.assert_close(view.view(clean), seen, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["flip", "mirror", "rotate-180", "negate", "jigsaw", "reverse"])
def test_averaging_commutes_with_a_view_that_is_its_own_inverse(name: str) -> None:
    view = VIEWS[name]
    readings = [Reading(lopsided, IDENTITY, 0.5), Reading(lopsided, view, 0.5)]
    other = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))
    there = average(readings, [other, VIDEO])
    torch.testing.assert_close(view.view(average(readings, [VIDEO, other])), there)


def test_weights_are_shares_of_the_average() -> None:
    flip = VIEWS["flip"]
    readings = [Reading(lopsided, IDENTITY, 3), Reading(lopsided, flip, 1)]
    found = average(readings, [VIDEO, flip.view(VIDEO + 4)])
    torch.testing.assert_close(found, VIDEO + 1)


def test_a_reading_alone_is_its_own_denoiser() -> None:
    alone = agreed(Reading(lopsided, IDENTITY, 1.0))
    found = alone(VIDEO, TIMESTEP, FRAMES)  # type: ignore[operator]
    torch.testing.assert_close(found, lopsided(VIDEO, TIMESTEP, FRAMES), atol=1e-4, rtol=1e-4)


def test_each_reading_is_asked_once_for_its_own_latents_with_the_frames_untouched() -> None:
    seen = []

    def denoise(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
        seen.append(latents)
        assert frames is FRAMES
        return latents

    both = agreed(Reading(denoise, IDENTITY, 0.5), Reading(denoise, VIEWS["reverse"], 0.5))
    latents = torch.cat([VIDEO, VIDEO + 1], 1)
    both(latents, TIMESTEP, FRAMES)  # type: ignore[operator]
    assert len(seen) == 2
    assert torch.equal(seen[0], VIDEO)
    assert torch.equal(seen[1], VIDEO + 1)


@pytest.mark.parametrize("view", [VIEWS["flip"], VIEWS["negate"], VIEWS["reverse"]])
def test_two_who_want_different_clips_land_half_way(view: View) -> None:
    wanted = torch.ones(SHAPE), torch.arange(4.0)[:, None, None].expand(SHAPE)

    def wanting(clip: Tensor) -> object:
        return lambda latents, timestep, frames: LEVELS.prediction(latents, clip, timestep)

    readings = [
        Reading(wanting(clip), one, 0.5)  # type: ignore[arg-type]
        for clip, one in zip(wanted, (IDENTITY, view), strict=True)
    ]
    landed = sample(
        agreed(*readings), Timeline.line(4), FlowMatchEulerDiscreteScheduler(),  # type: ignore[arg-type]
        channels=6, height=6, width=6, num_inference_steps=4, seed=0,
    )  # fmt: skip
    own, other = landed.chunk(2, 1)
    half = (wanted[0] + view.inverse(wanted[1])) / 2
    torch.testing.assert_close(own, half, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(other, view.view(half), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("weights", [(), (0.5, 0.0), (-1.0, 2.0)])
def test_no_reading_and_one_without_weight_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(RequestError, match="weight above 0"):
        agreed(*(Reading(lopsided, IDENTITY, weight) for weight in weights))
