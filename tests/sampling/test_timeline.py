"""A timeline says which frames are known, and refuses what contradicts itself."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest
import torch

from videogen.errors import RequestError
from videogen.sampling import Timeline

LATENTS = torch.randn(1, 2, 3, 4, 5, generator=torch.Generator().manual_seed(0))


def test_a_line_and_a_ring_start_with_nothing_known() -> None:
    line, ring = Timeline.line(7), Timeline.ring_of(7)
    assert (line.length, line.ring, ring.length, ring.ring) == (7, False, 7, True)
    assert line.known is line.mask is ring.known is ring.mask is None


def test_known_frames_are_put_in_their_places() -> None:
    timeline = Timeline.line(6).with_known(LATENTS, frames=[4, 0, 2])
    assert timeline.known is not None
    assert timeline.mask is not None
    assert torch.equal(timeline.known[:, :, [4, 0, 2]], LATENTS)
    assert timeline.mask[0, 0, :, 0, 0].tolist() == [1, 0, 1, 0, 1, 0]
    assert timeline.mask.shape == (1, 1, 6, 4, 5)
    assert not timeline.known[:, :, [1, 3, 5]].any()


def test_known_frames_can_be_added_and_replaced_without_touching_the_first_timeline() -> None:
    first = Timeline.line(6).with_known(LATENTS, frames=[0, 1, 2])
    second = first.with_known(-LATENTS, frames=[2, 3, 4])
    assert first.known is not None
    assert second.known is not None
    assert second.mask is not None
    assert torch.equal(second.known[:, :, 2:5], -LATENTS)
    assert torch.equal(second.known[:, :, :2], LATENTS[:, :, :2])
    assert torch.equal(first.known[:, :, :3], LATENTS)
    assert second.mask[0, 0, :, 0, 0].tolist() == [1, 1, 1, 1, 1, 0]


def test_a_region_of_a_frame_can_be_known() -> None:
    region = torch.zeros(4, 5)
    region[1, 2] = 1
    timeline = Timeline.line(3).with_known(LATENTS, frames=range(3), region=region)
    assert timeline.known is not None
    assert timeline.mask is not None
    assert torch.equal(timeline.mask[0, 0], region.expand(3, 4, 5))
    assert torch.equal(timeline.known, LATENTS * region)


def test_what_was_known_of_a_frame_stays_known_when_another_region_is_added() -> None:
    left = torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0])
    right = torch.tensor([0.0, 0.0, 0.0, 1.0, 1.0])
    timeline = Timeline.line(3).with_known(LATENTS, frames=range(3), region=left)
    timeline = timeline.with_known(-LATENTS, frames=range(3), region=right)
    assert timeline.known is not None
    assert timeline.mask is not None
    assert torch.equal(timeline.mask[0, 0], (left + right).expand(3, 4, 5))
    assert torch.equal(timeline.known, LATENTS * left - LATENTS * right)


def test_the_numbers_of_a_ring_run_over_its_ends() -> None:
    timeline = Timeline.ring_of(5).with_known(LATENTS, frames=[-1, 5, 1])
    assert timeline.known is not None
    assert torch.equal(timeline.known[:, :, [4, 0, 1]], LATENTS)


def test_an_edit_knows_every_frame_and_keeps_what_it_is_told_to() -> None:
    keep = torch.zeros(1, 1, 3, 1, 1)
    keep[:, :, 1] = 1
    free, held = Timeline.edit(LATENTS, strength=0.5), Timeline.edit(LATENTS, strength=0.5, keep=keep)
    assert free.known is LATENTS
    assert free.mask is not None
    assert held.mask is not None
    assert not free.mask.any()
    assert torch.equal(held.mask, keep.expand(1, 1, 3, 4, 5))
    assert (held.length, held.strength, held.ring) == (3, 0.5, False)


def test_a_timeline_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Timeline.line(3).length = 4  # type: ignore[misc]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"length": 0}, "at least 1"),
        ({"length": 3, "strength": 1.1}, "strength"),
        ({"length": 3, "strength": -0.1}, "strength"),
        ({"length": 3, "strength": float("nan")}, "strength"),
        ({"length": 3, "strength": 0.5}, "none are known"),
        ({"length": 3, "known": LATENTS}, "or neither"),
        ({"length": 3, "mask": torch.ones(1, 1, 3, 4, 5)}, "or neither"),
        ({"length": 4, "known": LATENTS, "mask": torch.ones(1, 1, 3, 4, 5)}, "3 frames"),
        ({"length": 3, "known": LATENTS[0], "mask": torch.ones(1, 1, 3, 4, 5)}, "1 c t h w"),
        ({"length": 3, "known": LATENTS, "mask": torch.ones(1, 2, 3, 4, 5)}, "the mask has shape"),
        ({"length": 3, "known": LATENTS, "mask": torch.full((1, 1, 3, 4, 5), 0.5)}, "other than 0 and 1"),
        ({"length": 3, "known": LATENTS / 0, "mask": torch.ones(1, 1, 3, 4, 5)}, "NaN or Inf"),
    ],
)
def test_contradictions_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Timeline(**fields)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([0, 1], "one number per frame"),
        ([0, 1, 1], "each once"),
        ([3, 4, 5], "outside"),
        ([-1, 0, 1], "outside"),
    ],
)
def test_frames_that_have_no_place_are_refused(frames: list[int], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Timeline.line(5).with_known(LATENTS, frames=frames)


def test_latents_and_regions_that_do_not_fit_are_refused() -> None:
    timeline = Timeline.line(5).with_known(LATENTS, frames=[0, 1, 2])
    with pytest.raises(RequestError, match="same channels"):
        timeline.with_known(LATENTS[:, :1], frames=[0, 1, 2])
    with pytest.raises(RequestError, match="broadcast"):
        timeline.with_known(LATENTS, frames=[0, 1, 2], region=torch.ones(3, 3))
    with pytest.raises(RequestError, match="1 c t h w"):
        timeline.with_known(LATENTS[0], frames=[0, 1, 2])
