"""Where the things of a video are, told to a model by maps."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

import videogen as vg
from videogen.bench.frames import to_frames
from videogen.conditions.reference import Canvas, to_frame, to_picture
from videogen.jobs.following import Glimpse, follow
from videogen.world.clips import render_clips

CANVAS = Canvas.fit(64, 64, side=64, multiple=16)
REQUEST = vg.Edit("clip.mp4", prompt="a blue ball", seed=1)


def middles(maps: torch.Tensor) -> np.ndarray[Any, Any]:
    """The middle of the first thing in each map, in fractions, `t 2`."""
    red = maps[0, 0]
    axis = (torch.arange(64) + 0.5) / 64
    x, y = (red.sum(1) * axis).sum(1), (red.sum(2) * axis).sum(1)
    return np.stack([x, y], 1) / red.sum((1, 2))[:, None].numpy()


@pytest.fixture(scope="module")
def clip() -> tuple[list[np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    """A clip of one thing of the world, and where it truly is."""
    made = render_clips("object", torch.arange(12), size=64, num_frames=8, held_out=True, fps=8)
    state = made.tracks.state
    alone = (state[..., 4] > 0).any(1).sum(1) == 1
    inside = ((state[:, :, 0, :2] - 0.5).abs() < 0.35).all(2).all(1)
    number = int(torch.nonzero(alone & inside)[0])
    return list(to_frames(made.video[number])), state[number, :, 0, :2].numpy()


def test_a_thing_is_where_the_video_has_it(fake_engine: Any, clip: Any) -> None:
    frames, true = clip
    maps = follow(REQUEST, fake_engine, Glimpse(frames, []), canvas=CANVAS, rate=Fraction(8))
    assert maps is not None
    assert maps.shape == (1, 3, 8, 64, 64)
    assert np.abs(middles(maps) - true).max() < 0.06


def test_a_thing_in_a_wide_picture_is_as_round_as_it_is(fake_engine: Any, clip: Any) -> None:
    wide = Canvas.fit(64, 114, side=64, multiple=16)
    padded = [np.pad(frame, ((0, 0), (25, 25), (0, 0)), mode="edge") for frame in clip[0]]
    frames = [to_frame(Glimpse.of(to_picture(frame)[0])) for frame in padded]
    maps = follow(REQUEST, fake_engine, Glimpse(frames, []), canvas=wide, rate=Fraction(8))
    assert maps is not None
    assert maps.shape == (1, 3, 8, 64, 128)
    for red in maps[0, 0]:
        rows, columns = torch.nonzero(red > 0.1).T
        assert abs(int(rows.max() - rows.min()) - int(columns.max() - columns.min())) <= 2


def test_a_region_with_nothing_in_it_says_where_a_new_thing_goes(fake_engine: Any, clip: Any) -> None:
    frames, true = clip
    mask = torch.zeros(64, 64)
    x, y = (0.2 if true[:, axis].mean() > 0.5 else 0.8 for axis in (0, 1))
    mask[round(64 * y) - 8 : round(64 * y) + 8, round(64 * x) - 8 : round(64 * x) + 8] = 1
    maps = follow(REQUEST, fake_engine, Glimpse(frames, [mask] * 8), canvas=CANVAS, rate=Fraction(8))
    assert maps is not None
    assert np.abs(middles(maps) - [x, y]).max() < 0.03


def test_models_that_read_no_maps_are_told_none(fake_engine: Any, clip: Any) -> None:
    fake_engine.reads_carried = False
    assert follow(REQUEST, fake_engine, Glimpse(clip[0], []), canvas=CANVAS, rate=Fraction(8)) is None
