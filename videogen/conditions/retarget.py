"""A driving motion on another body: the reference's proportions and place, the driver's movement.

Whole bodies keep the directions of the driver's bones and get the lengths of the reference's
(`body_motion`). Heads and shoulders get the driver's change since its frame nearest to the reference
(`head_motion`), so that a face keeps its own features. Both start near the reference where the driver does;
absolute, they are where the driver is, once one similarity has taken its whole motion to the reference.
"""

from __future__ import annotations

import logging
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from videogen.conditions.body_motion import move_body, posture
from videogen.conditions.head_motion import move_head
from videogen.errors import RequestError
from videogen.skeleton import BODY, FACE_SLICE, KEYPOINTS
from videogen.types import Pose

Motion: TypeAlias = Literal["relative", "absolute"]
"""Whether a motion counts from where the driver starts, or as it is."""

logger = logging.getLogger(__name__)
_SEEN = 0.3
_HIPS = [BODY["right_hip"], BODY["left_hip"]]


def retarget(
    pose: Pose, reference: NDArray[np.float32], *,
    aspect: float = 1.0, motion: Motion = "relative", scale: float = 1.0,
) -> Pose:  # fmt: skip
    """Move `pose` onto the person whose keypoints in the reference picture are `reference`, `k 3`.

    `aspect` is the reference picture's width over its height; the result's fractions refer to that picture.
    `scale` is how much of a change since the start there is for one of the driver's, 0 or more. Logs a
    warning where the two postures differ strongly. Raises RequestError where either shows nobody.
    """
    if reference.shape != (KEYPOINTS, 3):
        raise RequestError(f"reference keypoints have shape {reference.shape}; expected ({KEYPOINTS}, 3)")
    if not (reference[:, 2] >= _SEEN).any():
        raise RequestError("the reference picture's keypoints show nobody; give the keypoints of a person")
    if not (pose.points[..., 2] >= _SEEN).any():
        raise RequestError("the driving pose shows nobody; give a pose with at least one person")
    driving = pose.points.astype(np.float64)
    driving[..., 0] *= pose.aspect or aspect
    still = reference.astype(np.float64)
    still[:, 0] *= aspect
    if _is_head(still) or (_is_head(driving[0]) and _has_face(still)):
        points = move_head(driving, still, absolute=motion == "absolute", scale=scale)
    else:
        points = move_body(driving, still, absolute=motion == "absolute", scale=scale)
        _warn_of_posture(driving, still)
    points[..., 0] /= aspect
    points[points[..., 2] <= 0] = 0
    return Pose(points.astype(np.float32), fps=pose.fps, aspect=aspect)


def _has_face(points: NDArray[np.float64]) -> bool:
    return bool((points[FACE_SLICE, 2] >= _SEEN).mean() > 0.5)


def _is_head(points: NDArray[np.float64]) -> bool:
    return _has_face(points) and not bool((points[_HIPS, 2] >= _SEEN).any())


def _warn_of_posture(driving: NDArray[np.float64], still: NDArray[np.float64]) -> None:
    """Say where even the most similar driving frame stands quite unlike the reference."""
    turned = posture(driving, still)
    if not np.isfinite(turned).any():
        logger.warning("the driving pose and the reference share no limb; only the place is carried over")
        return
    least = float(np.nanmin(turned))
    if least > 45:
        logger.warning(
            "the driving pose never comes near the reference's posture (limbs differ by %.0f° on average); "
            "expect artefacts, or choose a reference picture in a similar posture", least,
        )  # fmt: skip
