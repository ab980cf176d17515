"""Plans as vectors, one per frame: what the motion planner denoises.

A vector holds, for each of `THINGS` things, presence, place, size, angle and outline; the camera; whether
there is a whole body or a head; and the pose of each as coefficients in a basis fitted to the world's own
poses. All but angles are near unit variance; what is absent is zero. The outline does not change over time,
so decoding averages it.

Beside these, the same in every frame, stands how much each thing and the camera move in the clip, channel by
channel. It follows from the others, and decoding ignores it; but it is what words decide. A thing that spins
and one that stays are at the same place on average, so without it pure noise, of which a network can say no
more than averages, would hear nothing of the word.
"""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from videogen.skeleton import KEYPOINTS, WORLD_SLICE
from videogen.tracks import OUTLINE, THINGS, Tracks

THING = 6 + OUTLINE + 1
"""Channels of a thing: presence, x, y, logarithm of the size, cosine and sine of the angle, outline."""
PLACE, SIZE, ANGLE = slice(1, 3), slice(3, 4), slice(4, 6)
"""Where these stand among the channels of a thing."""
PEOPLE = ("body", "head")

_POINTS = WORLD_SLICE.stop
_CAMERA = THINGS * THING
_MOTION = slice(1, 6)
_PRESENCE = _CAMERA + 3
_FIRST_COEFFICIENT = _PRESENCE + len(PEOPLE)
_CONFIDENCE_WEIGHT = 0.3
_TURN_SPREAD = 0.3
"""The unit of cosine and sine. Few things ever turn; in units of one, noise drowns those that do."""
_AT_REST = 0.02
_LEAST_CHANGE = 0.05
_LEAST_HOLE = 0.25
"""The radius below which a hole that is planned is none: of a ring it is nearly half."""


class PoseBasis(nn.Module):
    """Poses of one kind as `components` coefficients: a mean, principal components and their scales.

    Confidence is part of a pose, so points that come and go do so again; feet, which the world lacks, are
    neither read nor made.
    """

    mean: Tensor
    components: Tensor
    scale: Tensor

    def __init__(self, components: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(3 * _POINTS))
        self.register_buffer("components", torch.zeros(components, 3 * _POINTS))
        self.register_buffer("scale", torch.ones(components))

    def fit(self, points: Tensor) -> None:
        """Fit to poses `n k 3`; raises ValueError for fewer poses than components."""
        count = len(self.components)
        if len(points) <= count:
            raise ValueError(f"{len(points)} poses cannot give {count} components; give more")
        points = points[..., WORLD_SLICE, :]
        seen = (points[..., 2:] > 0).to(points)
        middle = (points[..., :2] * seen).sum(0) / seen.sum(0).clamp_min(1)
        places = torch.where(seen > 0, points[..., :2], middle)
        flat = torch.cat([places, seen * _CONFIDENCE_WEIGHT], -1).flatten(1)
        mean = flat.mean(0)
        _, spread, axes = torch.linalg.svd(flat - mean, full_matrices=False)
        spread = (spread[:count] / math.sqrt(len(flat))).clamp_min(1e-4)
        self.mean.copy_(mean)
        self.components.copy_(axes[:count])
        # Not to unit variance throughout: large movements are to be settled at higher noise than small ones.
        self.scale.copy_(spread**0.75 * spread[0] ** 0.25)

    def encode(self, points: Tensor) -> Tensor:
        """Poses `… k 3` to coefficients `… n`."""
        points = points[..., WORLD_SLICE, :]
        seen = (points[..., 2:] > 0).to(points)
        places = torch.where(seen > 0, points[..., :2], self.mean.view(_POINTS, 3)[:, :2])
        flat = torch.cat([places, seen * _CONFIDENCE_WEIGHT], -1).flatten(-2)
        coefficients: Tensor = (flat - self.mean) @ self.components.T / self.scale
        return coefficients

    def decode(self, coefficients: Tensor) -> Tensor:
        """Coefficients `… n` to poses `… k 3`; absent points are zero."""
        flat = (coefficients * self.scale) @ self.components + self.mean
        points = flat.unflatten(-1, (_POINTS, 3))
        seen = (points[..., 2:] > _CONFIDENCE_WEIGHT / 2).to(points)
        found = torch.cat([points[..., :2], seen], -1) * seen
        return F.pad(found, (0, 0, 0, KEYPOINTS - _POINTS))


class PlanVectors(nn.Module):
    """Tracks and poses to vectors `b d t 1 1` and back; `components` per kind of pose."""

    def __init__(self, components: int) -> None:
        super().__init__()
        self.components = components
        self.bases = nn.ModuleDict({kind: PoseBasis(components) for kind in PEOPLE})

    @property
    def width(self) -> int:
        """Channels of a vector."""
        stop: int = self.changes.stop
        return stop

    @property
    def changes(self) -> slice:
        """The channels that say how much others change."""
        first = _FIRST_COEFFICIENT + len(PEOPLE) * self.components
        return slice(first, first + THINGS * (_MOTION.stop - _MOTION.start) + 3)

    def basis(self, kind: str) -> PoseBasis:
        """The basis of a kind of pose, one of `PEOPLE`."""
        return cast("PoseBasis", self.bases[kind])

    def encode(self, tracks: Tracks, points: Tensor, *, kind: str) -> Tensor:
        """Tracks, and poses `b t k 3` of the `kind` body or head (zero where nobody is), `b d t 1 1`."""
        b, t = points.shape[:2]
        vectors = points.new_zeros(b, t, self.width)
        for number in range(THINGS):
            thing = encode_thing(tracks.state[:, :, number], tracks.outline[:, number])
            vectors[..., number * THING : (number + 1) * THING] = thing
        vectors[..., _CAMERA:_PRESENCE] = tracks.camera / _camera_spread(points)
        vectors[..., _PRESENCE:_FIRST_COEFFICIENT] = -1
        if bool((points[..., 2] > 0).any()):
            which = PEOPLE.index(kind)
            vectors[..., _PRESENCE + which] = 1
            vectors[..., self._coefficients(which)] = self.basis(kind).encode(points)
        vectors[..., self.changes] = self._measure_changes(vectors)[:, None]
        return vectors.transpose(1, 2)[..., None, None]

    def _measure_changes(self, vectors: Tensor) -> Tensor:
        """How much each channel of motion of `b t d` changes over time, `b n`."""
        moving = [vectors[..., n * THING + _MOTION.start : n * THING + _MOTION.stop] for n in range(THINGS)]
        spread = torch.cat([*moving, vectors[..., _CAMERA:_PRESENCE]], -1).std(1, correction=0)
        return ((spread + _LEAST_CHANGE).log() + 1.5) / 1.2

    def decode(self, vectors: Tensor) -> tuple[Tracks, Tensor | None]:
        """The tracks of vectors `1 d t 1 1`, and the pose `t k 3`, None where nobody is.

        Presence holds for the whole clip: it is the mean over time. A camera that hardly moves is at rest.
        """
        flat = vectors[..., 0, 0].transpose(1, 2)  # b t d
        things = [decode_thing(flat[..., n * THING : (n + 1) * THING]) for n in range(THINGS)]
        camera = flat[..., _CAMERA:_PRESENCE] * _camera_spread(flat)
        moves = camera.abs().amax((1, 2), keepdim=True) > _AT_REST
        tracks = Tracks(
            state=torch.stack([state for state, _ in things], 2),
            outline=torch.stack([outline for _, outline in things], 1),
            camera=camera * moves,
        )
        presence = flat[0, :, _PRESENCE:_FIRST_COEFFICIENT].mean(0)
        which = int(presence.argmax())
        if float(presence[which]) <= 0:
            return tracks, None
        return tracks, self.basis(PEOPLE[which]).decode(flat[0, :, self._coefficients(which)])

    def _coefficients(self, which: int) -> slice:
        first = _FIRST_COEFFICIENT + which * self.components
        return slice(first, first + self.components)


def encode_thing(state: Tensor, outline: Tensor) -> Tensor:
    """Channels `b t THING` of a thing's state `b t 5` and outline `b OUTLINE+1`; zero but −1 where absent."""
    x, y, size, angle, confidence = state.unbind(-1)
    there = (confidence > 0).to(state)
    motion = [
        (x - 0.5) / 0.2, (y - 0.5) / 0.2, (size.clamp_min(1e-3) / 0.2).log() / 0.4,
        (angle.cos() - 1) / _TURN_SPREAD, angle.sin() / _TURN_SPREAD,
    ]  # fmt: skip
    rim = (outline[:, :OUTLINE] - 0.85) / 0.25
    shape = torch.cat([rim, outline[:, OUTLINE:] / 0.3], -1)[:, None].expand(-1, state.shape[1], -1)
    channels = torch.cat([torch.stack(motion, -1), shape], -1) * there[..., None]
    return torch.cat([2 * there[..., None] - 1, channels], -1)


def decode_thing(channels: Tensor) -> tuple[Tensor, Tensor]:
    """State `b t 5` and outline `b OUTLINE+1` of channels `b t THING`."""
    presence, x, y, size, cosine, sine = channels[..., :6].unbind(-1)
    there = (presence.mean(1, keepdim=True) > 0).to(channels).expand_as(x)
    angle = torch.atan2(sine * _TURN_SPREAD, cosine * _TURN_SPREAD + 1)
    state = torch.stack(
        [x * 0.2 + 0.5, y * 0.2 + 0.5, (size * 0.4).clamp(-4, 2).exp() * 0.2, angle, there], -1
    )
    shape = channels[..., 6:].mean(1)
    rim = (shape[:, :OUTLINE] * 0.25 + 0.85).clamp(0.05, 1.5)
    hole = (shape[:, OUTLINE:] * 0.3).clamp(0, 1)
    hole = hole * (hole > _LEAST_HOLE)
    return state, torch.cat([rim, hole], -1)


def _camera_spread(like: Tensor) -> Tensor:
    return like.new_tensor([0.1, 0.1, 0.2])
