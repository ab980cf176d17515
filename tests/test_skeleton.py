"""Drawn skeletons stand where the points are, in their colours, and only with points that are there."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from videogen.skeleton import (
    BODY,
    BODY_NAMES,
    BODY_SLICE,
    COLOURS,
    FACE_COLOURS,
    FACE_PAIRS,
    FACE_SLICE,
    FEET_SLICE,
    FOOT_NAMES,
    KEYPOINTS,
    LEFT_HAND_SLICE,
    LIMBS,
    RIGHT_HAND_SLICE,
    WORLD_SLICE,
    draw_skeleton,
)

HEIGHT, WIDTH = 120, 200


def nobody() -> Tensor:
    return torch.zeros(1, KEYPOINTS, 3)


def joints(**places: tuple[float, float]) -> Tensor:
    points = nobody()
    for name, (x, y) in places.items():
        points[0, BODY[name]] = torch.tensor([x, y, 1.0])
    return points


def draw(points: Tensor, **options: float) -> Tensor:
    return draw_skeleton(points, height=HEIGHT, width=WIDTH, **options)


def at(picture: Tensor, x: float, y: float) -> Tensor:
    return picture[:, int(y * HEIGHT), int(x * WIDTH)]


def circle() -> dict[str, tuple[float, float]]:
    """All joints of the body, far from each other's limbs."""
    turn = 2 * math.pi / len(BODY_NAMES)
    return {
        name: (0.5 + 0.4 * math.cos(turn * number), 0.5 + 0.4 * math.sin(turn * number))
        for number, name in enumerate(BODY_NAMES)
    }


def test_parts_of_a_pose_cover_all_points_once() -> None:
    parts = (BODY_SLICE, FACE_SLICE, LEFT_HAND_SLICE, RIGHT_HAND_SLICE, FEET_SLICE)
    covered = [number for part in parts for number in range(KEYPOINTS)[part]]
    assert covered == list(range(KEYPOINTS))
    assert len(BODY_NAMES) == 18
    assert len(range(KEYPOINTS)[FEET_SLICE]) == len(FOOT_NAMES) == 6
    assert range(KEYPOINTS)[WORLD_SLICE] == range(FEET_SLICE.start)


def test_every_joint_is_drawn_where_it_is_in_its_own_colour() -> None:
    picture = draw(joints(**circle()))[0]
    for number, (x, y) in enumerate(circle().values()):
        torch.testing.assert_close(at(picture, x, y), torch.tensor(COLOURS[number]) / 255)


@pytest.mark.parametrize("limb", range(len(LIMBS)))
def test_every_limb_joins_its_joints_in_a_darker_colour(limb: int) -> None:
    first, second = (BODY_NAMES[number] for number in LIMBS[limb])
    picture = draw(joints(**{first: (0.2, 0.3), second: (0.8, 0.7)}))[0]
    torch.testing.assert_close(at(picture, 0.5, 0.5), torch.tensor(COLOURS[limb]) / 255 * 0.6)
    assert at(picture, 0.5, 0.3).max() == 0
    assert at(picture, 0.9, 0.75).max() == 0


def test_the_face_is_drawn_in_its_contours() -> None:
    points = nobody()
    for place, number in enumerate(sorted({number for pair in FACE_PAIRS for number in pair})):
        points[0, number] = torch.tensor([0.1 + 0.8 * (place % 8) / 8, 0.1 + 0.8 * (place // 8) / 6, 1.0])
    for pair, colour in zip(FACE_PAIRS, FACE_COLOURS, strict=True):
        alone = nobody()
        alone[0, list(pair)] = points[0, list(pair)]
        x, y = points[0, list(pair), :2].mean(0).tolist()
        torch.testing.assert_close(at(draw(alone, thickness=0.1)[0], x, y), torch.tensor(colour) / 255)


def test_hands_and_feet_have_no_lines() -> None:
    points = nobody()
    points[0, LEFT_HAND_SLICE.start :] = torch.tensor([0.5, 0.5, 1.0])
    assert draw(points).max() == 0


def test_points_below_the_threshold_and_their_limbs_are_left_out() -> None:
    points = joints(right_shoulder=(0.2, 0.5), right_elbow=(0.8, 0.5))
    points[0, BODY["right_elbow"], 2] = 0.29
    picture = draw(points)[0]
    assert at(picture, 0.2, 0.5).max() > 0.9
    assert at(picture, 0.5, 0.5).max() == 0
    assert at(picture, 0.8, 0.5).max() == 0
    points[0, BODY["right_elbow"], 2] = 0.3
    assert at(draw(points)[0], 0.5, 0.5).max() > 0
    assert at(draw(points, threshold=0.31)[0], 0.5, 0.5).max() == 0


def test_nobody_is_black() -> None:
    assert draw(nobody()).max() == 0
    assert draw(torch.zeros(0, KEYPOINTS, 3)).shape == (0, 3, HEIGHT, WIDTH)


def test_an_absent_point_may_hold_anything_even_beside_one_that_is_there() -> None:
    there = joints(**circle())
    absent = torch.full((1, KEYPOINTS, 3), math.nan)
    absent[..., 2] = 0
    pictures = draw(torch.cat([there, absent]))
    assert torch.equal(pictures[:1], draw(there))
    assert pictures[1].max() == 0


def test_poses_of_a_batch_are_drawn_apart() -> None:
    one, other = joints(nose=(0.2, 0.2)), joints(nose=(0.7, 0.7), neck=(0.5, 0.9))
    assert torch.equal(draw(torch.cat([one, other])), torch.cat([draw(one), draw(other)]))


def test_points_outside_the_picture_are_cut_off_at_its_edge() -> None:
    picture = draw(joints(right_shoulder=(0.5, 0.5), right_elbow=(1.5, 0.5)))[0]
    assert at(picture, 0.99, 0.5).max() > 0.1
    assert picture.isfinite().all()


@pytest.mark.parametrize("thickness", [0.02, 0.1])
def test_limbs_are_as_thick_as_asked_and_soft_at_the_edge(thickness: float) -> None:
    picture = draw(joints(right_shoulder=(0.1, 0.503), right_elbow=(0.9, 0.503)), thickness=thickness)[0]
    column = picture[:, :, WIDTH // 2].amax(0) / (0.6 * max(COLOURS[2]) / 255)
    assert float(column.sum()) == pytest.approx(thickness * HEIGHT, abs=0.05)
    assert ((column > 0.01) & (column < 0.99)).any()


@pytest.mark.parametrize("shape", [(KEYPOINTS, 3), (1, KEYPOINTS, 2), (1, 18, 3), (1, 2, KEYPOINTS, 3)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="points must be n 136 3"):
        draw(torch.zeros(shape))
