"""Bodies retargeted bone by bone: the driver's directions, the reference's lengths.

The tree hangs on the middle of the hips (on the neck where the hips are out of sight). Lengths are those
of the whole clip (a bone that points at the camera looks short), ratios stay near the ratio of the whole
bodies, and left and right share theirs. The motion is put where the start frame meets the reference, or,
absolute, where its middle does. Arrays hold x, y in equal units and a confidence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from videogen.conditions.bent_body import Bent
from videogen.skeleton import BODY, FACE_SLICE, FEET_SLICE, KEYPOINTS, LEFT_HAND_SLICE, RIGHT_HAND_SLICE

Array = NDArray[np.float64]
_SEEN = 0.3
_NECK, _NOSE = BODY["neck"], BODY["nose"]
_ROOT = KEYPOINTS  # a point of our own: between the hips
_SIDES = ("right", "left")
_PAIRS = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
_LEFT_FOOT = slice(FEET_SLICE.start, FEET_SLICE.start + 3)
_RIGHT_FOOT = slice(FEET_SLICE.start + 3, FEET_SLICE.stop)
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
_PARENTS = {child: parent for group in _GROUPS for parent, child in group}
_SPREAD = 2.0  # how far a bone's ratio may lie from that of the whole body


def move_body(driving: Array, still: Array, *, absolute: bool = False, scale: float = 1.0) -> Array:
    """Put the motion `t k 3` on the reference `k 3`, its change times `scale`; returns `t k 3`."""
    moving, fixed = _with_root(driving), _with_root(still[None])[0]
    ratios, whole = _ratios(moving, fixed)
    start = int(np.nanargmin(_similar(driving, still)))
    root = _ROOT if _visible(moving[start, _ROOT]) and _visible(fixed[_ROOT]) else _NECK
    anchor, home = _anchor(moving, fixed, slice(None) if absolute else slice(start, start + 1), root)
    bent = Bent(moving, start, scale)
    moved = bent.placed()
    steps = moved[..., :2] - anchor
    moved[..., :2] = home + whole * steps
    # Hips sway and bodies stride by the lengths of their legs: so feet that stand go on standing.
    moved[:, _ROOT, :2] = home + _legs(moving, fixed, ratios, whole) * steps[:, _ROOT]
    bones = [(bone, ratio) for group, ratio in zip(_GROUPS, ratios, strict=True) for bone in group]
    for (parent, child), ratio in bones:
        if root == _NECK and child == _NECK:
            continue
        left = moving[:, child, 2] >= _SEEN
        joint: int | None = parent
        while joint is not None and left.any():  # what hides a joint leaves the next one up
            both = left & (moving[:, joint, 2] >= _SEEN)
            moved[both, child, :2] = (moved[:, joint, :2] + ratio * bent.bone(joint, child))[both]
            left, joint = left & ~both, _PARENTS.get(joint)
    head = ratios[-1] if np.isfinite(ratios[-1]) else whole
    arm, leg = ratios[4], ratios[6]
    for part, carrier, ratio in (
        (FACE_SLICE, _NOSE, head),
        (LEFT_HAND_SLICE, BODY["left_wrist"], arm),
        (RIGHT_HAND_SLICE, BODY["right_wrist"], arm),
        (_LEFT_FOOT, BODY["left_ankle"], leg),
        (_RIGHT_FOOT, BODY["right_ankle"], leg),
    ):
        carried = moving[:, carrier, 2] >= _SEEN
        offset = ratio * bent.carried(part, carrier)
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
    """How long the bones of a group look when seen best, those of a head usually; NaN if never seen."""
    found = [
        np.linalg.norm(points[both, child, :2] - points[both, parent, :2], axis=-1)
        for parent, child in group
        for both in [(points[:, parent, 2] >= _SEEN) & (points[:, child, 2] >= _SEEN)]
    ]
    every = np.concatenate(found)
    # A nose that is turned aside is further from the neck than its bone is long.
    return float(np.quantile(every, 0.5 if group in _GROUPS[-3:] else 0.9)) if len(every) else float("nan")


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


def _legs(moving: Array, fixed: Array, ratios: list[float], whole: float) -> float:
    """The reference's length of the legs over the driver's, or that of the whole bodies."""
    lengths = [(_lengths(fixed[None], group), _lengths(moving, group)) for group in _GROUPS[5:7]]
    if not np.isfinite(lengths).all():
        return whole
    weights = [theirs for _, theirs in lengths]
    return float(np.average(ratios[5:7], weights=weights)) if sum(weights) > 1e-6 else whole


def _anchor(moving: Array, fixed: Array, frames: slice, root: int) -> tuple[Array, Array]:
    """A driver's place, the mean over some frames, and the reference's that it goes to, each `2`."""
    seen = moving[frames, :, 2] >= _SEEN
    shared = seen & (fixed[:, 2] >= _SEEN)
    if shared[:, root].any():
        shared[:, np.arange(shared.shape[1]) != root] = False
    if shared.any():
        places = np.broadcast_to(fixed[:, :2], (*shared.shape, 2))
        return moving[frames, :, :2][shared].mean(0), places[shared].mean(0)
    return moving[frames, :, :2][seen].mean(0), fixed[fixed[:, 2] >= _SEEN, :2].mean(0)
