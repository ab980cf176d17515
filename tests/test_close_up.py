"""The face of a carried picture from near: where it lies, what it shows, how it is laid over the whole."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from videogen.carried import CarriedPicture
from videogen.close_up import CloseUp
from videogen.skeleton import BODY, FACE_SLICE
from videogen.types import Pose

SIZE = (200, 300)


@pytest.fixture
def whole(fake_engine: Any, head_moves: np.ndarray) -> Callable[..., CarriedPicture]:
    """A picture in which a head, a sixth as large as the fixture's, moves aside."""

    def make(*, shrink: float = 0.4, aside: float = 0.0, hidden: int | None = None) -> CarriedPicture:
        points = head_moves.copy()
        points[..., :2] = (points[..., :2] - 0.5) * [shrink / 1.5, shrink] + 0.5
        points[..., 0] += aside * np.arange(len(points))[:, None]
        if hidden is not None:
            points[hidden, FACE_SLICE, 2] = 0
        photo = np.random.default_rng(0).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
        driving = Pose(points, fps=Fraction(8), aspect=1.5)
        return CarriedPicture.along(photo, points[0], driving.points, size=SIZE, spec=fake_engine.spec)

    return make


def test_the_square_follows_the_head(whole: Any, fake_engine: Any) -> None:
    carried = whole(aside=0.02)
    close_up = CloseUp.of(carried, spec=fake_engine.spec)
    middles = close_up.squares[:, :2] + close_up.squares[:, 2:] / 2
    noses = carried.moving[:, FACE_SLICE.start + 30, :2].numpy() * [SIZE[1], SIZE[0]]
    assert (np.abs(middles - noses) < 0.35 * close_up.squares[:, 2:]).all()
    assert np.ptp(middles[:, 0]) > 0.05 * SIZE[1]


def test_the_face_fills_the_square(whole: Any, fake_engine: Any) -> None:
    close_up = CloseUp.of(whole(), spec=fake_engine.spec)
    face = close_up.carried.still[FACE_SLICE, :2]
    assert 0.5 < float(face[:, 0].max() - face[:, 0].min()) < 1.0
    assert face.min() > -0.1
    assert face.max() < 1.1


@pytest.mark.parametrize("shrink", [3.0, 0.02])
def test_heads_near_enough_or_too_small_need_no_second_look(
    shrink: float, whole: Any, fake_engine: Any
) -> None:
    assert CloseUp.of(whole(shrink=shrink), spec=fake_engine.spec) is None


def test_a_frame_without_a_face_keeps_the_square_of_the_one_before(whole: Any, fake_engine: Any) -> None:
    close_up = CloseUp.of(whole(aside=0.02, hidden=3), spec=fake_engine.spec)
    np.testing.assert_array_equal(close_up.squares[3], close_up.squares[2])


def test_a_body_is_not_looked_at_from_near(whole: Any, fake_engine: Any) -> None:
    carried = whole()
    carried.still[[BODY["right_hip"], BODY["left_hip"]], 2] = 1
    assert CloseUp.of(carried, spec=fake_engine.spec) is None


def test_laying_over_changes_the_middle_of_the_square_and_nothing_outside(
    whole: Any, fake_engine: Any
) -> None:
    close_up = CloseUp.of(whole(), spec=fake_engine.spec)
    canvas = close_up.carried.canvas
    drawn = torch.zeros(3, *SIZE)
    laid = close_up.lay_over(drawn, 0, torch.ones(3, canvas.height, canvas.width))
    left, top, side = close_up.squares[0].tolist()
    assert laid[:, top + side // 2, left + side // 2].min() > 0.99
    outside = torch.ones(SIZE, dtype=torch.bool)
    outside[max(top, 0) : top + side, max(left, 0) : left + side] = False
    assert not laid[:, outside].any()
    assert not drawn.any()


def test_squares_beyond_the_edge_are_cut(whole: Any, fake_engine: Any) -> None:
    carried = whole(aside=0.12)
    close_up = CloseUp.of(carried, spec=fake_engine.spec)
    canvas = close_up.carried.canvas
    for number in range(carried.num_frames):
        laid = close_up.lay_over(torch.zeros(3, *SIZE), number, torch.ones(3, canvas.height, canvas.width))
        assert laid.shape == (3, *SIZE)
