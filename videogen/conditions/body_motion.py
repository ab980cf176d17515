"""Bodies retargeted bone by bone: the driver's directions, the reference's lengths.

The tree hangs on the middle of the hips (on the neck where the hips are out of sight). Lengths are those
of the whole clip (a bone that points at the camera looks short), ratios stay near the ratio of the whole
bodies, and left and right share theirs. Arrays hold x, y in equal units and a confidence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from videogen.skeleton import BODY, FACE_SLICE, LEFT_HAND_SLICE, RIGHT_HAND_SLICE

Array = NDArray[np.float64]
_SEEN = 0.3
_ROOT, _NECK, _NOSE = 130, BODY["neck"], BODY["nose"]  # the root is a point of our own: between the hips
_SIDES = ("right", "left")
_PAIRS = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
# Groups of bones that share one ratio of lengths, parents before children.
_GROUPS: tuple[tuple[tuple[int, int], ...], ...] = (
    ((_ROOT, _NECK),),
    tuple((_ROOT, BODY[f"{side}_hip"]) for side in _SIDES),
    tuple((_NECK, BODY[f"{side}_shoulder"]) for side in _SIDES),
    *(tuple((BODY[f"{side}_{a}"], BODY[f"{side}_{b}"]) for side in _SIDES) for a, b in _PAIRS),
    ((_NECK, _NOSE),),
    tuple((_NOSE, BODY[f"{side}_eye"]) for side in _SIDES),
    tuple((BODY[f"{side}_eye"], BODY[f"{side}_ear"]) for side in _SIDES),
)
_SPREAD = 1.4  # how far a bone's ratio may lie from that of the whole body


def move_body(driving: Array, still: Array) -> Array:
    """Put the motion `t k 3` on the reference `k 3`; returns `t k 3`."""
    moving, fixed = _with_root(driving), _with_root(still[None])[0]
    ratios, whole = _ratios(moving, fixed)
    start = int(np.nanargmin(_similar(driving, still)))
    root = _ROOT if _visible(moving[start, _ROOT]) and _visible(fixed[_ROOT]) else _NECK
    anchor, home = _anchor(moving, fixed, start, root)
    moved = moving.copy()
    moved[..., :2] = home + whole * (moving[..., :2] - anchor)
    bones = [(bone, ratio) for group, ratio in zip(_GROUPS, ratios, strict=True) for bone in group]
    for (parent, child), ratio in bones:
        if root == _NECK and child == _NECK:
            continue
        both = (moving[:, parent, 2] >= _SEEN) & (moving[:, child, 2] >= _SEEN)
        step = ratio * (moving[:, child, :2] - moving[:, parent, :2])
        moved[both, child, :2] = (moved[:, parent, :2] + step)[both]
    head = ratios[-1] if np.isfinite(ratios[-1]) else whole
    arm = ratios[4]
    for part, carrier, ratio in (
        (FACE_SLICE, _NOSE, head),
        (LEFT_HAND_SLICE, BODY["left_wrist"], arm),
        (RIGHT_HAND_SLICE, BODY["right_wrist"], arm),
    ):
        carried = moving[:, carrier, 2] >= _SEEN
        offset = ratio * (moving[:, part, :2] - moving[:, carrier, None, :2])
        moved[carried, part, :2] = (moved[:, carrier, None, :2] + offset)[carried]
    return moved[:, :_ROOT]


def posture(driving: Array, still: Array) -> Array:
    """Mean angle in degrees between the bones of each frame `t k 3` and the reference's `k 3`, `t`.

    NaN where a frame shares no bone with the reference.
    """
    moving, fixed = _with_root(driving), _with_root(still[None])[0]
    bones = np.array([bone for group in _GROUPS[:7] for bone in group])
    both = (moving[:, bones, 2] >= _SEEN).all(-1) & (fixed[bones, 2] >= _SEEN).all(-1)
    ours, theirs = (points[..., bones[:, 1], :2] - points[..., bones[:, 0], :2] for points in (moving, fixed))
    cross = ours[..., 0] * theirs[..., 1] - ours[..., 1] * theirs[..., 0]
    angle = np.degrees(np.abs(np.arctan2(cross, (ours * theirs).sum(-1)))) * both
    count = both.sum(-1)
    return np.where(count > 0, angle.sum(-1) / np.maximum(count, 1), np.nan)


def _similar(driving: Array, still: Array) -> Array:
    """How unlike the reference each frame is, with a head start for the first frame that shows anyone."""
    angles = posture(driving, still)
    empty = ~(driving[..., 2] >= _SEEN).any(-1)
    score = np.where(np.isnan(angles), 1e3, angles) + 1e6 * empty
    score[int(np.argmin(empty))] -= 15
    return np.asarray(score)


def _with_root(points: Array) -> Array:
    """Add the middle of the hips as the last point, `t k+1 3`."""
    hips = points[:, [BODY["right_hip"], BODY["left_hip"]]]
    root = hips.mean(1)
    root[:, 2] = hips[..., 2].min(1)
    return np.concatenate([points, root[:, None]], 1)


def _visible(point: Array) -> bool:
    return bool(point[2] >= _SEEN)


def _lengths(points: Array, group: tuple[tuple[int, int], ...]) -> float:
    """How long the bones of a group look when seen best, NaN where they are never seen."""
    found = [
        np.linalg.norm(points[both, child, :2] - points[both, parent, :2], axis=-1)
        for parent, child in group
        for both in [(points[:, parent, 2] >= _SEEN) & (points[:, child, 2] >= _SEEN)]
    ]
    every = np.concatenate(found)
    return float(np.quantile(every, 0.9)) if len(every) else float("nan")


def _ratios(moving: Array, fixed: Array) -> tuple[list[float], float]:
    """The reference's lengths over the driver's for each group, and for the whole body."""
    lengths = [(_lengths(fixed[None], group), _lengths(moving, group)) for group in _GROUPS]
    raw = np.array([a / b if b > 1e-6 else np.nan for a, b in lengths])
    weights = np.array([a for a, _ in lengths])
    known = np.isfinite(raw)
    if not known.any():
        return [1.0] * len(raw), 1.0
    # Long bones are measured best: the median by length.
    order = np.argsort(raw[known])
    steps = weights[known][order].cumsum()
    whole = float(raw[known][order][np.searchsorted(steps, steps[-1] / 2)])
    near = np.clip(np.where(known, raw, whole), whole / _SPREAD, whole * _SPREAD)
    return [float(ratio) for ratio in near], whole


def _anchor(moving: Array, fixed: Array, start: int, root: int) -> tuple[Array, Array]:
    """A place in the driving picture and the one in the reference that it goes to, each `2`."""
    shared = (moving[start, :, 2] >= _SEEN) & (fixed[:, 2] >= _SEEN)
    if shared[root]:
        return moving[start, root, :2], fixed[root, :2]
    if shared.any():
        return moving[start, shared, :2].mean(0), fixed[shared, :2].mean(0)
    seen = moving[start, :, 2] >= _SEEN
    return moving[start, seen, :2].mean(0), fixed[fixed[:, 2] >= _SEEN, :2].mean(0)
