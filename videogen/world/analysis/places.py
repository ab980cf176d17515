"""Which place a clip shows, and whether things, a whole person or a head: learnt from the world's renders."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from videogen.types import Frames
from videogen.world.analysis.ground import SIDE, Sight, look, roughen
from videogen.world.analysis.regression import Regression
from videogen.world.clips import render_clips

Floats = NDArray[np.float64]

_SEED = 4243
_EXAMPLES = 160
_BANDS = 16
KINDS = ("object", "person", "portrait")


def read_scene(sight: Sight, *, kind: str) -> str:
    """The place behind what a clip of `kind` shows."""
    return _scene_judge(kind).choose(_profile(sight))


def read_kind(sight: Sight) -> str:
    """What a clip shows, one of `KINDS`."""
    return _kind_judge().choose(_layout(sight))


def _profile(sight: Sight) -> Floats:
    """Colours of bands of rows: at the edges, and over the whole width."""
    whole = np.median(sight.lab, axis=(0, 2))
    bands = [rows.reshape(_BANDS, -1, 3).mean(1) for rows in (sight.rows, whole)]
    return np.asarray(np.concatenate(bands).ravel())


def _layout(sight: Sight) -> Floats:
    """How far a coarse grid differs from the edges, and its colours."""
    cells = sight.lab.mean(0).reshape(16, 4, 16, 4, 3).mean((1, 3))
    rows = sight.rows.reshape(16, 4, 3).mean(1)[:, None]
    far = np.minimum(np.sqrt(((cells - rows) ** 2).sum(-1)), 40.0)
    return np.concatenate([far.ravel(), cells[::2, ::2, 1:].ravel()])


@cache
def _scene_judge(kind: str) -> Regression:
    sights, labels = _examples(kind)
    return Regression.fit(
        np.stack([_profile(sight) for sight in sights]), [label["scene"] for label in labels]
    )


@cache
def _kind_judge() -> Regression:
    rows, labels = [], []
    for kind in KINDS:
        sights = _examples(kind)[0]
        rows += [_layout(sight) for sight in sights]
        labels += [kind] * len(sights)
    return Regression.fit(np.stack(rows), labels)


@cache
def _examples(kind: str) -> tuple[list[Sight], list[dict[str, str]]]:
    clips = render_clips(kind, torch.arange(_EXAMPLES), size=SIDE, num_frames=2, seed=_SEED, fps=8.0)
    frames = [as_frames(video) for video in clips.video]
    return [look(roughen(one, seed=k) if k % 2 else one) for k, one in enumerate(frames)], clips.labels


def as_frames(video: torch.Tensor) -> Frames:
    """A video −1…1 `c t h w` as frames uint8 `t h w c`."""
    pixels = ((video.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return pixels.permute(1, 2, 3, 0).contiguous().cpu().numpy()
