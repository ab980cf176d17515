import numpy as np
import pytest
import torch

from videogen.conditions.geometry import pixel_centres
from videogen.conditions.motion_field import is_head, motion_field, warp
from videogen.skeleton import BODY, FACE_SLICE, KEYPOINTS
from videogen.types import Pose


def shifts(grid: torch.Tensor) -> torch.Tensor:
    """How far each place lies from its pixel, in pixels, x and y."""
    height, width = grid.shape[2:4]
    return ((grid + 1) / 2 - pixel_centres(height, width, like=grid)) * torch.tensor([width, height])


@pytest.mark.parametrize("size", [(16, 16), (64, 48), (200, 200)])
@pytest.mark.parametrize("kind", ["head", "body"])
def test_a_pose_that_stays_leaves_the_picture_as_it_is(
    kind: str, size: tuple[int, int], face: np.ndarray, dance: Pose
) -> None:
    points = torch.from_numpy(face if kind == "head" else dance.points[7])[None]
    assert bool(is_head(points)) == (kind == "head")
    field = motion_field(points, points[:, None], height=size[0], width=size[1], aspect=size[1] / size[0])
    assert shifts(field.grid).abs().max() < 0.05
    assert field.visibility.min() > 0.999


def test_a_head_that_moves_aside_takes_its_pixels_along_and_leaves_the_background(face: np.ndarray) -> None:
    reference = torch.from_numpy(face)[None]
    driving = reference.clone()
    driving[:, FACE_SLICE, 0] += 0.05
    field = motion_field(reference, driving[:, None], height=64, width=64)
    moved = shifts(field.grid)[0, 0]
    nose = driving[0, FACE_SLICE.start + 30]
    row, column = int(nose[1] * 64), int(nose[0] * 64)
    torch.testing.assert_close(moved[row, column], torch.tensor([-3.2, 0.0]), atol=0.3, rtol=0)
    assert moved[[0, -1]].abs().max() < 0.4
    assert moved[:, [0, -1]].abs().max() < 0.1
    assert field.visibility[0, 0, row, column] > 0.9
    assert field.visibility[0, 0].min() < 0.7  # where the head was, the picture does not know


def test_a_head_that_turns_far_does_not_fold_the_picture_near_the_face(face: np.ndarray) -> None:
    reference = torch.from_numpy(face)[None]
    driving = reference[:, None].clone()
    inner = [*range(FACE_SLICE.start + 27, FACE_SLICE.stop)]
    driving[:, :, inner, 0] += 0.03
    place = (motion_field(reference, driving, height=64, width=64).grid + 1) / 2
    (right,) = torch.gradient(place[..., 0], dim=3)
    assert right.min() > 0


def test_a_mouth_that_opens_is_hidden_inside(face: np.ndarray) -> None:
    reference = torch.from_numpy(face)[None]
    driving = reference[:, None].clone()
    driving[:, :, [FACE_SLICE.start + n for n in (55, 56, 57, 58, 59, 65, 66, 67)], 1] += 0.05
    field = motion_field(reference, driving, height=128, width=128)
    mouth = driving[0, 0, [FACE_SLICE.start + 62, FACE_SLICE.start + 66], :2].mean(0) * 128
    assert field.visibility[0, 0, int(mouth[1]), int(mouth[0])] < 0.3
    assert field.visibility[0, 0, int(mouth[1]) - 20, int(mouth[0])] > 0.9


def test_a_raised_arm_carries_its_pixels_and_uncovers_the_background(dance: Pose) -> None:
    reference = torch.from_numpy(dance.points[:1])
    driving = reference[:, None].clone()
    shoulder, elbow, wrist = (BODY[f"right_{joint}"] for joint in ("shoulder", "elbow", "wrist"))
    for joint in (elbow, wrist):  # a quarter turn about the shoulder
        offset = reference[0, joint, :2] - reference[0, shoulder, :2]
        driving[0, 0, joint, :2] = reference[0, shoulder, :2] + torch.stack([-offset[1], offset[0]])
    field = motion_field(reference, driving, height=128, width=128)
    place = (field.grid[0, 0] + 1) / 2

    def at(points: torch.Tensor) -> tuple[int, int]:
        middle = (points[elbow, :2] + points[wrist, :2]) / 2 * 128
        return int(middle[1]), int(middle[0])

    there, here = at(reference[0]), at(driving[0, 0])
    middle = (reference[0, elbow, :2] + reference[0, wrist, :2]) / 2
    torch.testing.assert_close(place[here], middle, atol=0.015, rtol=0)
    assert field.visibility[0, 0][here] > 0.9
    assert field.visibility[0, 0][there] < 0.1
    assert shifts(field.grid)[0, 0, 5, 5].abs().max() < 1e-3


def test_a_limb_that_crosses_another_in_the_reference_hides_it(dance: Pose) -> None:
    driving = torch.from_numpy(dance.points[:1])[None]
    reference = driving[:, 0].clone()
    trunk = reference[0, [BODY["neck"], BODY["right_hip"], BODY["left_hip"]], :2].mean(0)
    reference[0, BODY["right_wrist"], :2] = trunk + torch.tensor([0.02, 0.0])
    field = motion_field(reference, driving, height=128, width=128)
    assert field.visibility[0, 0, int(trunk[1] * 128), int(trunk[0] * 128)] < 0.2


def test_a_batch_of_heads_and_bodies_equals_its_clips_alone(face: np.ndarray, dance: Pose) -> None:
    reference = torch.from_numpy(np.stack([face, dance.points[0]]))
    moving = torch.from_numpy(np.stack([np.stack([face] * 5), dance.points[3:8]]))
    moving[0, :, FACE_SLICE, 1] += torch.linspace(0, 0.04, 5)[:, None]
    both = motion_field(reference, moving, height=32, width=32)
    for clip in range(2):
        alone = motion_field(reference[clip, None], moving[clip, None], height=32, width=32)
        torch.testing.assert_close(both.grid[clip], alone.grid[0])
        torch.testing.assert_close(both.visibility[clip], alone.visibility[0])


def test_warping_moves_colours_and_keeps_the_sizes_of_the_field(face: np.ndarray) -> None:
    points = torch.from_numpy(face)[None]
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    still = warp(
        picture, motion_field(points, points[:, None].expand(1, 2, KEYPOINTS, 3), height=64, width=64)
    )
    assert still.shape == (1, 3, 2, 64, 64)
    torch.testing.assert_close(still[:, :, 1], picture, atol=1e-3, rtol=0)


def test_someone_who_left_the_picture_is_not_trusted_where_they_stood(dance: Pose) -> None:
    reference = torch.from_numpy(dance.points[:1])
    gone = torch.zeros(1, 1, KEYPOINTS, 3)
    field = motion_field(reference, gone, height=64, width=64)
    assert torch.isfinite(field.grid).all()
    hip = reference[0, BODY["right_hip"], :2] * 64
    assert field.visibility[0, 0, int(hip[1]), int(hip[0])] == 0
    assert field.visibility[0, 0, 2, 2] == 1


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="driving must be"):
        motion_field(torch.zeros(1, KEYPOINTS, 3), torch.zeros(2, 4, KEYPOINTS, 3), height=8, width=8)
    with pytest.raises(ValueError, match="reference must be"):
        motion_field(torch.zeros(1, 18, 3), torch.zeros(1, 4, 18, 3), height=8, width=8)


def test_a_blink_leaves_the_brows_where_they_are(face: np.ndarray) -> None:
    reference = torch.from_numpy(face)[None]
    driving = reference[:, None].clone()
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        gap = face[FACE_SLICE][lower, 1] - face[FACE_SLICE][upper, 1]
        driving[:, :, FACE_SLICE.start + upper, 1] += 0.8 * float(gap)
    moved = shifts(motion_field(reference, driving, height=512, width=512).grid)[0, 0]
    brow, upper, lower = (face[FACE_SLICE][n, :2] * 512 for n in (20, 38, 40))
    under_brow, lid = brow + 0.4 * (upper - brow), (upper + lower) / 2
    assert moved[int(under_brow[1]), int(under_brow[0])].abs().max() < 0.2
    assert moved[int(lid[1]), int(lid[0]), 1] < -2.5
