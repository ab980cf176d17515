"""Drawings of public checkpoints: their colours, widths and order, at every size."""

from __future__ import annotations

import math
from itertools import islice, repeat

import numpy as np
import pytest
import torch

from videogen.skeleton import (
    BODY,
    COLOURS,
    FACE_SLICE,
    FEET_SLICE,
    KEYPOINTS,
    LEFT_HAND_SLICE,
    LIMBS,
    draw_poses,
    draw_skeleton,
)
from videogen.skeleton_style import (
    HAND_COLOURS,
    HAND_EDGES,
    STYLES,
    SkeletonStyle,
    draw_frames,
    draw_maps,
    draw_style,
)

PUBLIC: list[SkeletonStyle] = ["openpose", "dwpose", "mimicmotion"]
SIDE = 512


def nobody() -> np.ndarray:
    return np.zeros((KEYPOINTS, 3), np.float32)


def joints(**places: tuple[float, float]) -> np.ndarray:
    points = nobody()
    for name, (x, y) in places.items():
        points[BODY[name]] = x, y, 1
    return points


def draw(
    points: np.ndarray, style: SkeletonStyle = "dwpose", size: tuple[int, int] = (SIDE, SIDE)
) -> np.ndarray:
    return next(draw_frames([points], height=size[0], width=size[1], style=style)).astype(int)


def circle() -> dict[str, tuple[float, float]]:
    """All joints of the body on a circle."""
    turns = {name: 2 * math.pi * number / len(BODY) for name, number in BODY.items()}
    return {name: (0.5 + 0.4 * math.cos(turn), 0.5 + 0.4 * math.sin(turn)) for name, turn in turns.items()}


@pytest.mark.parametrize("style", ["openpose", "dwpose"])
def test_joints_are_discs_of_radius_four_in_full_colour(style: SkeletonStyle) -> None:
    y, x = np.indices((SIDE, SIDE))
    for name, number in BODY.items():
        picture = draw(joints(**{name: (100.7 / SIDE, 60.2 / SIDE)}), style)
        inside = (x - 100) ** 2 + (y - 60) ** 2 <= 16
        assert (picture[inside] == COLOURS[number]).all()
        assert not picture[~inside].any()


@pytest.mark.parametrize("limb", range(len(LIMBS)))
def test_limbs_are_ellipses_eight_broad_at_sixty_percent_of_their_colour(limb: int) -> None:
    first, second = (list(BODY)[number] for number in LIMBS[limb])
    picture = draw(joints(**{first: (0.2, 0.5), second: (0.8, 0.5)}))
    y, x = np.indices((SIDE, SIDE))
    shade = np.array([int(value * 0.6) for value in COLOURS[limb]])
    reach = ((x - 256) / 153) ** 2 + ((y - 256) / 4) ** 2
    away = np.abs(np.abs(x - 256) - 0.3 * SIDE) > 6  # from the joints
    assert (picture[(reach < 0.85) & away] == shade).all()
    assert not picture[(reach > 1.3) & away].any()
    assert (picture[:, 256].any(-1)).sum() == 9


def test_hands_have_twenty_coloured_lines_and_blue_points() -> None:
    assert len(HAND_EDGES) == len(set(HAND_COLOURS)) == 20
    assert {end for _, end in HAND_EDGES} == set(range(1, 21))
    points = nobody()
    for number in range(21):
        turn = 2 * math.pi * number / 21
        points[LEFT_HAND_SLICE.start + number] = 0.5 + 0.4 * math.cos(turn), 0.5 + 0.4 * math.sin(turn), 1
    for (first, second), colour in zip(HAND_EDGES, HAND_COLOURS, strict=True):
        alone = nobody()
        ends = [LEFT_HAND_SLICE.start + first, LEFT_HAND_SLICE.start + second]
        alone[ends] = points[ends]
        picture = draw(alone)
        x, y = (points[ends, :2].mean(0) * SIDE).astype(int)
        np.testing.assert_allclose(picture[y, x], 255 * np.array(colour), atol=1)
        x, y = (points[ends[0], :2] * SIDE).astype(int)
        assert tuple(picture[y, x]) == (0, 0, 255)


def test_faces_are_white_points_of_radius_three() -> None:
    points = nobody()
    points[FACE_SLICE.start + 30] = 0.5, 0.25, 1
    picture = draw(points)
    y, x = np.indices((SIDE, SIDE))
    inside = (x - 256) ** 2 + (y - 128) ** 2 <= 9
    assert (picture == 255 * inside[..., None]).all()


def test_pupils_are_openpose_s_alone() -> None:
    points = nobody()
    points[FACE_SLICE.stop - 1] = 0.5, 0.25, 1
    assert draw(points, "openpose")[128, 256].tolist() == [255, 255, 255]
    assert not draw(points, "dwpose").any()


def test_feet_are_not_drawn() -> None:
    points = nobody()
    points[FEET_SLICE] = 0.5, 0.5, 1
    for style in PUBLIC:
        assert not draw(points, style).any()


@pytest.mark.parametrize("size", [(1024, 1024), (1536, 1024), (256, 256)])
def test_lines_are_as_broad_as_the_picture_is_large(size: tuple[int, int]) -> None:
    points = joints(right_shoulder=(0.2, 0.5), right_elbow=(0.8, 0.5))
    column = draw(points, size=size)[:, size[1] // 2].max(-1) / 102 / 1.5  # colour 2 is (255, 170, 0)
    assert column.sum() == pytest.approx(9 * min(size) / 512, rel=0.06)


def test_mimicmotion_draws_fine_lines_with_red_and_blue_exchanged() -> None:
    points = joints(right_shoulder=(0.2, 0.5), right_elbow=(0.8, 0.5))
    normal, exchanged = (draw(points, style) for style in ("dwpose", "mimicmotion"))
    assert normal[256, 256].tolist() == [153, 102, 0]
    red, green, blue = exchanged[250:262, 256].max(0).tolist()
    assert (red, green, blue) == (0, 102, 153)
    assert 2 <= exchanged[:, 256].any(-1).sum() <= 3


def test_mimicmotion_darkens_what_is_less_certain() -> None:
    points = joints(right_shoulder=(0.2, 0.5), right_elbow=(0.8, 0.5))
    points[FACE_SLICE.start] = 0.5, 0.2, 0.2
    points[BODY["right_elbow"], 2] = 0.5
    picture = draw(points, "mimicmotion", (2160, 2160))
    assert picture[1080, 1080].tolist() == [0, 51, 76]
    assert picture[1080, 1728].tolist() == [0, 127, 127], "colour 3 is (255, 255, 0)"
    assert picture[432, 1080].tolist() == [51, 51, 51], "faces are drawn however uncertain"
    assert not draw(points, "dwpose")[102, 256].any()


def test_openpose_draws_people_one_after_the_other_and_dwpose_joints_over_all_limbs() -> None:
    front = joints(right_shoulder=(0.2, 0.5), right_elbow=(0.8, 0.5))
    behind = joints(left_wrist=(0.5, 0.5))
    people = np.stack([behind, front])
    assert draw(people, "openpose")[256, 256].tolist() == [153, 102, 0]
    assert draw(people, "dwpose")[256, 256].tolist() == list(COLOURS[BODY["left_wrist"]])


def test_points_below_the_threshold_and_absent_ones_are_left_out() -> None:
    points = np.full((KEYPOINTS, 3), math.nan, np.float32)
    points[:, 2] = 0
    for style in STYLES:
        assert not draw(points, style).any()
    points[BODY["nose"]] = 0.5, 0.5, 0.29
    assert not draw(points).any()
    low = next(draw_frames([points], height=64, width=64, style="dwpose", threshold=0.2))
    assert low.any()


def test_points_beyond_the_edge_draw_what_is_within() -> None:
    picture = draw(joints(right_shoulder=(0.5, 0.5), right_elbow=(1.5, 0.5), nose=(-1e9, 2.0)))
    assert picture[256, 500].tolist() == [153, 102, 0]


def test_the_own_style_is_the_drawing_that_pocket_learnt_from() -> None:
    points = torch.from_numpy(np.stack([joints(**circle()), nobody()]))
    assert torch.equal(
        draw_maps(points, height=48, width=64, style="own"), draw_poses(points, height=48, width=64)
    )
    exact = draw_skeleton(points, height=48, width=64)
    torch.testing.assert_close(
        draw_style(points, height=48, width=64, style="own"), exact, atol=0.5 / 255 + 1e-6, rtol=0
    )


@pytest.mark.parametrize("style", STYLES)
def test_maps_and_pictures_show_the_same(style: SkeletonStyle) -> None:
    points = torch.from_numpy(np.stack([joints(**circle()), nobody()]))
    maps = draw_maps(points, height=48, width=64, style=style)
    assert maps.shape == (1, 3, 2, 48, 64)
    frames = np.stack([*draw_frames(points.numpy(), height=48, width=64, style=style)])
    assert frames.dtype == np.uint8
    np.testing.assert_allclose(maps[0].permute(1, 2, 3, 0) * 255, frames, atol=0.51)
    assert frames[0].any()
    assert not frames[1].any()


def test_pictures_come_one_at_a_time() -> None:
    endless = repeat(joints(**circle()))
    assert len(list(islice(draw_frames(endless, height=32, width=32, style="dwpose"), 3))) == 3


@pytest.mark.parametrize("style", STYLES)
def test_no_people_and_no_frames_are_black_and_empty(style: SkeletonStyle) -> None:
    assert not draw(np.zeros((0, KEYPOINTS, 3)), style, (16, 24)).any()
    assert draw_style(torch.zeros(0, KEYPOINTS, 3), height=16, width=24, style=style).shape == (0, 3, 16, 24)


def test_other_shapes_and_styles_are_refused() -> None:
    with pytest.raises(ValueError, match="points must be 136 3 or p 136 3"):
        draw(np.zeros((18, 3)))
    with pytest.raises(ValueError, match="style must be one of own, openpose, dwpose, mimicmotion, got 'x'"):
        draw(nobody(), "x")  # type: ignore[arg-type]
