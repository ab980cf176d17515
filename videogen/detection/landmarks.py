"""Which of mediapipe's points are which of ours: arrays in, arrays out, no network.

The face mesh has 478 points, the last ten of the irises; the face is 70: iBUG-68 and the pupils, the
person's right before the left. The jaw's 17 points lie at equal steps along the face's outline, from the
temple over the chin to the other temple. mediapipe's pose has 33 points; the body is COCO-18, whose neck
is the middle of the shoulders. Its hands have OpenPose's 21 points in OpenPose's order.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from videogen.skeleton import BODY, BODY_SLICE

Points: TypeAlias = NDArray[np.float32]
"""Keypoints `k 3`: x and y as fractions of the picture, and a confidence, zero where absent."""

HAND_POINTS = 21

# Each point of the face is the mean of the points of the mesh that stand for it. One row per part.
_PAIRS: tuple[tuple[tuple[int, ...], ...], ...] = (
    (  # jaw, 0 to 16: right temple, cheek, chin (8), left temple
        (127,), (234, 93), (93, 132), (58,), (172,), (136, 150), (149,), (176, 148), (152,),
        (377, 400), (378,), (379, 365), (397,), (288,), (361, 323), (323, 454), (356,),
    ),
    # Brows, 17 to 26, from the person's right to left: the mesh has their upper and their lower edge.
    ((70, 46), (63, 53), (105, 52), (66, 65), (107, 55)),
    ((336, 285), (296, 295), (334, 282), (293, 283), (300, 276)),
    ((168,), (197,), (5,), (4,)),  # ridge of the nose, 27 to 30, down to the tip
    ((75,), (97,), (2,), (326,), (305,)),  # base of the nose, 31 to 35
    ((33,), (160,), (158,), (133,), (153,), (144,)),  # right eye, 36 to 41: outer corner, upper lid, …
    ((362,), (385,), (387,), (263,), (373,), (380,)),  # left eye, 42 to 47: inner corner, upper lid, …
    ((61,), (39,), (37,), (0,), (267,), (269,), (291,)),  # upper lip, 48 to 54: corner to corner
    ((405, 321), (314,), (17,), (84,), (181, 91)),  # lower lip, 55 to 59, back
    ((78,), (82,), (13,), (312,), (308,)),  # inner upper lip, 60 to 64
    ((317,), (14,), (87,)),  # inner lower lip, 65 to 67, back
    ((468,), (473,)),  # pupils, 68 and 69
)  # fmt: skip
FACE_FROM_MESH = tuple(point for part in _PAIRS for point in part)
"""For each of the 70 points of a face, the points of the mesh whose mean it is."""

_FIRST = np.array([point[0] for point in FACE_FROM_MESH])
_LAST = np.array([point[-1] for point in FACE_FROM_MESH])

BODY_FROM_POSE = {
    "nose": 0,
    "right_shoulder": 12, "right_elbow": 14, "right_wrist": 16,
    "left_shoulder": 11, "left_elbow": 13, "left_wrist": 15,
    "right_hip": 24, "right_knee": 26, "right_ankle": 28,
    "left_hip": 23, "left_knee": 25, "left_ankle": 27,
    "right_eye": 5, "left_eye": 2, "right_ear": 8, "left_ear": 7,
}  # fmt: skip
"""For each point of the body but the neck, the point of mediapipe's pose."""

FEET_FROM_POSE = (31, -1, 29, 32, -1, 30)
"""Big toe, small toe and heel of the left foot, then of the right; mediapipe has no small toe."""

LEAST_VISIBLE = 0.3
"""Points that mediapipe's pose sees less surely are taken as absent."""

_EAR_BEYOND_JAW = 0.04  # ears lie this share of the face's width beyond the ends of the jaw


def face_of(mesh: NDArray[np.float32]) -> Points:
    """The 70 points of the face, `70 3`, from a mesh `478 2` or `478 3` in fractions; confidence 1."""
    points = np.ones((len(FACE_FROM_MESH), 3), dtype=np.float32)
    points[:, :2] = (mesh[_FIRST, :2] + mesh[_LAST, :2]) / 2
    return points


def body_of(pose: NDArray[np.float32]) -> Points:
    """The 18 points of the body from a pose `33 4` (x, y, depth, visibility); absent outside the picture."""
    points = np.zeros((BODY_SLICE.stop, 3), dtype=np.float32)
    for name, index in BODY_FROM_POSE.items():
        points[BODY[name]] = pose[index, [0, 1, 3]]
    points = _seen(points)
    right, left = points[BODY["right_shoulder"]], points[BODY["left_shoulder"]]
    if min(right[2], left[2]) > 0:  # a neck without shoulders would come and go at the picture's edge
        points[BODY["neck"]] = *((right + left) / 2)[:2], min(right[2], left[2])
    return points


def feet_of(pose: NDArray[np.float32]) -> Points:
    """The six points of the feet from a pose `33 4`, left before right; small toes are absent."""
    points = pose[list(FEET_FROM_POSE)][:, [0, 1, 3]]
    points[[index < 0 for index in FEET_FROM_POSE]] = 0
    return _seen(points)


def hand_of(hand: NDArray[np.float32]) -> Points:
    """The 21 points of a hand, from mediapipe's `21 2` or more; confidence 1."""
    points = np.ones((HAND_POINTS, 3), dtype=np.float32)
    points[:, :2] = hand[:, :2]
    return points


def set_head(body: Points, face: Points) -> None:
    """Put nose, eyes and ears of a body `18 3` where the face `70 3` has them, in place.

    An eye is the middle of its lids, so that it does not follow the gaze; an ear lies at the jaw's end.
    """
    outwards = (face[0] - face[16]) * _EAR_BEYOND_JAW
    body[BODY["nose"]] = face[30]
    body[BODY["right_eye"]], body[BODY["left_eye"]] = face[36:42].mean(0), face[42:48].mean(0)
    body[BODY["right_ear"]], body[BODY["left_ear"]] = face[0] + outwards, face[16] - outwards


def _seen(points: Points) -> Points:
    """The points with those zeroed that are hardly visible or outside the picture."""
    inside = ((points[:, :2] >= 0) & (points[:, :2] <= 1)).all(-1)
    points[~inside | (points[:, 2] < LEAST_VISIBLE)] = 0
    return points
