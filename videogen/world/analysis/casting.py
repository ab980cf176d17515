"""Which regions are things, and which belong to the place: moons, clouds, trees and firs have colours too.

Learnt from clips that the world renders: what a region is like that lies where a thing is, and what the
others are like, place by place.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from videogen.world.analysis.blobs import Blob, find_blobs
from videogen.world.analysis.ground import SIDE, Sight, look, roughen
from videogen.world.analysis.places import as_frames
from videogen.world.analysis.regression import Regression
from videogen.world.clips import render_clips
from videogen.world.figure import COLOURS
from videogen.world.scene import SCENES

Floats = NDArray[np.float64]

_SEED = 4246
_EXAMPLES = 400
_MOST = 2


def find_things(sight: Sight, *, scene: str) -> list[Blob]:
    """The regions that are things, at most two, the clearest first."""
    blobs = find_blobs(sight)
    if not blobs:
        return []
    judge = _judge()
    scores = judge.score(np.stack([_describe(blob, sight, scene) for blob in blobs]))
    clear = scores[:, judge.classes.index("thing")]
    order = [k for k in np.argsort(-clear) if clear[k] > 0]
    return [blobs[k] for k in order[:_MOST]]


def _describe(blob: Blob, sight: Sight, scene: str) -> Floats:
    """Features of one region, `d`."""
    x, y = _middle(blob)
    apart = float(np.median(sight.gap[blob.masks]))
    travel = float(np.nanmax(x) - np.nanmin(x) + np.nanmax(y) - np.nanmin(y)) / SIDE
    seen = blob.masks.any((1, 2)).mean()
    rows, columns = blob.masks.any((0, 2)).sum(), blob.masks.any((0, 1)).sum()
    numbers = [
        3 * blob.rim, 2 * blob.core, 3 * blob.unlike, np.sqrt(blob.area) / 8, apart / 25,
        3 * min(travel, 0.5), 3 * np.nanmean(y) / SIDE, seen, np.log(rows / columns),
        blob.area / (rows * columns),
    ]  # fmt: skip
    colour = [2.0 * (blob.colour == k) for k in range(len(COLOURS))]
    place = [1.0 * (scene == name) for name in SCENES]
    return np.array([*numbers, *colour, *place], dtype=np.float64)


def _middle(blob: Blob) -> tuple[Floats, Floats]:
    """Where a region is in each frame, pixels, NaN where it is not seen."""
    axis = np.arange(SIDE) + 0.5
    area = np.where(blob.masks.any((1, 2)), blob.masks.sum((1, 2)), np.nan)
    return (blob.masks.sum(1) * axis).sum(1) / area, (blob.masks.sum(2) * axis).sum(1) / area


@cache
def _judge() -> Regression:
    rows, labels = [], []
    for start in range(0, _EXAMPLES, 100):
        clips = render_clips(
            "object", torch.arange(start, start + 100), size=SIDE, num_frames=4, seed=_SEED,
            held_out=start // 100 == 3,
        )  # fmt: skip
        states = clips.tracks.state.double().numpy()
        for number, (video, state, label) in enumerate(zip(clips.video, states, clips.labels, strict=True)):
            frames = as_frames(video)
            sight = look(roughen(frames, seed=number) if number % 2 else frames)
            for blob in find_blobs(sight):
                rows.append(_describe(blob, sight, label["scene"]))
                labels.append("thing" if _lies_on_thing(blob, state, label) else "place")
    return Regression.fit(np.stack(rows), labels, ridge=0.05)


def _lies_on_thing(blob: Blob, state: Floats, label: dict[str, str]) -> bool:
    x, y = _middle(blob)
    for number, key in enumerate(("colour", "colour2")):
        if label.get(key) == COLOURS[blob.colour]:
            gaps = np.hypot(x / SIDE - state[:, number, 0], y / SIDE - state[:, number, 1])
            return bool(np.nanmedian(gaps) < 0.8 * state[:, number, 2].mean())
    return False
