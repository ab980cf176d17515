"""Keyframes that show motion: what is carried on from them, and when they are left to the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import videogen as vg
from tests.moving import ground, square_over
from videogen.conditions.reference import to_picture
from videogen.engine import Conditions
from videogen.jobs.keyframing import Moving, _runs
from videogen.jobs.shown import Shown
from videogen.jobs.text_to_video import generate
from videogen.media.image import write_image

LENGTH, SIDE = 16, 12
FRAMES = (2, 3, 4, 5, 10, 11, 12, 13)


def truth() -> np.ndarray:
    """A square that goes to the right over a patterned ground, 4 pixels a frame."""
    return square_over(ground(64, 96), length=LENGTH, at=(14, 32), by=(4, 0), side=SIDE)


def carried(numbers: tuple[int, ...] = FRAMES) -> Moving | None:
    frames = truth()
    pictures = torch.cat([to_picture(frames[number]) for number in numbers])
    return Moving.of(pictures, frames=numbers, length=LENGTH, fps=8.0, seed=0)


def test_numbers_in_order_are_stretches() -> None:
    assert list(_runs([0, 1, 4, 5, 6, 9])) == [range(2), range(4, 7), range(9, 10)]


def test_what_lies_around_keyframes_is_carried_on_from_them() -> None:
    moving, frames = carried(), truth()
    assert moving is not None
    assert sorted([*moving.keyframes, *moving.carried]) == list(range(LENGTH))
    grey = torch.zeros(3, 64, 96)
    for number, frame in enumerate(frames):
        made = moving.show(number, grey).astype(float)
        off = np.abs(made - frame).max(-1)
        assert (off > 40).mean() < 0.03, f"frame {number}"
        if number in FRAMES:
            np.testing.assert_array_equal(made, frame)


def test_the_order_of_keyframes_says_nothing() -> None:
    one, other = carried(), carried(FRAMES[::-1])
    grey = torch.zeros(3, 64, 96)
    for number in range(LENGTH):
        np.testing.assert_array_equal(one.show(number, grey), other.show(number, grey))


def test_what_is_drawn_is_seen_where_nothing_is_known() -> None:
    moving = carried()
    shown = [
        (moving.show(7, torch.full((3, 64, 96), level)).astype(int), moving._at(7)[1].numpy())
        for level in (-1.0, 1.0)
    ]
    apart = np.abs(shown[0][0] - shown[1][0]).max(-1)
    assert apart[shown[0][1] > 0.999].max() <= 1


def test_a_keyframe_alone_shows_no_motion() -> None:
    assert carried((0, 1, 8)) is None
    assert carried((0,)) is None


def test_the_network_is_told_all_of_a_keyframe(fake_engine: Any) -> None:
    moving = carried()
    told = moving.told(Conditions(fps=8.0), fake_engine)
    factor = fake_engine.spec.vae_scale_factor
    assert told.visibility.shape == (1, 1, LENGTH, 64 // factor, 96 // factor)
    assert told.carried.shape[2:] == told.visibility.shape[2:]
    for number in FRAMES:
        assert bool((told.visibility[0, 0, number] == 1).all())
    pictures = torch.stack([moving._at(number)[0] for number in range(LENGTH)])
    torch.testing.assert_close(told.carried, fake_engine.encode_video(pictures))


@pytest.fixture
def stills(tmp_path: Path) -> tuple[str, ...]:
    """Keyframes of the true clip at 8 frames a second, as they are written in a request."""
    for number in FRAMES:
        write_image(tmp_path / f"{number}.png", truth()[number])
    return tuple(f"{number / 8}={tmp_path / f'{number}.png'}" for number in FRAMES)


def asked(stills: tuple[str, ...], **fields: Any) -> vg.TextToVideo:
    return vg.TextToVideo(
        "a red square", keyframe=stills, num_frames=LENGTH, height=64, width=96, seed=1, **fields
    )


def test_a_clip_of_words_is_carried_and_shows_its_keyframes_exactly(
    fake_engine: Any, stills: tuple[str, ...]
) -> None:
    frames = np.stack(list(generate(asked(stills), fake_engine)))
    np.testing.assert_array_equal(frames[list(FRAMES)], truth()[list(FRAMES)])
    assert (np.abs(frames.astype(int) - truth()).max(-1) > 40).mean() < 0.03


@pytest.mark.parametrize(
    "fields",
    [{"plan": False}, {"path": "0.2,0.5 0.8,0.5"}, {"motion_prompt": "a red ball bounces"}],
    ids=lambda fields: next(iter(fields)),
)
def test_motion_that_is_named_counts_more(
    fake_engine: Any, stills: tuple[str, ...], fields: dict[str, Any]
) -> None:
    shown = Shown.read(asked(stills, **fields), fake_engine, fps=8.0, length=LENGTH, size=(64, 96))
    assert shown.moving is None
    latents = torch.randn(1, 2, 3, 4, 4)
    plain = fake_engine.decode(latents)
    for made, frame in zip(shown.decoded(fake_engine, latents, begin=2), plain, strict=True):
        np.testing.assert_array_equal(made, frame)


def test_a_model_that_is_told_by_hints_carries_nothing(fake_engine: Any, stills: tuple[str, ...]) -> None:
    fake_engine.reads_keyframes = True
    assert Shown.read(asked(stills), fake_engine, fps=8.0, length=LENGTH, size=(64, 96)).moving is None
