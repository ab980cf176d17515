"""A driver of other proportions: the reference's figure makes the driver's movements, joint for joint."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from videogen.conditions.retarget import retarget
from videogen.skeleton import BODY
from videogen.types import Pose
from videogen.world.build import PARTS, rebuilt
from videogen.world.clips import render_clips

TALL = ("nose", "right_ankle", "left_ankle")


def person(number: int) -> np.ndarray:
    """Keypoints of a figure of the world that acts for two seconds, `t k 3`; all seen at its start."""
    return render_clips("person", torch.tensor([number]), size=16, num_frames=24, fps=12).points[0].numpy()


def apart(moved: np.ndarray, true: np.ndarray) -> float:
    """The largest distance between joints that both show, over the figure's height."""
    height = float(np.ptp(true[0, [BODY[name] for name in TALL], 1]))
    seen = (moved[:, :18, 2] >= 0.3) & (true[:, :18, 2] >= 0.3)
    assert seen.mean() > 0.8
    return float(np.linalg.norm(moved[:, :18, :2] - true[:, :18, :2], axis=-1)[seen].max()) / height


@pytest.mark.parametrize(
    "factors",
    [
        dict.fromkeys(PARTS, 0.7),
        dict.fromkeys(PARTS, 1.3),
        {"legs": 0.7, "arms": 1.3},
        {"legs": 1.3, "arms": 0.7, "torso": 0.7},
        {"torso": 1.3, "shoulders": 0.7, "hips": 0.7, "head": 1.3},
        {"torso": 0.7, "shoulders": 1.3, "legs": 1.3, "head": 0.7},
        {"legs": 0.7, "arms": 0.7, "head": 1.3},
    ],
    ids=lambda factors: " ".join(f"{name}={factor}" for name, factor in factors.items()),
)
@pytest.mark.parametrize("number", [10, 12, 13, 14])
def test_another_build_makes_the_reference_s_own_motion(number: int, factors: dict[str, float]) -> None:
    true = rebuilt(person(number))
    driver = Pose(rebuilt(true, **factors), fps=Fraction(12), aspect=1.0)
    assert apart(driver.points, true) > 0.03
    assert apart(retarget(driver, true[0]).points, true) < 0.02


def test_feet_that_stand_stay_where_they_are_whatever_the_length_of_the_legs(dance: Pose) -> None:
    knees, ankles = ([BODY[f"{side}_{joint}"] for side in ("right", "left")] for joint in ("knee", "ankle"))
    squat = np.repeat(dance.points[:1], 20, 0)
    down = 0.08 * np.sin(np.linspace(0, np.pi, 20))
    squat[:, [k for k in range(18) if k not in knees + ankles], 1] += down[:, None]
    squat[:, knees, 1] += down[:, None] / 2
    squat[:, 18:] = 0
    for legs in (0.7, 1.3):
        moved = retarget(replace(dance, points=squat), rebuilt(squat, legs=legs)[0]).points
        assert np.ptp(moved[:, ankles, :2], axis=0).max() < 0.004
        assert np.ptp(moved[:, BODY["neck"], 1]) == pytest.approx(0.08 * legs, rel=0.05)


def test_what_a_hidden_joint_carries_hangs_from_the_next_one_that_is_seen() -> None:
    true = rebuilt(person(12))
    driver = rebuilt(true, **dict.fromkeys(PARTS, 0.7))
    whole = retarget(Pose(driver, aspect=1.0), true[0]).points
    driver[10:14, [BODY["nose"], BODY["right_elbow"]]] = 0
    moved = retarget(Pose(driver, aspect=1.0), true[0]).points
    for name in ("right_eye", "left_ear", "right_wrist"):
        np.testing.assert_allclose(moved[:, BODY[name], :2], whole[:, BODY[name], :2], atol=0.015)
    assert not moved[10:14, BODY["nose"]].any()


def test_a_bone_that_the_reference_does_not_show_grows_with_the_whole_body() -> None:
    true = rebuilt(person(12))
    reference = true[0].copy()
    reference[[BODY["right_wrist"], BODY["left_wrist"]]] = 0
    driver = rebuilt(true, **dict.fromkeys(PARTS, 0.7))
    assert apart(retarget(Pose(driver, aspect=1.0), reference).points, true) < 0.02
