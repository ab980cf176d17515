"""One person's keypoints in pictures or in the frames of a video, found with mediapipe, offline.

The person is the one with the largest face, or the n-th largest; through a video that face is followed.
mediapipe's pose finds one person, its choice: where that is another one, it is asked again in a view
around the face. A face too small for its detector is sought in a view around the pose's head, one that
fills the picture in a wider view. A face found gives the head's points of the body too, more exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from videogen import skeleton
from videogen.detection.hands import own_hands
from videogen.detection.landmarks import Points, body_of, face_of, feet_of, hand_of, set_head
from videogen.detection.solutions import Networks
from videogen.detection.views import View, tiles
from videogen.skeleton import BODY_SLICE, FACE_SLICE, KEYPOINTS, LEFT_HAND_SLICE, RIGHT_HAND_SLICE
from videogen.types import Frame

_Array = NDArray[np.float32]
_HEAD = slice(0, 11)  # of mediapipe's pose: nose, eyes, ears, mouth
_HANDS = {"left": LEFT_HAND_SLICE, "right": RIGHT_HAND_SLICE}
_CORNERS = np.array([[0, 0], [1, 1]], dtype=np.float32)
_LIDS, _CHIN = [33, 133, 362, 263], 152  # of the mesh
_SHOULDERS = [11, 12]  # of the pose
_TRUNK = [0, 11, 12, 23, 24]  # nose, shoulders, hips
_FARTHEST_STEP = 1.5  # sizes of a face that it may move from frame to frame
_PATIENCE = 12
"""Frames that a lost face is waited for before another one is taken."""


class PersonDetector:
    """Finds one person in frame after frame; use it in a `with` block.

    With `static` each frame is a picture of its own; without, they are those of a video, in order, and
    face, hands and body are followed. `person` counts faces by size, the largest is 1. Raises MissingExtra
    where mediapipe is absent.
    """

    def __init__(self, static: bool = False, *, person: int = 1) -> None:
        self._networks = Networks(static=static)
        self._static, self._person = static, person
        self._last: _Array | None = None
        self._missed = 0
        self._trusted = False  # that the pose, once seen to be somebody's, still is

    def __enter__(self) -> PersonDetector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the networks."""
        self._networks.close()

    def detect(self, frame: Frame) -> Points:
        """The keypoints `k 3` in a frame uint8 `h w c`, in fractions of it; zeros where nobody is seen."""
        frame = in_colour(frame)
        pose = self._networks.pose(frame)
        mesh = self._face(frame, pose)
        self._follow(mesh)
        pose = self._faceless(pose, frame) if mesh is None else self._below(mesh, pose, frame)
        points = np.zeros((KEYPOINTS, 3), dtype=np.float32)
        if pose is not None:
            points[BODY_SLICE] = body_of(pose)
            if feet := getattr(skeleton, "FEET_SLICE", None):
                points[feet] = feet_of(pose)
        if mesh is not None:
            points[FACE_SLICE] = face_of(mesh)
            set_head(points[BODY_SLICE], points[FACE_SLICE])
        if pose is not None or mesh is not None:
            found = own_hands(self._networks.hands(frame), pose, size=frame.shape[:2])
            for side, hand in found.items():
                points[_HANDS[side]] = hand_of(hand)
        return points

    def _follow(self, mesh: _Array | None) -> None:
        if self._static:
            return
        self._missed = 0 if mesh is not None else self._missed + 1
        if mesh is not None or self._missed > _PATIENCE:
            self._last = mesh

    def _face(self, frame: Frame, pose: _Array | None) -> _Array | None:
        """The mesh of the person's face in the frame, sought in closer and wider views too."""
        meshes = self._networks.faces(frame)
        if pose is not None and self._person == 1:  # not of one who stands behind somebody who looks away
            meshes = [mesh for mesh in meshes if is_of(pose, mesh) or size_of(mesh) > head_size(pose)]
        mesh = self._choose(meshes)
        if mesh is not None:
            return mesh
        for view in self._views(frame, pose):
            meshes = self._networks.faces_in_view(view.cut(frame), blind=view.blind)
            found = [view.to_picture(mesh) for mesh in meshes]
            fitting = [mesh for mesh in found if pose is None or self._person > 1 or is_of(pose, mesh)]
            if fitting:
                return max(fitting, key=size_of)
        return None

    def _views(self, frame: Frame, pose: _Array | None) -> Iterator[View]:
        """Where a face may be that is too small or too large to be seen at first."""
        if self._last is not None:
            yield View.around(self._last[:, :2], frame, times=2)
        if pose is not None and self._person == 1:
            yield View.around(pose[_HEAD, :2], frame, times=3)
        face = self._choose(self._networks.far_faces(frame))
        if face is not None:
            yield View.around(face, frame, times=2)
        if self._person == 1:
            yield View.around(_CORNERS, frame, times=2)
        if self._person == 1 and pose is None:
            yield from tiles(frame)

    def _choose(self, faces: Sequence[_Array]) -> _Array | None:
        """The face that is followed; where none is, the n-th in size."""
        last = self._last
        if last is None:
            ordered = sorted(faces, key=size_of, reverse=True)
            return ordered[self._person - 1] if len(ordered) >= self._person else None
        near = [face for face in faces if _apart(face, last) <= _FARTHEST_STEP * size_of(last)]
        return min(near, key=lambda face: _apart(face, last), default=None)

    def _below(self, mesh: _Array, pose: _Array | None, frame: Frame) -> _Array | None:
        """The body of the person with that face: the pose, or one found without regard to frames before."""
        self._trusted = not self._static
        if pose is not None and fits(pose, mesh):
            return pose
        if pose is not None and is_of(pose, mesh):
            self._networks.forget_pose()  # it has lost its way
        whole = View.around(_CORNERS, frame, times=1)
        for view in (whole, View.below(mesh[:, :2], frame)):
            pose = self._networks.pose_in_view(view.cut(frame), blind=False)
            if pose is not None and fits(view.to_picture(pose), mesh):
                return view.to_picture(pose)
        return None

    def _faceless(self, pose: _Array | None, frame: Frame) -> _Array | None:
        """The pose of somebody whose face is not seen, if a closer look shows the same; rocks look alike."""
        if pose is None or self._person > 1:  # whom mediapipe chose is most likely the first
            self._trusted = False
            return None
        if not self._trusted and not self._seen_again(pose, frame):
            return None
        self._trusted = not self._static
        return pose

    def _seen_again(self, pose: _Array, frame: Frame) -> bool:
        trunk = pose[_TRUNK, :2]
        view = View.around(trunk, frame, times=2.2)
        again = self._networks.pose_in_view(view.cut(frame), blind=True)
        if again is None:
            return False
        moved = np.hypot(*(view.to_picture(again)[_TRUNK, :2] - trunk).T)
        return bool(moved.mean() < 0.5 * size_of(trunk))


def in_colour(frame: Frame) -> Frame:
    """A frame `h w c` of one to four channels as three, in one piece of memory."""
    if frame.shape[2] < 3:
        frame = np.repeat(frame[..., :1], 3, axis=2)
    return np.ascontiguousarray(frame[..., :3])


def size_of(face: _Array) -> float:
    """The size of a face given by points `n 2` or more: the diagonal of what holds them."""
    return float(np.hypot(*np.ptp(face[:, :2], axis=0)))


def head_size(pose: _Array) -> float:
    """The size of a face that fits a pose `33 4`; mediapipe's points of the head leave chin and brow out."""
    return 1.5 * size_of(pose[_HEAD])


def is_of(pose: _Array, face: _Array) -> bool:
    """Whether the nose of a pose lies in a face or near it."""
    low, high = face[:, :2].min(0), face[:, :2].max(0)
    margin = 0.3 * (high - low)
    return bool(((low - margin <= pose[0, :2]) & (pose[0, :2] <= high + margin)).all())


def fits(pose: _Array, mesh: _Array) -> bool:
    """Whether a pose `33 4` is that of the face `478 4`: nose on the face, shoulders below the head.

    A pose that is followed through a video can fold up over a head that comes nearer.
    """
    eyes = mesh[_LIDS, :2].mean(0)
    down = mesh[_CHIN, :2] - eyes
    neck = pose[_SHOULDERS, :2].mean(0) - eyes
    return is_of(pose, mesh) and bool(neck @ down > 0.5 * (down @ down))


def _apart(face: _Array, other: _Array) -> float:
    return float(np.hypot(*(face[:, :2].mean(0) - other[:, :2].mean(0))))
