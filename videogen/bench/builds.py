"""Held-out people in held-out motion that somebody of another build makes before them.

The reference is the clip's first frame; the driver's bones are 30 % shorter or longer, and the driving pose
is fitted to the reference as `animate` does. Beside it the same with a driver of the person's own build:
fitting should leave no difference. Ceiling: the true render through the autoencoder. Trivial baseline: the
reference repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray

from videogen.bench.figures import CODED, MADE, TRIVIAL, Evaluation
from videogen.bench.frames import through_autoencoder, to_frames
from videogen.bench.metrics import joint_errors, pck, ssim
from videogen.bench.pose import FPS, NUM_FRAMES, make_posed
from videogen.conditions.retarget import retarget
from videogen.engine import Engine
from videogen.types import Frames, Pose
from videogen.world.build import PARTS, rebuilt
from videogen.world.clips import render_clips

BUILDS: tuple[dict[str, float], ...] = (
    dict.fromkeys(PARTS, 0.7),
    dict.fromkeys(PARTS, 1.3),
    {"legs": 0.7, "arms": 1.3, "head": 1.3},
    {"torso": 0.7, "shoulders": 1.3, "legs": 1.3, "head": 0.7},
)
"""How many times as long as the person's the driver's bones are; clips take turns."""


def evaluate_builds(engine: Engine, *, clips: int, progress: Callable[[], None] = lambda: None) -> Evaluation:
    """Joints and likeness of people moved by drivers of their own and of other builds."""
    found = Evaluation()
    batch = render_clips(
        "person", torch.arange(clips), size=engine.spec.height, num_frames=NUM_FRAMES, held_out=True, fps=FPS
    )
    for number in range(clips):
        truth, points = to_frames(batch.video[number]), batch.points[number].numpy()
        beside = {CODED: through_autoencoder(engine, truth), TRIVIAL: np.repeat(truth[:1], NUM_FRAMES, 0)}
        for name, driver in (("own", points), ("another", rebuilt(points, **BUILDS[number % len(BUILDS)]))):
            moved = retarget(Pose(driver, fps=Fraction(FPS), aspect=1.0), points[0]).points
            _, _, made = make_posed(engine, truth[0], points[0], moved, seed=number)
            _score(found, f"driver of {name} build", truth, points, {MADE: made, **beside})
            progress()
    return found


def _score(
    found: Evaluation, name: str, truth: Frames, points: NDArray[np.float32], made: dict[str, Frames]
) -> None:
    for column, frames in made.items():
        errors = joint_errors(frames, truth, points[:, :18])
        found.add(f"{name}: PCK@0.1", column, pck(errors, threshold=0.1))
        found.add(f"{name}: SSIM", column, ssim(frames, truth))
