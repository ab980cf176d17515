"""The same motion by figures of other builds: bones so many times as long, joint for joint."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from videogen.skeleton import BODY, BODY_NAMES, BODY_SLICE

_SIDES = ("right", "left")


def _limbs(*names: str) -> list[tuple[str, str]]:
    return [(f"{s}_{a}", f"{s}_{b}") for s in _SIDES for a, b in pairwise(names)]


PARTS: dict[str, list[tuple[str, str]]] = {
    "torso": [("hips", "neck")],
    "hips": [("hips", f"{side}_hip") for side in _SIDES],
    "shoulders": [("neck", f"{side}_shoulder") for side in _SIDES],
    "arms": _limbs("shoulder", "elbow", "wrist"),
    "legs": _limbs("hip", "knee", "ankle"),
    "head": [("neck", "nose"), *(("nose", f"{side}_eye") for side in _SIDES)]
    + [(f"{side}_eye", f"{side}_ear") for side in _SIDES],
}  # fmt: skip
"""The bones of each part of the body, parents before children; `hips` is the middle of both."""


def rebuilt(points: NDArray[np.float32], **factors: float) -> NDArray[np.float32]:
    """A body's keypoints `t k 3` with the bones of `PARTS` so many times as long; strides go with the legs.

    What is not of the body becomes unseen.
    """
    joints = {name: points[:, BODY[name], :2].astype(np.float64) for name in BODY_NAMES}
    joints["hips"] = (joints["right_hip"] + joints["left_hip"]) / 2
    stride = factors.get("legs", 1.0)
    made = {"hips": joints["hips"][:1] + stride * (joints["hips"] - joints["hips"][:1])}
    for part, bones in PARTS.items():
        for parent, child in bones:
            made[child] = made[parent] + factors.get(part, 1.0) * (joints[child] - joints[parent])
    other = np.zeros_like(points)
    other[:, BODY_SLICE] = points[:, BODY_SLICE]
    for name in BODY_NAMES:
        other[:, BODY[name], :2] = made[name]
    return other
