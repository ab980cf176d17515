"""The colours of a person's hair, shirt and trousers, read where the joints say that they are.

What such regions look like (shades, patterns, hidden parts) is learnt from people that the world renders:
which share of a region is near each colour of the world's palettes, mapped to names by regression.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from videogen.skeleton import BODY
from videogen.types import Frames
from videogen.world.analysis.colour import name_gaps
from videogen.world.analysis.ground import SIDE, Sight, look, roughen
from videogen.world.analysis.people import has_face
from videogen.world.analysis.places import as_frames
from videogen.world.analysis.regression import Regression
from videogen.world.clips import render_clips
from videogen.world.figure import COLOUR_PAINTS, GARMENTS, HAIR_PAINTS, SKINS, TROUSERS

Floats = NDArray[np.float64]

_SEED = 4245
_EXAMPLES = 640
_PAINTS = {"hair": (*HAIR_PAINTS, *SKINS), "shirt": COLOUR_PAINTS, "trousers": (*TROUSERS, *SKINS)}
_NEAR = 16.0
_GROUPS = 8


def clothes(frames: Frames, points: NDArray[np.floating[Any]]) -> dict[str, str]:
    """Names of the colours of hair, shirt and, for whole people, trousers (or skirt, or shorts).

    `frames` is uint8 `t h w c`; `points` `t KEYPOINTS 3` the keypoints in it, true or read.
    """
    kind = "portrait" if has_face(points) else "person"
    looks = _looks(look(frames), np.asarray(points, dtype=np.float64), kind)
    return {part: judge.choose(looks[part]) for part, judge in _judges(kind).items()}


@cache
def _judges(kind: str) -> dict[str, Regression]:
    rows: dict[str, list[Floats]] = {}
    names: dict[str, list[str]] = {}
    for start in range(0, _EXAMPLES, 80):
        clips = render_clips(
            kind, torch.arange(start, start + 80), size=SIDE, num_frames=2, seed=_SEED,
            held_out=bool(start // 80 % 2),
        )  # fmt: skip
        keypoints = clips.points.double().numpy()
        for number, (video, points, label) in enumerate(
            zip(clips.video, keypoints, clips.labels, strict=True)
        ):
            frames = as_frames(video)
            frames = roughen(frames, seed=number) if number % 2 else frames
            for part, row in _looks(look(frames), points, kind).items():
                rows.setdefault(part, []).append(row)
                worn = next((name for name in GARMENTS if name in label), "") if part == "trousers" else part
                names.setdefault(part, []).append(label[worn])
    return {part: Regression.fit(np.stack(rows[part]), names[part]) for part in rows}


def _looks(sight: Sight, points: Floats, kind: str) -> dict[str, Floats]:
    """Features of each region `d`, mean over frames: how near its groups are to each paint."""
    lab = ndimage.uniform_filter(sight.lab, (1, 2, 2, 1), mode="nearest")
    joints = points[..., :2]
    face = np.median(_pick(lab, joints[:, [BODY["nose"]]]), (0, 1))
    out = {}
    for part, places in _places(joints, kind).items():
        pixels, apart = _pick(lab, places), np.minimum(_pick(sight.gap[..., None], places)[..., 0] / 15, 1)
        near = np.maximum(1 - name_gaps(pixels, _PAINTS[part]) / _NEAR, 0)
        skin = np.minimum(np.sqrt(((pixels - face) ** 2).sum(-1)) / 15, 1)
        near *= (apart * skin)[..., None] if part == "hair" else 1.0
        groups = near.reshape(len(lab), _GROUPS, -1, near.shape[-1]).mean((0, 2))
        total = groups.mean(0)
        out[part] = np.concatenate([groups.ravel(), total / (total.sum() + 0.03), face / 50])
    return out


def _pick(planes: Floats, places: Floats) -> Floats:
    """Values of `t 64 64 c` at places `t n 2`, fractions, `t n c`."""
    columns, rows = (np.clip((places[..., axis] * SIDE).astype(int), 0, SIDE - 1) for axis in (0, 1))
    return np.asarray(planes[np.arange(len(planes))[:, None], rows, columns])


def _places(joints: Floats, kind: str) -> dict[str, Floats]:
    """Where to look, `t n 2` for each part, in `_GROUPS` groups of neighbours."""

    def at(name: str) -> Floats:
        return joints[:, BODY[name]]

    neck = at("neck")
    head = (at("right_ear") + at("left_ear") + at("nose")) / 3
    up = head - neck
    aside = np.stack([-up[:, 1], up[:, 0]], -1)
    reach = np.linspace(0.5, 1.6, 8)
    top = [head + up * y + aside * x for y in reach for x in (-0.3, 0.0, 0.3)]
    edge = [
        head + up * y + aside * x
        for y in (-0.2, 0.1, 0.4, 0.7)
        for x in (-0.95, -0.75, -0.55, 0.55, 0.75, 0.95)
    ]
    parts = {"hair": np.stack([*top, *edge], 1)}
    across = at("left_shoulder") - at("right_shoulder")
    if kind == "portrait":
        down = np.array([0.0, 1.0]) * np.linalg.norm(across, axis=-1, keepdims=True)
        parts["shirt"] = np.stack(
            [neck + down * y + across * x for y in (0.12, 0.2, 0.28) for x in np.linspace(-0.5, 0.5, 16)], 1
        )
        return parts
    hips = (at("right_hip") + at("left_hip")) / 2
    spine = hips - neck
    width = np.stack([-spine[:, 1], spine[:, 0]], -1)
    parts["shirt"] = np.stack(
        [
            neck + spine * y + width * x
            for y in np.linspace(0.15, 0.85, 8)
            for x in (-0.2, -0.1, 0.0, 0.1, 0.2)
        ],
        1,
    )
    legs = [
        at(f"{side}_hip") + (at(f"{side}_knee") - at(f"{side}_hip")) * y
        for y in np.linspace(0.15, 0.9, 8)
        for side in ("right", "left")
    ]
    low = [hips + spine * y + width * x for y in (0.05, 0.15, 0.25, 0.35) for x in (-0.15, -0.05, 0.05, 0.15)]
    parts["trousers"] = np.stack([*low, *legs], 1)
    return parts
