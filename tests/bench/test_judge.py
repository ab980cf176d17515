"""The judge of colours and places, on true renders, which it must hardly ever get wrong."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from videogen.bench.judge import judge_colour, judge_scene
from videogen.bench.suite import to_frames
from videogen.world.clips import render_clips
from videogen.world.dice import Dice
from videogen.world.figure import COLOURS
from videogen.world.scene import SCENES, draw_scene


def share_right(*, clips: int, held_out: bool, least_pairs: int) -> tuple[float, float]:
    """Return the shares of right colours and places; checks that enough pairs of the two came up."""
    batch = render_clips("object", torch.arange(clips), size=64, num_frames=3, held_out=held_out)
    pairs = {(label["colour"], label["scene"]) for label in batch.labels}
    assert len(pairs) >= least_pairs
    colours, scenes = [], []
    for video, label in zip(batch.video, batch.labels, strict=True):
        frames = to_frames(video)
        colours.append(judge_colour(frames) == label["colour"])
        scenes.append(judge_scene(frames) == label["scene"])
    return float(np.mean(colours)), float(np.mean(scenes))


@pytest.mark.parametrize("held_out", [False, True])
def test_colours_and_places_of_true_renders_are_recognised(held_out: bool) -> None:
    never_together = 4  # white in the snow and the like
    every_pair = len(list(itertools.product(COLOURS, SCENES))) - never_together
    colour, scene = share_right(clips=200, held_out=held_out, least_pairs=every_pair - 3)
    assert colour >= 0.98
    assert scene >= 0.98


@pytest.mark.parametrize("number", range(len(SCENES)), ids=SCENES)
def test_an_empty_place_has_no_colour_but_is_recognised(number: int) -> None:
    drawn = draw_scene(torch.tensor([number]), Dice(torch.arange(1), seed=5), size=64)
    frames = to_frames(drawn[0, :, None].expand(-1, 2, -1, -1) * 2 - 1)
    assert judge_colour(frames) is None
    assert judge_scene(frames) == SCENES[number]
