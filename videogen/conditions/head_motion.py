"""Heads retargeted by what changes: the driver's turns and expressions on the reference's own face.

Both faces are lifted to three dimensions with the depths of a plain face (`face_model`). The reference's
head then makes the turns, steps and changes of expression that the driver's made since its start frame,
in its own size; or, absolute, it is turned as the driver's and goes where that goes, and its expression
changes as the driver's does from the one that it usually wears. Every change may be made smaller or
larger. Arrays hold x, y in equal units and a confidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from videogen.conditions.face_model import FACE_MODEL, fit_head
from videogen.skeleton import BODY, FACE_SLICE

Array = NDArray[np.float64]
_SEEN = 0.3
_DEPTH = np.array(FACE_MODEL, dtype=np.float64)[:, 2:]
_SHOULDERS = [BODY["neck"], BODY["right_shoulder"], BODY["left_shoulder"]]
_ARMS = {"right": ("elbow", "wrist"), "left": ("elbow", "wrist")}
_LIDS = (((37, 41), (38, 40), (36, 39)), ((43, 47), (44, 46), (42, 45)))  # upper and lower; last the corners
_UPPER_LIP = ((49, 0.4), (50, 0.8), (51, 1.0), (52, 0.8), (53, 0.4), (61, 1.0), (62, 1.0), (63, 1.0))
_LOWER_LIP = ((59, 0.4), (58, 0.8), (57, 1.0), (56, 0.8), (55, 0.4), (67, 1.0), (66, 1.0), (65, 1.0))
_SHUT = 0.3  # how much of an open eye's gap detectors still find in a closed one
_LIPS_EASE = 3  # frames within which the lips go over from the picture's to the driver's
_FACE_OF = {"nose": 30, "right_eye": 68, "left_eye": 69, "right_ear": 0, "left_ear": 16}
_RIGID = [0, 1, 2, 14, 15, 16, *range(27, 36), 36, 39, 42, 45]  # what expressions hardly move


@dataclass(frozen=True)
class _Heads:
    """Heads over time: `camera` `t 2 3`, `centre` `t 2`, `size` `t`."""

    camera: Array
    centre: Array
    size: Array

    @classmethod
    def fit(cls, face: Array) -> _Heads:
        """Fit the plain face to face points `t 70 3`, by the points that expressions hardly move."""
        rigid = np.zeros(face.shape[:2], dtype=bool)
        rigid[:, _RIGID] = face[:, _RIGID, 2] >= _SEEN
        head = fit_head(torch.from_numpy(face[..., :2].copy()), torch.from_numpy(rigid))
        return cls(head.camera.numpy(), head.centre.numpy(), head.size.numpy())

    @classmethod
    def legible(cls, face: Array) -> NDArray[np.bool_]:
        """Whether each face `t 70 3` is whole and shows more than a profile, `t`."""
        whole = (face[:, _RIGID, 2] >= _SEEN).mean(-1) > 0.8
        heads = cls.fit(face)
        front = np.linalg.det(heads.camera[:, :, :2]) > 0.2 * heads.size**2
        return np.asarray(whole & front & (heads.size > 1e-3))

    def lift(self, face: Array) -> Array:
        """The x and y of face points `t 70 3` on the upright face itself, `t 70 2`."""
        flat = face[..., :2] - self.centre[:, None] - _DEPTH * self.camera[:, None, :, 2]
        return np.asarray(np.linalg.solve(self.camera[:, None, :, :2], flat[..., None])[..., 0])

    def show(self, places: Array) -> Array:
        """The inverse of `lift`: places `t 70 2` back on the picture."""
        solid = np.concatenate([places, np.broadcast_to(_DEPTH, (*places.shape[:2], 1))], -1)
        return np.asarray(self.centre[:, None] + solid @ self.camera.transpose(0, 2, 1))


def move_head(driving: Array, still: Array, *, absolute: bool = False, scale: float = 1.0) -> Array:
    """Put the motion `t k 3` of a head on the reference `k 3`, its change times `scale`; returns `t k 3`."""
    moved = np.broadcast_to(still, driving.shape).copy()
    face = driving[:, FACE_SLICE]
    own = still[None, FACE_SLICE]
    seen = _Heads.legible(face)
    if not seen.any() or not _Heads.legible(own).all():
        return _follow_body(driving, still, moved, change=scale)
    mine = _Heads.fit(own)
    theirs = _Heads.fit(face[seen])
    places = theirs.lift(face[seen])
    start = _usual(places) if absolute else _start(places, theirs, mine.lift(own)[0], mine)
    heads = _turn(theirs, mine, start, absolute=absolute, change=scale)
    places = places[start] + scale * (places - places[start])
    expression = places - places[start]
    changed = _blink(mine.lift(own)[0], places, expression, start)
    frames = np.flatnonzero(seen)
    _speak(changed, places, since=frames - frames[start], share=min(scale, 1.0))
    points = heads.show(changed)
    moved[seen, FACE_SLICE, :2] = points
    moved[:, FACE_SLICE, 2] = np.where(seen[:, None], np.minimum(face[..., 2], own[..., 2]), 0)
    for name, index in _FACE_OF.items():
        moved[seen, BODY[name], :2] += points[:, index] - own[0, index, :2]
        moved[~seen, BODY[name], 2] = 0
    size = float(mine.size[0] / theirs.size[start])
    _sway(driving, still, moved, first=int(np.flatnonzero(seen)[start]), scale=size * scale)
    return moved


def _start(places: Array, theirs: _Heads, own: Array, mine: _Heads) -> int:
    """The driver's frame that stands for the reference.

    The first, so that the clip starts at the picture; where the driver starts turned away from how it
    holds its head otherwise, the frame that is most like the reference.
    """
    turns = theirs.camera / theirs.size[:, None, None]
    usual = np.median(turns, 0)
    if np.linalg.norm(turns[0] - usual) < 0.35:  # some 20 degrees
        return 0
    shape = np.linalg.norm(places - own, axis=-1).mean(-1)
    return int((shape + np.linalg.norm(turns - mine.camera / mine.size[:, None, None], axis=(1, 2))).argmin())


def _usual(places: Array) -> int:
    """The frame whose expression, upright faces `t 70 2`, is nearest to the one worn in the middle."""
    return int(np.linalg.norm(places - np.median(places, 0), axis=-1).mean(-1).argmin())


def _turn(theirs: _Heads, mine: _Heads, start: int, *, absolute: bool, change: float) -> _Heads:
    """The reference's head, making the driver's turns, steps and changes of size since its start frame.

    Absolute, its turns are the driver's own, and one similarity takes the middle of its places and sizes to
    the reference's. `change` is how much of a change there is for one of the driver's.
    """
    turns = _rotations(theirs.camera)
    own = _rotations(mine.camera)[0]
    # What the reference's camera has beyond a rotation (its proportions) stays in front of it.
    shape = mine.camera[0] @ own[:2].T
    begun = turns[start] if absolute else own
    since = _kept_frontal(_times(turns @ turns[start].T, change) @ begun, own)
    size = np.median(theirs.size) if absolute else theirs.size[start]
    place = np.median(theirs.centre, 0) if absolute else theirs.centre[start]
    grown = np.clip((theirs.size / size) ** change, 0.5, 2.0)
    camera = grown[:, None, None] * (shape @ since[:, :2])
    step = change * (theirs.centre - place) * (mine.size[0] / size)
    if not absolute:
        # At the start frame nothing may differ, not even what the two steps above lose in noise.
        camera = camera + (mine.camera[0] - camera[start])
    return _Heads(camera, mine.centre + step, grown * mine.size[0])


def _times(turns: Array, factor: float) -> Array:
    """Rotations `t 3 3` about their own axes by `factor` times their angles, short of half a turn."""
    if factor == 1:
        return turns
    vectors = factor * Rotation.from_matrix(turns).as_rotvec()
    angle = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(Rotation.from_rotvec(vectors * np.minimum(1, 3 / np.maximum(angle, 1e-9))).as_matrix())


def _kept_frontal(turns: Array, own: Array) -> Array:
    """Hold rotations `t 3 3` back that turn the face away further than the picture can follow.

    Beyond some 35 degrees (or the picture's own angle, if that is more) one side of a face hides the other,
    and points on a plane can no longer tell which.
    """
    facing = turns[:, :, 2]
    angle = np.arccos(np.clip(facing[:, 2], -1, 1))
    limit = max(np.radians(25.0), float(np.arccos(np.clip(own[2, 2], -1, 1))))
    slack = np.radians(10.0)
    excess = np.maximum(angle - limit, 0)
    back = excess - slack * np.tanh(excess / slack)
    axis = np.cross(facing, [0.0, 0.0, 1.0])
    axis = axis / np.maximum(np.linalg.norm(axis, axis=-1, keepdims=True), 1e-9)
    return np.asarray(Rotation.from_rotvec(axis * back[:, None]).as_matrix() @ turns)


def _rotations(cameras: Array) -> Array:
    """The rotations nearest to cameras `t 2 3`, `t 3 3`."""
    left, _, right = np.linalg.svd(cameras, full_matrices=False)
    rows = left @ right
    return np.concatenate([rows, np.cross(rows[:, 0], rows[:, 1])[:, None]], 1)


def _blink(own: Array, places: Array, expression: Array, start: int) -> Array:
    """The reference's upright face `70 2` with the driver's change of expression, `t 70 2`.

    Eyes close by the share that the driver's close, whatever their size, and lids never cross.
    """
    changed = own + expression
    for first, second, corners in _LIDS:
        pupil = 68 if corners[0] == 36 else 69
        for upper, lower in (first, second):
            gap_own = own[lower, 1] - own[upper, 1]
            gap_start = max(float(places[start, lower, 1] - places[start, upper, 1]), 0.02)
            share = (places[:, lower, 1] - places[:, upper, 1]) / gap_start
            gap = gap_own * np.clip(np.minimum(share, (share - _SHUT) / (1 - _SHUT)), 0.02, 1.6)
            # The upper lid does most of the closing.
            line = own[lower, 1] - 0.2 * (gap_own - gap) + expression[:, list(corners), 1].mean(-1)
            changed[:, lower, 1] = line
            changed[:, upper, 1] = line - gap
        low = np.maximum(changed[:, first[0], 1], changed[:, second[0], 1])
        high = np.minimum(changed[:, first[1], 1], changed[:, second[1], 1])
        changed[:, pupil, 1] = np.clip(changed[:, pupil, 1], np.minimum(low, high), np.maximum(low, high))
    return changed


def _speak(changed: Array, places: Array, *, since: NDArray[np.int_], share: float) -> None:
    """Open the lips of upright faces `t 70 2` as far as the driver's, `t 70 2`, in place.

    Lips that meet in the driving pose must meet in the picture, even if that one smiles with open lips: so
    the gap is a `share` of the driver's own, over the faces' heights, to which it goes over from the
    picture's. `since` counts frames, `t`.
    """
    heights = [float(np.median(face[:, 8, 1] - face[:, 27, 1])) for face in (changed, places)]
    taller = float(np.clip(heights[0] / max(heights[1], 1e-6), 0.7, 1.4))
    gap = taller * (places[:, 66, 1] - places[:, 62, 1])
    mine = changed[:, 66, 1] - changed[:, 62, 1]
    passed = np.clip(np.abs(since) / _LIPS_EASE, 0, 1)
    wider = share * passed * passed * (3 - 2 * passed) * (np.maximum(gap, 0.0) - mine)
    for lip, way in ((_UPPER_LIP, -0.2), (_LOWER_LIP, 0.8)):
        for point, part in lip:
            changed[:, point, 1] += way * part * wider


def _sway(driving: Array, still: Array, moved: Array, *, first: int, scale: float) -> None:
    """Let neck and shoulders follow the driver's, and arms the shoulders, in place."""
    for joint in _SHOULDERS:
        both = (driving[:, joint, 2] >= _SEEN) & (driving[first, joint, 2] >= _SEEN)
        step = scale * (driving[:, joint, :2] - driving[first, joint, :2])
        moved[both, joint, :2] = (still[joint, :2] + step)[both]
    for side, joints in _ARMS.items():
        shoulder = BODY[f"{side}_shoulder"]
        for name in joints:
            moved[:, BODY[f"{side}_{name}"], :2] += moved[:, shoulder, :2] - still[shoulder, :2]


def _follow_body(driving: Array, still: Array, moved: Array, *, change: float) -> Array:
    """Without a driving face: move the reference's by the similarity of nose, eyes, ears and neck."""
    points = [BODY[name] for name in _FACE_OF]
    seen = (driving[:, points, 2] >= _SEEN).sum(-1) >= 3
    if not seen.any():
        return moved
    first = int(np.argmax(seen))
    base = driving[first, points]
    span = float(np.linalg.norm(base[base[:, 2] >= _SEEN, :2].std(0)))
    own = still[points]
    scale = change * float(np.linalg.norm(own[own[:, 2] >= _SEEN, :2].std(0))) / max(span, 1e-6)
    parts = [*points, *range(FACE_SLICE.start, FACE_SLICE.stop)]
    for frame in np.flatnonzero(seen):
        both = (driving[frame, points, 2] >= _SEEN) & (base[:, 2] >= _SEEN)
        if both.sum() < 2:
            continue
        before, after = (p[both, :2] @ [1, 1j] for p in (base, driving[frame, points]))
        turn = np.vdot(before - before.mean(), after - after.mean()) / np.vdot(
            before - before.mean(), before - before.mean()
        )
        turn = abs(turn) ** change * np.exp(1j * change * np.angle(turn))
        pivot = own[own[:, 2] >= _SEEN, :2].mean(0) @ [1, 1j]
        place = pivot + turn * (still[parts, :2] @ [1, 1j] - pivot) + scale * (after.mean() - before.mean())
        moved[frame, parts, :2] = np.stack([place.real, place.imag], -1)
    moved[np.ix_(~seen, parts, [2])] = 0
    _sway(driving, still, moved, first=first, scale=scale)
    return moved
