"""mediapipe's points under our numbers."""

from __future__ import annotations

import numpy as np

from videogen.detection.landmarks import (
    BODY_FROM_POSE,
    FACE_FROM_MESH,
    LEAST_VISIBLE,
    body_of,
    face_of,
    feet_of,
    hand_of,
    set_head,
)
from videogen.skeleton import BODY, BODY_NAMES, FACE_SLICE


def some_pose(visibility: float = 0.9) -> np.ndarray:
    """A pose whose point n lies at (n/100, n/50)."""
    rows = [(n / 100, n / 50, 0.0, visibility) for n in range(33)]
    return np.array(rows, dtype=np.float32)


def test_every_point_of_the_face_is_the_mean_of_its_points_of_the_mesh() -> None:
    mesh = np.random.default_rng(0).random((478, 3)).astype(np.float32)
    face = face_of(mesh)
    assert face.shape == (FACE_SLICE.stop - FACE_SLICE.start, 3)
    for point, of in zip(face, FACE_FROM_MESH, strict=True):
        np.testing.assert_allclose(point[:2], mesh[list(of), :2].mean(0), rtol=1e-6)
    assert (face[:, 2] == 1).all()


def test_no_point_of_the_mesh_stands_for_two_places_but_next_to_each_other_on_the_jaw() -> None:
    used = [number for of in FACE_FROM_MESH[17:] for number in of]
    assert len(set(used)) == len(used)
    assert all(0 <= number < 478 for of in FACE_FROM_MESH for number in of)


def test_body_points_keep_their_sides() -> None:
    body = body_of(some_pose())
    for name, index in BODY_FROM_POSE.items():
        np.testing.assert_allclose(body[BODY[name]], (index / 100, index / 50, 0.9), rtol=1e-6)
    assert set(BODY_FROM_POSE) == set(BODY_NAMES) - {"neck"}
    np.testing.assert_allclose(body[BODY["neck"]], (0.115, 0.23, 0.9), rtol=1e-6)


def test_what_is_hardly_visible_or_outside_is_absent() -> None:
    pose = some_pose()
    pose[16, 3] = LEAST_VISIBLE - 0.01
    pose[25, :2] = 0.5, 1.01
    pose[26, :2] = -0.01, 0.5
    body = body_of(pose)
    gone = {name for name in BODY_NAMES if body[BODY[name], 2] == 0}
    assert gone == {"right_wrist", "left_knee", "right_knee"}
    assert not body[BODY["right_wrist"]].any()


def test_a_neck_needs_both_shoulders() -> None:
    pose = some_pose()
    assert body_of(pose)[BODY["neck"], 2] > 0
    pose[11, 3] = 0.1
    assert not body_of(pose)[BODY["neck"]].any()
    pose[11] = 0.5, 1.01, 0, 1
    assert not body_of(pose)[BODY["neck"]].any()


def test_feet_have_toes_and_heels_and_no_small_toes() -> None:
    feet = feet_of(some_pose())
    np.testing.assert_allclose(feet[:, 0], [0.31, 0, 0.29, 0.32, 0, 0.30], rtol=1e-6)
    np.testing.assert_allclose(feet[:, 2], [0.9, 0, 0.9, 0.9, 0, 0.9], rtol=1e-6)


def test_a_hand_keeps_its_order() -> None:
    hand = np.random.default_rng(0).random((21, 4)).astype(np.float32)
    np.testing.assert_array_equal(hand_of(hand)[:, :2], hand[:, :2])


def test_the_head_of_a_body_follows_the_face_and_not_the_gaze() -> None:
    face = face_of(np.random.default_rng(0).random((478, 3)).astype(np.float32))
    body = np.zeros((18, 3), dtype=np.float32)
    set_head(body, face)
    looking = face.copy()
    looking[68:] += 0.1
    other = np.zeros((18, 3), dtype=np.float32)
    set_head(other, looking)
    np.testing.assert_array_equal(body, other)
    np.testing.assert_array_equal(body[BODY["nose"]], face[30])
    between = body[[BODY["right_ear"], BODY["left_ear"]], :2].mean(0)
    np.testing.assert_allclose(between, face[[0, 16], :2].mean(0), rtol=1e-5)
    assert {name for name in BODY_NAMES if body[BODY[name], 2] > 0} == {
        "nose", "right_eye", "left_eye", "right_ear", "left_ear",
    }  # fmt: skip
