import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from videogen.conditions.face_model import FACE_MODEL
from videogen.conditions.motion_field import motion_field
from videogen.conditions.retarget import retarget
from videogen.errors import RequestError
from videogen.skeleton import BODY, FACE_SLICE, FEET_SLICE, KEYPOINTS
from videogen.types import Pose


def bone(points: np.ndarray, first: str, second: str) -> np.ndarray:
    return points[..., BODY[second], :2] - points[..., BODY[first], :2]


def test_a_motion_on_its_own_body_stays_what_it_is(dance: Pose) -> None:
    moved = retarget(dance, dance.points[0])
    np.testing.assert_allclose(moved.points[:, :18], dance.points[:, :18], atol=5e-3)
    assert moved.fps == dance.fps


def test_another_body_keeps_its_place_and_lengths_and_gets_the_directions(dance: Pose) -> None:
    reference = dance.points[0].copy()
    reference[:, :2] = (reference[:, :2] - 0.5) * 0.5 + [0.3, 0.6]
    for joint in ("right_knee", "left_knee", "right_ankle", "left_ankle"):  # shorter legs
        reference[BODY[joint], 1] -= 0.02 if "knee" in joint else 0.04
    moved = retarget(dance, reference)
    np.testing.assert_allclose(moved.points[0, :18, :2], reference[:18, :2], atol=0.02)
    for pair in (("right_shoulder", "right_elbow"), ("left_hip", "left_knee"), ("right_knee", "right_ankle")):
        ours, theirs = bone(moved.points, *pair), bone(dance.points, *pair)
        lengths = np.linalg.norm(ours, axis=-1)
        np.testing.assert_allclose(lengths, np.linalg.norm(bone(reference, *pair)), rtol=0.05)
        cosine = (ours * theirs).sum(-1) / lengths / np.linalg.norm(theirs, axis=-1)
        assert cosine.min() > 0.999


def test_a_wide_picture_does_not_stretch_the_body(dance: Pose) -> None:
    reference = dance.points[0].copy()
    reference[:, 0] = reference[:, 0] / 2 + 0.25
    moved = retarget(dance, reference, aspect=2.0)
    np.testing.assert_allclose(moved.points[:, :18, 0], dance.points[:, :18, 0] / 2 + 0.25, atol=5e-3)
    np.testing.assert_allclose(moved.points[:, :18, 1], dance.points[:, :18, 1], atol=5e-3)


def test_feet_go_with_their_ankles_as_long_as_the_shanks_ask_for(dance: Pose) -> None:
    points = dance.points.copy()
    ankles = points[:, [BODY["left_ankle"]] * 3 + [BODY["right_ankle"]] * 3]
    steps = np.array([[0.02, 0.02], [0.03, 0.01], [-0.01, 0.02]] * 2, dtype=np.float32)
    points[:, FEET_SLICE] = ankles + np.pad(steps, ((0, 0), (0, 1)))
    reference = points[0].copy()
    reference[:, :2] = (reference[:, :2] - 0.5) / 2 + 0.5
    moved = retarget(Pose(points, aspect=1.0), reference).points
    ankles = moved[:, [BODY["left_ankle"]] * 3 + [BODY["right_ankle"]] * 3, :2]
    np.testing.assert_allclose(
        moved[:, FEET_SLICE, :2] - ankles, np.broadcast_to(steps / 2, (48, 6, 2)), atol=2e-3
    )


def test_an_absurd_length_is_held_back(dance: Pose) -> None:
    reference = dance.points[0].copy()
    reference[BODY["right_wrist"], :2] = reference[BODY["right_elbow"], :2] + [0, 0.6]
    reference[BODY["left_wrist"], :2] = reference[BODY["left_elbow"], :2] + [0, 0.6]
    moved = retarget(dance, reference)
    forearm = np.linalg.norm(bone(moved.points[0], "right_elbow", "right_wrist"))
    assert forearm < 2.1 * np.linalg.norm(bone(dance.points[0], "right_elbow", "right_wrist"))


def test_a_posture_that_never_fits_is_said(dance: Pose, caplog: pytest.LogCaptureFixture) -> None:
    reference = dance.points[0].copy()
    reference[:, 1] = 1 - reference[:, 1]  # a handstand
    with caplog.at_level(logging.WARNING):
        retarget(dance, reference)
    assert "posture" in caplog.text
    caplog.clear()
    retarget(dance, dance.points[0])
    assert not caplog.text


def test_a_heads_motion_starts_at_the_reference_and_keeps_its_face(head: Pose, portrait: Pose) -> None:
    reference = portrait.points[0]
    moved = retarget(head, reference)
    np.testing.assert_allclose(moved.points[0, :, :2], reference[:, :2], atol=2e-3)
    lips = [FACE_SLICE.start + point for point in range(48, 68)]
    np.testing.assert_allclose(
        np.delete(moved.points[-1, :, :2], lips, 0), np.delete(reference[:, :2], lips, 0), atol=6e-3
    )
    nose = moved.points[:, FACE_SLICE.start + 30, 0]
    assert nose.max() - nose.min() > 0.03  # it does turn
    width = np.linalg.norm(
        np.diff(moved.points[:, [FACE_SLICE.start, FACE_SLICE.start + 16], :2], axis=1), axis=-1
    )
    assert 0.8 < width.min() / width.max() < 1


def test_a_larger_face_elsewhere_makes_larger_steps(head: Pose) -> None:
    small = head.points[0].copy()
    large = small.copy()
    large[:, :2] = (small[:, :2] - 0.5) * 1.8 + [0.55, 0.5]
    steps = [retarget(head, face).points[:, FACE_SLICE, :2] for face in (small, large)]
    ours, theirs = (step - step[:1] for step in steps)
    np.testing.assert_allclose(theirs, 1.8 * ours, atol=2e-3)
    np.testing.assert_allclose(steps[0], head.points[:, FACE_SLICE, :2], atol=0.012)


def test_eyes_close_whatever_their_size_and_lids_never_cross(head: Pose, portrait: Pose) -> None:
    moved = retarget(head, portrait.points[0]).points[:, FACE_SLICE]
    up = np.array([0.0, 1.0])
    gaps = np.stack(
        [(moved[:, low, :2] - moved[:, top, :2]) @ up for top, low in ((37, 41), (38, 40), (43, 47))]
    )
    assert gaps.min() > 0
    assert (gaps.min(1) < 0.45 * gaps[:, 0]).all()


def test_a_driver_without_a_face_still_moves_a_portrait(head: Pose, portrait: Pose) -> None:
    points = head.points.copy()
    points[:, FACE_SLICE] = 0
    moved = retarget(replace(head, points=points), portrait.points[0])
    np.testing.assert_allclose(moved.points[0, :, :2], portrait.points[0, :, :2], atol=2e-3)
    assert np.ptp(moved.points[:, FACE_SLICE.start + 30, 0]) > 0.005


def test_frames_without_a_driver_have_no_head(head: Pose, portrait: Pose) -> None:
    points = head.points.copy()
    points[10:20] = 0
    moved = retarget(replace(head, points=points), portrait.points[0])
    assert (moved.points[10:20, FACE_SLICE, 2] == 0).all()
    assert (moved.points[20:, FACE_SLICE, 2] > 0).all()
    field = motion_field(
        torch.from_numpy(portrait.points[:1]), torch.from_numpy(moved.points)[None], height=32, width=32
    )
    assert torch.isfinite(field.grid).all()


def test_nobody_and_wrong_shapes_are_refused(dance: Pose) -> None:
    nobody = np.zeros((KEYPOINTS, 3), dtype=np.float32)
    with pytest.raises(RequestError, match="reference picture's keypoints show nobody"):
        retarget(dance, nobody)
    with pytest.raises(RequestError, match="driving pose shows nobody"):
        retarget(replace(dance, points=np.zeros_like(dance.points)), dance.points[0])
    with pytest.raises(RequestError, match="shape"):
        retarget(dance, nobody[:18])


def test_a_head_that_already_looks_aside_is_not_turned_into_a_profile(face: np.ndarray) -> None:
    angles = np.radians([0.0, 0.0, 0.0, 25.0, 45.0, 40.0])  # the last is the reference
    model = np.array(FACE_MODEL)
    points = np.repeat(face[None], len(angles), 0)
    across = np.cos(angles)[:, None] * model[:, 0] + np.sin(angles)[:, None] * model[:, 2]
    points[:, FACE_SLICE, 0] = 0.5 + 0.12 * across
    moved = retarget(Pose(points[:-1], aspect=1.0), points[-1]).points[:, FACE_SLICE]
    np.testing.assert_allclose(moved[0, :, :2], points[-1, FACE_SLICE, :2], atol=2e-3)
    between_eyes = moved[:, 45, 0] - moved[:, 36, 0]
    assert between_eyes[1:].max() <= between_eyes[0] + 1e-3  # it does turn
    assert between_eyes.min() > 0.75 * between_eyes[0]


def test_a_driver_in_a_wide_picture_keeps_its_true_proportions(dance: Pose) -> None:
    wide = dance.points.copy()
    wide[..., 0] = wide[..., 0] / 2 + 0.25
    moved = retarget(Pose(wide, fps=dance.fps, aspect=2.0), dance.points[0])
    np.testing.assert_allclose(moved.points[:, :18], dance.points[:, :18], atol=5e-3)


def test_a_driver_that_starts_turned_away_is_matched_where_it_looks_ahead(head: Pose, portrait: Pose) -> None:
    aside = int(head.points[:, FACE_SLICE.start + 30, 0].argmin())
    points = np.concatenate([head.points[aside : aside + 1], head.points[[0, 0, 0, 0]]])
    moved = retarget(replace(head, points=points), portrait.points[0]).points
    np.testing.assert_allclose(moved[1, :, :2], portrait.points[0, :, :2], atol=2e-3)
    assert np.abs(moved[0, :, :2] - portrait.points[0, :, :2]).max() > 0.01


def test_lips_meet_where_the_drivers_do_even_if_the_picture_smiles(head: Pose, portrait: Pose) -> None:
    upper, lower = FACE_SLICE.start + 62, FACE_SLICE.start + 66
    smiling = portrait.points[0]
    assert smiling[lower, 1] - smiling[upper, 1] > 0.01  # it shows its teeth
    shut = head.points.copy()
    middle = (shut[:, upper, :2] + shut[:, lower, :2]) / 2
    shut[10:, upper, :2] = shut[10:, lower, :2] = middle[10:]
    moved = retarget(Pose(shut, fps=head.fps, aspect=1.0), smiling).points
    gap = np.linalg.norm(moved[:, lower, :2] - moved[:, upper, :2], axis=-1)
    assert gap[0] > 0.01
    assert gap[10:].max() < 0.003
