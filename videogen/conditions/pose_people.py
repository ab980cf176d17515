"""Who is who: the people of every frame followed through a clip, the largest first.

In: for each frame the people in it, in any order. Out: one track for each person. Frame by frame, tracks and
people are paired so that all together move least (Kuhn 1955), from where each track is heading, and no pair
is farther apart than a person can get. Whoever is out of sight for a while is waited for; whoever comes back
later is somebody new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from videogen.conditions.formats.points import Points
from videogen.skeleton import KEYPOINTS

_WAITED = 60  # frames
_REACH, _REACH_PER_FRAME, _FARTHEST = 0.4, 0.06, 1.2  # sizes of a person: in a frame, each more, in any
_SIZE_WEIGHT = 0.5
_HEADING = 3  # frames for which a track is thought to go on as it went
_FEWEST = 3  # frames of a person, where anybody has as many
_SMALLEST = 0.05  # of the picture's height: of a few points the extent says little
_NEVER = 1e6


def follow_people(frames: Sequence[Sequence[Points]], *, aspect: float = 1.0) -> list[NDArray[np.float32]]:
    """The tracks of all people, each `t k 3` and zero where absent; who is large and long in sight is first.

    `frames` holds the people of each frame, `k 3` in fractions of a picture of this `aspect`. Where no frame
    shows more than one, all are the same person. Who appears in one or two frames only is left out.
    """
    present = [[person for person in people if (person[:, 2] > 0).any()] for people in frames]
    tracks: list[_Track] = []
    alone = all(len(people) <= 1 for people in present)
    for number, people in enumerate(present):
        seen = [_Sighting.of(person, aspect) for person in people]
        awaited = [track for track in tracks if alone or number - track.last <= _WAITED]
        pairs = _pair(awaited, seen, number, alone=alone)
        for one, who in enumerate(seen):
            if one in pairs:
                awaited[pairs[one]].add(number, who)
            else:
                tracks.append(_Track(number, who))
    longest = max((len(track.seen) for track in tracks), default=0)
    kept = [track for track in tracks if len(track.seen) >= min(_FEWEST, longest)]
    kept.sort(key=lambda track: -sum(who.size for who in track.seen.values()))
    return [track.points(len(frames)) for track in kept]


@dataclass(frozen=True)
class _Sighting:
    """A person in one frame: the points as given, places in equal units, and which are seen."""

    given: Points
    places: NDArray[np.float64]
    there: NDArray[np.bool_]

    @classmethod
    def of(cls, person: Points, aspect: float) -> _Sighting:
        return cls(person, person[:, :2] * [aspect, 1.0], person[:, 2] > 0)

    @property
    def size(self) -> float:
        """The extent of the points that are seen."""
        return _extent(self.places[self.there])


class _Track:
    """A person so far: sightings by frame, where each point was last thought to be, and how fast all move."""

    def __init__(self, number: int, who: _Sighting) -> None:
        self.seen, self.last = {number: who}, number
        self.places, self.known = who.places.copy(), who.there.copy()
        self.size, self.speed = who.size, np.zeros(2)

    def add(self, number: int, who: _Sighting) -> None:
        """Put a sighting at the end; points that are out of sight go along."""
        gap, both = number - self.last, self.known & who.there
        step = np.zeros(2)
        if both.any():
            step = np.median(who.places[both] - self.places[both], axis=0)
            self.speed = 0.5 * self.speed + 0.5 * step / gap
        self.places = np.where(who.there[:, None], who.places, self.places + step)
        self.known |= who.there
        self.size = 0.8 * self.size + 0.2 * _extent(self.places[self.known])
        self.seen[number], self.last = who, number

    def cost(self, number: int, who: _Sighting) -> float:
        """How unlikely it is that this person is `who` in frame `number`; `_NEVER` beyond all reach."""
        gap = number - self.last
        expected = self.places + self.speed * min(gap, _HEADING)
        both = self.known & who.there
        ours, theirs = (
            (expected[both], who.places[both]) if both.any() else _middles(expected, self.known, who)
        )
        apart = float(np.linalg.norm(ours - theirs, axis=-1).mean()) / self.size
        if apart > min(_REACH + _REACH_PER_FRAME * gap, _FARTHEST):
            return _NEVER
        return apart + _SIZE_WEIGHT * abs(float(np.log(_extent(ours) / _extent(theirs))))

    def points(self, length: int) -> NDArray[np.float32]:
        """The track, `t k 3`."""
        points = np.zeros((length, KEYPOINTS, 3), dtype=np.float32)
        for number, who in self.seen.items():
            points[number] = who.given
        return points


def _extent(places: NDArray[np.float64]) -> float:
    return max(float(np.hypot(*np.ptp(places, axis=0))), _SMALLEST)


def _middles(
    expected: NDArray[np.float64], known: NDArray[np.bool_], who: _Sighting
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where two people are that share no point, each `1 2`."""
    return expected[known].mean(0, keepdims=True), who.places[who.there].mean(0, keepdims=True)


def _pair(tracks: list[_Track], seen: list[_Sighting], number: int, *, alone: bool) -> dict[int, int]:
    """Which track each of the people belongs to, who is new missing."""
    if not tracks or not seen:
        return {}
    if alone:
        return {0: 0}
    costs = np.array([[track.cost(number, who) for who in seen] for track in tracks])
    rows, columns = linear_sum_assignment(costs)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return {column: row for row, column in pairs if costs[row, column] < _NEVER}
