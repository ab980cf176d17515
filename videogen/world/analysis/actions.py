"""What a person does, read from joints over time.

The judge is fitted to the world's own scripts when it is first asked, for each number of frames and frame
rate: a few thousand true poses, described by how every joint lies and moves, and a kernel ridge regression
onto the actions. So it knows every action that the world acts, and only those.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from videogen.skeleton import BODY, BODY_SLICE, FACE_SLICE
from videogen.world.analysis.regression import Regression
from videogen.world.clips import write_script

Floats = NDArray[np.float64]

_BANK = 1600
_SEED = 4242
_JITTER = 0.012
"""Noise on the joints of half of the bank, in heights of the picture: what reading from pixels adds."""
_LONGEST = 32


def classify_action(points: NDArray[np.floating[Any]], *, fps: float) -> str:
    """The action of a pose `t KEYPOINTS 3`: of `HEAD_MOTIONS` where its face has points, else of `ACTIONS`.

    Clips of more than 32 frames are judged by their middle. A pose in which nobody is seen is "stand".
    """
    pose = np.asarray(points, dtype=np.float64)
    if len(pose) > _LONGEST:
        first = (len(pose) - _LONGEST) // 2
        pose = pose[first : first + _LONGEST]
    if not (pose[..., 2] > 0).any():
        return "stand"
    portrait = bool((pose[:, FACE_SLICE, 2] > 0).mean() > 0.5)
    kind = "portrait" if portrait else "person"
    return _judge(kind, len(pose), round(float(fps), 3)).choose(describe_pose(kind, pose[None], fps))


@lru_cache(maxsize=32)
def _judge(kind: str, num_frames: int, fps: float) -> Regression:
    features, labels = [], []
    dice = np.random.default_rng(_SEED)
    for held_out in (False, True):
        script = write_script(
            kind, torch.arange(_BANK // 2), num_frames=num_frames, seed=_SEED, held_out=held_out, fps=fps
        )
        pose = script.points[:, 1:].double().numpy()
        jitter = (
            dice.normal(size=pose[..., :2].shape) * _JITTER * (np.arange(len(pose)) % 2)[:, None, None, None]
        )
        if kind == "portrait":
            jitter = jitter * 0.4
        pose[..., :2] += jitter
        features.append(describe_pose(kind, pose, fps))
        labels += [label["action"] for label in script.labels]
    return Regression.fit(np.concatenate(features), labels)


def describe_pose(kind: str, pose: Floats, fps: float) -> Floats:
    """How each joint (of a portrait: each feature) lies and moves, `b d`, for poses `b t KEYPOINTS 3`."""
    signals = _face_signals(pose) if kind == "portrait" else _body_signals(pose)
    middle = signals.mean(1)
    parts = [middle, signals.std(1), signals.max(1) - middle, middle - signals.min(1)]
    if signals.shape[1] > 1:
        steps = np.diff(signals, axis=1) * fps
        parts += [np.abs(steps).mean(1), np.abs(steps).max(1), (signals[:, -1] - signals[:, 0])]
    return np.concatenate(parts, 1)


def _body_signals(pose: Floats) -> Floats:
    """Joints relative to where the hips are on average, in lengths of the trunk, `b t 36`."""
    joints = pose[:, :, BODY_SLICE, :2]
    hips = (joints[:, :, BODY["right_hip"]] + joints[:, :, BODY["left_hip"]]) / 2
    trunk = np.linalg.norm(joints[:, :, BODY["neck"]] - hips, axis=-1).mean(1)
    relative = (joints - hips.mean(1)[:, None, None]) / np.maximum(trunk, 1e-3)[:, None, None, None]
    return np.asarray(relative.reshape(*relative.shape[:2], -1))


def _face_signals(pose: Floats) -> Floats:
    """How the head is turned and what the face does, in widths between the eyes, `b t d`."""
    body, face = pose[:, :, BODY_SLICE, :2], pose[:, :, FACE_SLICE, :2]
    shoulders = body[:, :, BODY["left_shoulder"]] - body[:, :, BODY["right_shoulder"]]
    unit = np.maximum(np.linalg.norm(shoulders, axis=-1).mean(1), 1e-3)[:, None, None] / 4
    ears = (body[:, :, BODY["left_ear"]] + body[:, :, BODY["right_ear"]]) / 2
    across = body[:, :, BODY["left_ear"]] - body[:, :, BODY["right_ear"]]
    roll = np.arctan2(across[..., 1], across[..., 0])
    cos, sin = np.cos(roll)[..., None], np.sin(roll)[..., None]
    from_ears = (face - ears[:, :, None]) / unit[..., None]
    level_x = from_ears[..., 0] * cos + from_ears[..., 1] * sin
    level_y = from_ears[..., 1] * cos - from_ears[..., 0] * sin

    def gap(a: int, b: int) -> Floats:
        return np.asarray(np.hypot(level_x[..., a] - level_x[..., b], level_y[..., a] - level_y[..., b]))

    neck = (body[:, :, BODY["neck"]] - ears) / unit
    corners = (level_y[..., 48] + level_y[..., 54]) / 2 - (level_y[..., 51] + level_y[..., 57]) / 2
    signals = [
        4 * roll, level_x[..., 30], level_y[..., 30], level_y[..., 8], level_x[..., 8],
        gap(62, 66), gap(51, 57), gap(48, 54), corners, gap(37, 41) + gap(44, 46),
        level_y[..., 19] - level_y[..., 68], level_y[..., 24] - level_y[..., 69],
        level_x[..., 68] + level_x[..., 69] - level_x[..., 36] - level_x[..., 45],
        level_x[..., 27], level_y[..., 27], neck[..., 0], neck[..., 1],
    ]  # fmt: skip
    return np.stack(signals, -1)
