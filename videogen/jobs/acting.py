"""A person in a picture who does what a sentence says: a planned pose, fitted to the picture's keypoints.

The plan begins in some posture of its own; the picture's posture goes over into it within half a second, so
that the first frame is the picture.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from videogen.carried import CarriedPicture
from videogen.conditions.motion_field import is_head
from videogen.conditions.retarget import retarget
from videogen.jobs.cutting_out import find_ground, find_person
from videogen.jobs.planned import person_of, plan_words
from videogen.schedule import Schedule
from videogen.types import Frame, Pose

if TYPE_CHECKING:
    from videogen.engine import Engine

UNSAID = {True: "a person is turning the head", False: "a person waves a hand"}
"""What a head, and a whole body, does where no words say it."""
_SECONDS = 0.5


def act(
    frame: Frame,
    points: NDArray[np.float32],
    prompt: str | Schedule | None,
    engine: Engine,
    *,
    length: int,
    fps: Fraction,
    seed: int,
    size: tuple[int, int],
) -> CarriedPicture | None:
    """A picture with keypoints `k 3`, carried for `length` frames as the words say, for an output of `size`.

    None where the words do not plan one person throughout, or the model has no motion planner.
    """
    said = UNSAID[bool(is_head(torch.from_numpy(points)))] if prompt is None else prompt
    person = person_of(plan_words(engine, said, length=length, fps=fps, seed=seed))
    if person is None:
        return None
    planned = Pose(person.numpy(), fps=fps, aspect=1.0)
    moved = retarget(planned, points, aspect=frame.shape[1] / frame.shape[0])
    mask = find_person(frame, points, None)
    return CarriedPicture.along(
        frame, points, ease_in(moved, points).points, size=size, spec=engine.spec,
        mask=mask, ground=find_ground(frame, points, mask),
    )  # fmt: skip


def ease_in(pose: Pose, points: NDArray[np.float32]) -> Pose:
    """A pose that begins with `points`, `k 3`, exactly, and is its own again after half a second."""
    time = np.arange(len(pose.points)) / float(pose.fps or 1) / _SECONDS
    left = 1 - np.clip(time, 0, 1) ** 2 * (3 - 2 * np.clip(time, 0, 1))
    moved = pose.points.copy()
    both = (moved[0, :, 2] > 0) & (points[:, 2] > 0)
    gap = np.where(both[:, None], points[:, :2] - moved[0, :, :2], 0)
    moved[..., :2] += (left[:, None, None] * gap).astype(np.float32)
    moved[0] = points
    return replace(pose, points=moved)
