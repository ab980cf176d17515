"""A person in a picture begins as the picture shows, and then does what the words plan."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from videogen.engine import Engine
from videogen.jobs.acting import UNSAID, act, ease_in
from videogen.types import Pose

Points = np.ndarray[Any, np.dtype[np.float32]]


@pytest.fixture(scope="module")
def pocket() -> Engine:
    return Engine("pocket", device="cpu")


def moving(count: int) -> Pose:
    """A pose that rises evenly."""
    points = np.zeros((count, 5, 3), dtype=np.float32)
    points[..., :2] = 0.3 + 0.01 * np.arange(count)[:, None, None]
    points[..., 2] = 1
    return Pose(points, fps=Fraction(8))


def still() -> Points:
    points = np.full((5, 3), 0.6, dtype=np.float32)
    points[4] = 0
    return points


def test_the_first_frame_is_the_picture_s_and_the_rest_goes_over_in_half_a_second() -> None:
    plan = moving(12)
    eased = ease_in(plan, still()).points
    np.testing.assert_array_equal(eased[0], still())
    np.testing.assert_array_equal(eased[4:], plan.points[4:])
    gaps = np.abs(eased[:5, 0, 0] - plan.points[:5, 0, 0])
    assert (np.diff(gaps) < 0).all()


def test_points_that_one_of_both_lacks_are_the_plan_s() -> None:
    plan = moving(6)
    np.testing.assert_array_equal(ease_in(plan, still()).points[1:, 4], plan.points[1:, 4])


def test_a_faster_clip_takes_more_frames_to_go_over() -> None:
    slow, fast = ease_in(moving(12), still()), ease_in(replace(moving(12), fps=Fraction(16)), still())
    assert np.abs(fast.points[3, 0] - slow.points[3, 0]).max() > 0.01


def act_on(points: Points, prompt: str | None, engine: Engine) -> Any:
    frame = np.zeros((60, 80, 3), dtype=np.uint8)
    return act(frame, points, prompt, engine, length=9, fps=Fraction(8), seed=1, size=(60, 80))


@pytest.mark.parametrize("prompt", ["a woman nods", None])
def test_a_head_moves_as_words_say_or_by_itself_from_where_it_is(
    prompt: str | None, pocket: Engine, head_moves: Points
) -> None:
    made = act_on(head_moves[0], prompt, pocket)
    assert made.num_frames == 9
    np.testing.assert_array_equal(made.moving[0].numpy(), head_moves[0])
    assert np.abs(made.moving[-1].numpy() - head_moves[0]).max() > 0.005


def test_words_about_a_thing_move_nobody(pocket: Engine, head_moves: Points) -> None:
    assert act_on(head_moves[0], "a red ball bounces", pocket) is None


def test_what_is_done_unsaid_is_said_in_words_that_pocket_knows(pocket: Engine) -> None:
    for words in UNSAID.values():
        assert pocket.unknown_words(words) == []
