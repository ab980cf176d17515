"""Where a person's joints are in each frame, and what the person does, by example.

The world renders some hundreds of people whose keypoints are known; edges and what stands out from the
place, on a grid of 16 x 16 cells (after Dalal and Triggs 2005), are mapped onto keypoints by kernel ridge
regression. What a clip's read keypoints mean is judged against read keypoints of the same examples, each
half of them read by the other half, so that the judge knows the errors of the reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from videogen.skeleton import FACE_SLICE, KEYPOINTS
from videogen.world.analysis.actions import describe_pose
from videogen.world.analysis.ground import SIDE, Sight, look, roughen
from videogen.world.analysis.places import as_frames
from videogen.world.analysis.regression import Regression
from videogen.world.clips import render_clips

Floats = NDArray[np.float64]

_SEED = 4244
_EXAMPLES = 480
_SAMPLES = 1440
"""Frames of the examples that the keypoints are fitted to."""
_CELLS, _TURNS = 16, 6
_RIDGE = 0.1
_LONGEST = 16


@dataclass(frozen=True)
class _Reader:
    """Kernel ridge regression from the features of a frame to its keypoints."""

    mean: Floats
    spread: Floats
    support: Floats
    weights: Floats
    middle: Floats

    @classmethod
    def fit(cls, features: Floats, points: Floats) -> _Reader:
        """Fit to features `n d` and keypoints `n k 2`."""
        mean, spread = features.mean(0), features.std(0) + 0.02
        support = (features - mean) / spread
        flat = points.reshape(len(points), -1)
        middle = flat.mean(0)
        kernel = _kernel(support, support)
        kernel[np.diag_indices_from(kernel)] += _RIDGE
        return cls(mean, spread, support, np.linalg.solve(kernel, flat - middle), middle)

    def read(self, features: Floats) -> Floats:
        """Keypoints `n k 2` of frames with features `n d`."""
        near = _kernel((features - self.mean) / self.spread, self.support)
        return np.asarray((near @ self.weights + self.middle).reshape(len(features), -1, 2))


@dataclass(frozen=True)
class _Examples:
    """What the world renders of one kind at one length and frame rate, as it is read."""

    reader: _Reader
    judge: Regression
    present: Floats


def read_person(sight: Sight, *, kind: str, fps: float) -> tuple[str, Floats]:
    """The action of the person in a clip of `kind` (person or portrait), and keypoints `t KEYPOINTS 3`.

    Confidence is 1 for the keypoints that people of this kind have. Long clips are judged by their middle.
    """
    features = _features(sight)
    first = max(len(features) - _LONGEST, 0) // 2
    examples = _examples(kind, min(len(features), _LONGEST), round(float(fps), 3))
    points = np.zeros((len(features), KEYPOINTS, 3))
    points[..., :2] = examples.reader.read(features)
    points[..., 2] = examples.present
    middle = points[None, first : first + _LONGEST]
    return examples.judge.choose(describe_pose(kind, middle, fps)), points


@lru_cache(maxsize=8)
def _examples(kind: str, num_frames: int, fps: float) -> _Examples:
    rows, points, labels = [], [], []
    for start in range(0, _EXAMPLES, 80):
        clips = render_clips(
            kind, torch.arange(start, start + 80), size=SIDE, num_frames=num_frames, seed=_SEED, fps=fps,
            held_out=bool(start // 80 % 2),
        )  # fmt: skip
        frames = [as_frames(video) for video in clips.video]
        frames = [roughen(one, seed=k) if k % 4 > 1 else one for k, one in enumerate(frames)]
        rows += [_features(look(one)) for one in frames]
        points.append(clips.points.double().numpy())
        labels += [label["action"] for label in clips.labels]
    features, truth = np.stack(rows), np.concatenate(points)
    read = np.ones_like(truth)
    odd = np.arange(len(features)) % 2 == 1
    for half in (odd, ~odd):
        reader = _fit(features[half], truth[half])
        read[~half, ..., :2] = reader.read(features[~half].reshape(-1, features.shape[-1])).reshape(
            *truth[~half].shape[:3], 2
        )
    judge = Regression.fit(describe_pose(kind, read, fps), labels, ridge=0.1)
    present = (truth[..., 2].mean((0, 1)) > 0.5).astype(np.float64)
    return _Examples(_fit(features, truth), judge, present)


def _fit(features: Floats, truth: Floats) -> _Reader:
    flat, points = features.reshape(-1, features.shape[-1]), truth[..., :2].reshape(-1, truth.shape[2], 2)
    step = max(len(flat) // _SAMPLES, 1) | 1  # odd, so that all moments of clips come up
    return _Reader.fit(flat[::step], points[::step])


def _kernel(a: Floats, b: Floats) -> Floats:
    gaps = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return np.asarray(np.exp(-np.maximum(gaps, 0) / (2 * a.shape[1])))


def _features(sight: Sight) -> Floats:
    """How much stands out and which way edges run in each cell, `t d`."""
    smooth = ndimage.gaussian_filter(sight.lab.astype(np.float32), (0, 0.6, 0.6, 0))
    down, across = np.gradient(smooth, axis=1), np.gradient(smooth, axis=2)
    strongest = (down**2 + across**2).argmax(-1)[..., None]
    down, across = (np.take_along_axis(slope, strongest, -1)[..., 0] for slope in (down, across))
    size = np.minimum(np.hypot(across, down), 25) / 25
    angle = np.arctan2(down, across)
    channels = [np.minimum(sight.gap, 40) / 40]
    for turn in range(_TURNS):
        channels.append(size * np.maximum(np.cos(2 * (angle - turn * np.pi / _TURNS)), 0) ** 2)
    cells = np.stack(channels, -1).reshape(len(smooth), _CELLS, SIDE // _CELLS, _CELLS, SIDE // _CELLS, -1)
    return np.asarray(cells.mean((2, 4)).reshape(len(smooth), -1).astype(np.float64))


def has_face(points: NDArray[np.floating[Any]]) -> bool:
    """Whether keypoints `t KEYPOINTS 3` are those of a portrait: the face is given by points of its own."""
    return bool((points[:, FACE_SLICE, 2] > 0).mean() > 0.5)
