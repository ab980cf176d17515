"""Where a joint may be in a skeleton picture: spots of its hue, ends of its limbs, and what covers it.

In: the pixels of each hue. Out: for each joint its candidates, all of them, right or wrong; which of them
make a body together is for `pose_tree` to say. Places are x, y in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from videogen.conditions.pose_paint import Array, Paint, dark_ones
from videogen.skeleton import BODY, COLOURS, LIMBS

_MOST_SPOTS, _MOST_PIECES, _MOST_COVERED = 6, 2, 60
_BLUR = 0.4  # reaches
_WEAK, _STRONG = 0.45, 0.75  # how strong a blurred spot is that says nothing, and one that says all
_SPOT = 0.7
_FACE = [BODY[name] for name in ("nose", "right_eye", "left_eye", "right_ear", "left_ear")]
_Line: TypeAlias = tuple[Array, Array]


@dataclass(frozen=True)
class Candidates:
    """Places `n 2` for a joint, what speaks for each, and which are spots rather than guesses."""

    places: Array
    scores: Array
    spots: NDArray[np.bool_]


def candidates_of(paint: Paint, pixels: list[tuple[Array, Array]]) -> list[Candidates]:
    """The candidates of every joint; `pixels` are those of each colour, as `Paint.by_colour` gives them."""
    limbs = [dark_ones(each) for each in pixels[: len(LIMBS)]]
    lines = [_lines(places, reach=paint.reach) for places in limbs]
    covered = _covered(paint, limbs)
    height, width = paint.lit.shape
    found = []
    for joint in range(len(COLOURS)):
        places, scores = _spots(*pixels[joint], reach=paint.reach)
        own = [lines[limb] for limb, pair in enumerate(LIMBS) if joint in pair]
        guesses = [end for each in own for line in each for end in line]
        guesses += _meetings(own, reach=paint.reach)
        guesses += [*covered.get(joint, [])]
        kept = [*places]
        for place in guesses:
            # An end at the edge of the picture is none: the limb goes on.
            inside = 1.5 < place[0] < width - 1.5 and 1.5 < place[1] < height - 1.5
            if inside and all(np.hypot(*(place - other)) > paint.reach for other in kept):
                kept.append(place)
        score = np.zeros(len(kept))
        score[: len(places)] = _SPOT * scores
        found.append(Candidates(np.array(kept).reshape(-1, 2), score, np.arange(len(kept)) < len(places)))
    return found


def _spots(places: Array, bright: Array, *, reach: float) -> tuple[Array, Array]:
    """The strongest spots of a hue, `n 2`, and how surely each is a joint's disc, 0…1."""
    if len(places) == 0:
        return np.zeros((0, 2)), np.zeros(0)
    margin = int(2 * reach) + 1
    corner = np.floor(places.min(0)).astype(int) - margin
    size = np.ceil(places.max(0)).astype(int) + margin - corner
    paint = np.zeros(size[::-1], dtype=np.float32)
    x, y = (np.floor(places).astype(int) - corner).T
    paint[y, x] = bright
    smooth = ndimage.gaussian_filter(paint, _BLUR * reach, mode="constant", truncate=2.0)
    peak = (smooth == ndimage.maximum_filter(smooth, size=2 * int(reach) + 1)) & (smooth > _WEAK / 2)
    rows, columns = np.nonzero(peak)
    strength = smooth[rows, columns]
    found, order = [], np.argsort(-strength)[:_MOST_SPOTS]
    for row, column in zip(rows[order], columns[order], strict=True):
        middle = corner + np.array([column + 0.5, row + 0.5])
        near = np.hypot(*(places - middle).T) <= reach
        found.append(np.average(places[near], axis=0, weights=bright[near]))
    return np.array(found).reshape(-1, 2), np.clip((strength[order] - _WEAK) / (_STRONG - _WEAK), 0, 1)


def _lines(places: Array, *, reach: float) -> list[_Line]:
    """The straight pieces of a limb, the largest first: each from end to end, and with all that is in line.

    A limb that another one crosses lies in pieces.
    """
    if len(places) < 2:
        return []
    corner = np.floor(places.min(0)).astype(int)
    x, y = (np.floor(places).astype(int) - corner).T
    mask = np.zeros((y.max() + 1, x.max() + 1), dtype=bool)
    mask[y, x] = True
    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    numbers = labels[y, x]
    sizes = np.bincount(numbers, minlength=count + 1)
    largest = np.argsort(-sizes)[:_MOST_PIECES]
    found = []
    for number in largest[sizes[largest] >= max(2, reach)]:
        piece = places[numbers == number]
        centre = piece.mean(0)
        spread, axes = np.linalg.eigh(np.cov((piece - centre).T) + 1e-6 * np.eye(2))
        axis, thick = axes[:, 1], 2.5 * np.sqrt(spread[0]) + 1.0
        offsets = places - centre
        in_line = offsets[np.abs(offsets @ axes[:, 0]) < thick] @ axis
        for along in ((piece - centre) @ axis, in_line):
            found.append((centre + axis * along.min(), centre + axis * along.max()))
    return found


def _meetings(limbs: list[list[_Line]], *, reach: float) -> list[Array]:
    """Where the largest pieces of two limbs would cross, not far beyond an end of each."""
    whole = [each[1] for each in limbs if each]
    found = []
    for number, one in enumerate(whole):
        for other in whole[:number]:
            first, second = one[1] - one[0], other[1] - other[0]
            turn = float(first[0] * second[1] - first[1] * second[0])
            if abs(turn) < 0.25 * np.hypot(*first) * np.hypot(*second):
                continue
            offset = other[0] - one[0]
            cross = one[0] + first * float(offset[0] * second[1] - offset[1] * second[0]) / turn
            gaps = [min(np.hypot(*(cross - end)) for end in line) for line in (one, other)]
            sizes = [np.hypot(*first), np.hypot(*second)]
            if all(gap < 3 * reach + 0.6 * size for gap, size in zip(gaps, sizes, strict=True)):
                found.append(cross)
    return found


def _covered(paint: Paint, limbs: list[Array]) -> dict[int, Array]:
    """Where nose, eyes and ears may lie under the white dots of a face, near the paint of their limbs."""
    step = max(2, round(0.9 * paint.reach))
    rows, columns = np.nonzero(paint.white()[::step, ::step])
    places = np.stack([columns, rows], -1) * step + 0.5
    found = {}
    for joint in _FACE:
        near = np.concatenate([limbs[limb] for limb, pair in enumerate(LIMBS) if joint in pair])
        if len(near) and len(places):
            gaps, _ = KDTree(near).query(places)
            order = np.argsort(gaps)[:_MOST_COVERED]
            found[joint] = places[order][gaps[order] < 5 * paint.reach]
    return found
