"""The best body in a skeleton picture: places for all joints at once, chosen along the tree of limbs.

In: where each joint may be, and how well the paint speaks for a limb between any two such places. Out: the
places, or none, that together are painted best (pictorial structures, Felzenszwalb & Huttenlocher 2005,
eq. 4: the limbs of a body form a tree, so the maximum is found exactly, from the leaves to the root).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from videogen.skeleton import BODY, LIMBS

Array = NDArray[np.float64]
_ROOT = BODY["neck"]
_STRAY = 0.6  # what speaks for the limb between two joints that stand alone with it


def _orders() -> list[tuple[int, int, int]]:
    """Limb, parent and child, leaves first."""
    found: list[tuple[int, int, int]] = []
    reached, left = {_ROOT}, dict(enumerate(LIMBS))
    while left:
        for limb, (one, other) in list(left.items()):
            if (one in reached) != (other in reached):
                parent, child = (one, other) if one in reached else (other, one)
                found.append((limb, parent, child))
                reached.add(child)
                del left[limb]
    return found[::-1]


_ORDER = _orders()


def choose(alone: Sequence[Array], together: Mapping[int, Array]) -> tuple[list[int], float]:
    """Which candidate each joint takes, −1 for none, and the sum of what speaks for them.

    `alone` holds for each joint what speaks for each of its `n` candidates, `together` for each limb what
    speaks for it between each pair, `n m` in the order of `LIMBS`. An absent joint, and a limb that lacks an
    end, count nothing.
    """
    best = [np.append(score, 0.0) for score in alone]  # the last is: absent
    links: dict[int, NDArray[np.intp]] = {}
    for limb, parent, child in _ORDER:
        pairs = np.zeros((len(best[parent]), len(best[child])))
        given = together[limb] if LIMBS[limb][0] == parent else together[limb].T
        pairs[:-1, :-1] = given
        pairs += best[child]
        links[child] = pairs.argmax(1)
        best[parent] = best[parent] + pairs.max(1)
    chosen = [-1] * len(alone)
    places = {_ROOT: int(best[_ROOT].argmax())}
    for _, parent, child in reversed(_ORDER):
        places[child] = int(links[child][places[parent]])
    for joint, place in places.items():
        chosen[joint] = place if place < len(alone[joint]) else -1
    return chosen, float(best[_ROOT].max())


def without_strays(chosen: Sequence[int], together: Mapping[int, Array]) -> list[int]:
    """The choice without one or two joints that stand apart and no limb speaks for, if there are more."""
    pieces = [{joint} for joint, place in enumerate(chosen) if place >= 0]
    worth = {joint: 0.0 for joint, place in enumerate(chosen) if place >= 0}
    for limb, (one, other) in enumerate(LIMBS):
        if chosen[one] >= 0 and chosen[other] >= 0:
            joined = [piece for piece in pieces if piece & {one, other}]
            pieces = [piece for piece in pieces if piece not in joined] + [set().union(*joined)]
            worth[other] += float(together[limb][chosen[one], chosen[other]])
    least = min(3, max(map(len, pieces), default=0))
    found = [
        piece for piece in pieces if len(piece) >= least or sum(worth[joint] for joint in piece) > _STRAY
    ]
    kept = set().union(*found)
    return [place if joint in kept else -1 for joint, place in enumerate(chosen)]
