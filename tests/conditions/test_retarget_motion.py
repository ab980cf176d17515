"""Motion that is made smaller or larger, and motion that is taken as it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from videogen.conditions.face_model import FACE_MODEL
from videogen.conditions.retarget import retarget
from videogen.skeleton import BODY, FACE_SLICE, LEFT_HAND_SLICE
from videogen.types import Pose

SEEN = slice(0, 18)


def angles(points: np.ndarray, parent: str, child: str) -> np.ndarray:
    """Degrees by which a bone has turned since the first frame, `t`."""
    step = points[:, BODY[child], :2] - points[:, BODY[parent], :2]
    turned = np.degrees(np.unwrap(np.arctan2(step[:, 1], step[:, 0])))
    return np.asarray(turned - turned[0])


def turned_heads(face: np.ndarray, degrees: np.ndarray) -> Pose:
    """A plain head that turns about its neck's axis and goes to the side, `t`."""
    model, points = np.array(FACE_MODEL), np.repeat(face[None], len(degrees), 0)
    angle = np.radians(degrees)[:, None]
    points[:, FACE_SLICE, 0] = 0.5 + 0.12 * (np.cos(angle) * model[:, 0] + np.sin(angle) * model[:, 2])
    points[:, FACE_SLICE, 0] += degrees[:, None] / 500
    return Pose(points, aspect=1.0)


def yaw(points: np.ndarray) -> np.ndarray:
    """How far a plain head is turned, in degrees, by the nose's place between the eyes' outer corners."""
    eyes = points[..., [FACE_SLICE.start + 36, FACE_SLICE.start + 45], 0]
    nose = points[..., FACE_SLICE.start + 30, 0]
    model = np.array(FACE_MODEL)
    wide, deep = model[45, 0] - model[36, 0], model[30, 2] - model[[36, 45], 2].mean()
    return np.degrees(np.arctan((nose - eyes.mean(-1)) / (eyes[..., 1] - eyes[..., 0]) * wide / deep))


@pytest.mark.parametrize("motion", ["relative", "absolute"])
def test_no_change_at_all_stands_still(dance: Pose, head: Pose, portrait: Pose, motion: str) -> None:
    for driver, reference in ((dance, dance.points[0]), (head, portrait.points[0])):
        moved = retarget(driver, reference, motion=motion, scale=0).points
        both = (moved[..., 2] > 0).all(0)
        assert np.ptp(moved[:, both, :2], axis=0).max() < 1e-6


@pytest.mark.parametrize("motion", ["relative", "absolute"])
def test_half_and_double_change_lie_around_the_driver_s(
    dance: Pose, head: Pose, portrait: Pose, motion: str
) -> None:
    for driver, reference in ((dance, dance.points[0]), (head, portrait.points[0])):
        reach = [
            np.ptp(retarget(driver, reference, motion=motion, scale=scale).points[:, SEEN, :2], axis=0).mean()
            for scale in (0, 0.5, 1, 1.5)
        ]
        assert reach == sorted(reach)
        assert reach[1] == pytest.approx(reach[2] / 2, rel=0.25)


@pytest.mark.parametrize("factor", [0.5, 2.0, 3.0])
def test_bones_turn_by_so_many_times_their_angle_and_keep_their_lengths(dance: Pose, factor: float) -> None:
    raised = np.repeat(dance.points[:1], 13, 0)
    shoulder = raised[0, BODY["left_shoulder"], :2] @ [1, 1j]
    rise = np.exp(-1j * np.radians(np.linspace(0, 50, 13)))[:, None]
    arm = [BODY["left_elbow"], BODY["left_wrist"], *range(LEFT_HAND_SLICE.start, LEFT_HAND_SLICE.stop)]
    raised[:, LEFT_HAND_SLICE] = raised[:, BODY["left_wrist"], None] + [0.01, 0.02, 0]
    moved = shoulder + rise * (raised[:, arm, :2] @ [1, 1j] - shoulder)
    raised[:, arm, :2] = np.stack([moved.real, moved.imag], -1)
    made = retarget(replace(dance, points=raised), raised[0], scale=factor).points
    for bone in (("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist")):
        np.testing.assert_allclose(angles(made, *bone), factor * angles(raised, *bone), atol=0.1)
        lengths = np.linalg.norm(made[:, BODY[bone[1]], :2] - made[:, BODY[bone[0]], :2], axis=-1)
        np.testing.assert_allclose(lengths, lengths[0], rtol=1e-3)
    finger = made[:, LEFT_HAND_SLICE.start + 4, :2] - made[:, BODY["left_wrist"], :2]
    turned = np.degrees(np.unwrap(np.arctan2(finger[:, 1], finger[:, 0])))
    np.testing.assert_allclose(turned - turned[0], -factor * np.linspace(0, 50, 13), atol=0.1)
    assert np.ptp(made[:, BODY["right_wrist"]], axis=0).max() < 1e-5


def test_the_start_is_the_same_however_much_changes(dance: Pose, head: Pose, portrait: Pose) -> None:
    for driver, reference in ((dance, dance.points[0]), (head, portrait.points[0])):
        plain = retarget(driver, reference).points[0]
        for scale in (0, 0.5, 2, 3):
            np.testing.assert_allclose(retarget(driver, reference, scale=scale).points[0], plain, atol=1e-5)


def test_a_head_turns_and_steps_by_so_many_times_the_driver_s(face: np.ndarray) -> None:
    driver = turned_heads(face, np.array([0.0, 4.0, 8.0, -8.0]))
    plain = retarget(driver, face).points
    double = retarget(driver, face, scale=2.0).points
    np.testing.assert_allclose(yaw(plain), [0, 4, 8, -8], atol=1)
    np.testing.assert_allclose(yaw(double), [0, 8, 16, -16], atol=2)
    steps = [(made[:, 0, 0] - made[0, 0, 0]).mean() for made in (plain, double)]
    assert steps[1] == pytest.approx(2 * steps[0], rel=0.1)


def test_a_head_without_a_face_turns_by_so_many_times_too(head: Pose, portrait: Pose) -> None:
    points = head.points.copy()
    points[:, FACE_SLICE] = 0
    driver = replace(head, points=points)
    nose = FACE_SLICE.start + 30
    reach = [np.ptp(retarget(driver, portrait.points[0], scale=s).points[:, nose, 0]) for s in (0, 1, 2)]
    assert reach[0] == 0
    assert reach[2] == pytest.approx(2 * reach[1], rel=0.25)


def test_an_absolute_head_is_turned_as_the_driver_s_a_relative_one_by_its_change(
    face: np.ndarray,
) -> None:
    aside = turned_heads(face, np.array([12.0, 12.0, 0.0, 12.0, 20.0]))
    relative = retarget(aside, face).points
    absolute = retarget(aside, face, motion="absolute").points
    np.testing.assert_allclose(relative[0, FACE_SLICE, :2], face[FACE_SLICE, :2], atol=1e-3)
    np.testing.assert_allclose(yaw(relative), [0, 0, -12, 0, 8], atol=1.5)
    np.testing.assert_allclose(yaw(absolute), [12, 12, 0, 12, 20], atol=1.5)


def test_an_absolute_head_keeps_the_reference_s_face_and_size(face: np.ndarray) -> None:
    reference = face.copy()
    reference[FACE_SLICE.start + 48 : FACE_SLICE.start + 68, 1] += 0.02  # a longer face, twice as small
    reference[:, :2] = (reference[:, :2] - [0.5, 0.4]) / 2 + [0.3, 0.6]
    driver = turned_heads(face, np.array([0.0, 10.0, -10.0]))
    made = retarget(driver, reference, motion="absolute").points
    np.testing.assert_allclose(made[0, FACE_SLICE, :2], reference[FACE_SLICE, :2], atol=2e-3)


def test_the_middle_of_an_absolute_motion_is_where_the_reference_stands(dance: Pose) -> None:
    walk = np.repeat(dance.points[:1], 9, 0)
    walk[..., 0] += np.linspace(0, 0.3, 9)[:, None]
    reference = dance.points[0].copy()
    reference[:, :2] = (reference[:, :2] - 0.5) * 0.5 + [0.3, 0.6]
    hips = [BODY["right_hip"], BODY["left_hip"]]
    home = reference[hips, 0].mean()
    relative = retarget(replace(dance, points=walk), reference).points[:, hips, 0].mean(1)
    absolute = retarget(replace(dance, points=walk), reference, motion="absolute").points[:, hips, 0].mean(1)
    np.testing.assert_allclose(relative, home + np.linspace(0, 0.15, 9), atol=1e-3)
    np.testing.assert_allclose(absolute, home + np.linspace(-0.075, 0.075, 9), atol=1e-3)


def test_a_bone_that_comes_towards_the_camera_never_gets_longer_than_it_was(dance: Pose) -> None:
    points = np.repeat(dance.points[:1], 11, 0)
    reach = points[0, BODY["left_wrist"], :2] - points[0, BODY["left_elbow"], :2]
    share = np.linspace(0.2, 1, 11)[:, None]
    points[:, BODY["left_wrist"], :2] = points[:, BODY["left_elbow"], :2] + share * reach
    made = retarget(replace(dance, points=points), dance.points[0], scale=3.0).points
    lengths = np.linalg.norm(made[:, BODY["left_wrist"], :2] - made[:, BODY["left_elbow"], :2], axis=-1)
    assert lengths.max() < 1.05 * np.linalg.norm(reach)
