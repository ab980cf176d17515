"""A clip parted into the ground, as the camera saw it, and the things that moved before it.

Nothing is known of what is shown: things are where pictures change that the camera's own motion does not
explain. Sizes and places are fractions of the picture; pictures are numpy, 0…1, `h w c`, a hundred or so
pixels a side, since layers are found small and carried large.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from videogen.conditions.camera_path import camera_path, seen_from_last
from videogen.conditions.going_on import go_on
from videogen.conditions.uncovered import filled_around, ground_of, smoothed_over

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
MOST = 3
"""Things that are followed."""
_LEAST_AREA, _LARGEST_AREA = 0.002, 0.3
_SHORTEST_PATH, _FITTING, _LOST = 5, 0.55, 0.12
"""Pictures that a thing is seen in, how well its motion explains it, and how far off a forecast may be."""
_CHANGED, _NOISES = 0.05, 4.0
"""What counts as a change: this much, or so many times the noise between pictures."""
_FARTHEST = 0.33
"""How far a thing may go from one picture to the next."""
_UNLIKE = 0.25
"""How much a thing that moves as a whole may change its colours on its way, in the mean."""
_LARGEST_HOLE = 0.2
"""A share of the picture up to which ground that was never seen is filled from around it."""
_GUESSED = 0.8
"""How surely that is known: the network still has a say."""
_LEAST_SHARED, _ALIKE = 0.3, 0.9  # shares that two clips of one place know both, and of it that are alike
_JOINED = 5  # pixels between what belongs together
_ANGLES = np.radians(np.arange(-40, 41, 2.5))


@dataclass(frozen=True)
class Thing:
    """What moves: its `mask` `h w`, 0…1, in the last picture, and its `path` `t 4`: x, y, log size, angle.

    Sizes and angles are against those of the last picture.
    """

    mask: Array
    path: Array


@dataclass(frozen=True)
class Parted:
    """A clip's ground, its camera, and what moves.

    `ground` `h w c` is as the camera sees it at the `last` picture, and `known` `h w`, 0…1, how surely: 1
    where it ever was seen, less where it was filled. `things` move as a whole, `wild` `h w` is where there is
    other motion, and `free` `t h w` where nothing moves. `camera` is its path `t 3`: x, y, zoom against the
    last picture. What `lent` says, `h w`, is known from another clip.
    """

    last: Array
    free: Mask
    ground: Array
    known: Array
    things: tuple[Thing, ...]
    wild: Mask
    camera: Array
    lent: Mask


def part(pictures: Array, *, other: Parted | None = None) -> Parted:
    """Part pictures `t h w c`; of one alone everything is ground.

    What is always hidden in them may be seen in an `other` clip of the same place: where most of what both
    know looks alike and no camera moves, its ground counts too.
    """
    height, width = pictures.shape[1:3]
    camera = camera_path(pictures)
    seen_from = [seen_from_last(picture, *place) for picture, place in zip(pictures, camera, strict=True)]
    steady = np.stack([picture for picture, _ in seen_from])
    inside = np.stack([valid for _, valid in seen_from])
    changed = _changed(steady, inside)
    if not changed.any():  # as in one picture alone
        still = np.zeros((height, width), dtype=bool)
        return Parted(pictures[-1], inside, pictures[-1], np.ones((height, width)), (), still, camera, still)
    wide = np.stack([ndimage.binary_dilation(mask, iterations=2) for mask in changed])
    free = inside & ~wide
    ground, known = ground_of(steady, free)
    lent = _lent(ground, known, None if camera.any() else other)
    if other is not None:
        ground, known = np.where(lent[..., None], other.ground, ground), np.where(lent, 1.0, known)
    masks = np.stack([_refined(*each, ground, known) for each in zip(steady, wide, strict=True)])
    things, rest = _follow(steady, masks)
    wild = ndimage.binary_opening((rest > 0.5).any(0))
    covered = sum((thing.mask for thing in things), np.zeros((height, width))) > 0.1
    free[-1] |= ~ndimage.binary_dilation(covered, iterations=2)  # what no thing hides there is ground
    known = np.where(free.any(0), 1.0, _GUESSED * lent)
    ground = np.where(free[-1][..., None], pictures[-1], ground)  # the clip goes on from this very picture
    hidden = known == 0
    if 0 < hidden.mean() < _LARGEST_HOLE:
        ground, known = smoothed_over(ground, hidden), np.where(hidden, _GUESSED, known)
    ground = np.where(known[..., None] > 0, ground, filled_around(pictures[-1], covered))
    wild, lent = ndimage.binary_dilation(wild, iterations=2), lent & ~free.any(0)
    return Parted(pictures[-1], free, ground, known, things, wild, camera, lent)


def _lent(ground: Array, known: Array, other: Parted | None) -> Mask:
    """Where a ground is not known that an `other` clip of the same place shows; nowhere if it is another."""
    if other is None or other.camera.any():
        return np.zeros(known.shape, dtype=bool)
    both = (known == 1) & (other.known == 1)
    apart = np.abs(ground - other.ground).max(-1)[both]
    if both.mean() < _LEAST_SHARED or (apart < _CHANGED).mean() < _ALIKE:
        return np.zeros_like(both)
    return np.asarray((known == 0) & (other.known == 1))


def _changed(pictures: Array, inside: Mask) -> Mask:
    """Where each picture `t h w c` holds something that moves, as hulls of what changes beside it."""
    if len(pictures) < 2:
        return np.zeros(pictures.shape[:3], dtype=bool)
    steps = np.abs(np.diff(pictures, axis=0)).max(-1) * (inside[1:] & inside[:-1])
    limit = max(_CHANGED, _NOISES * float(np.median(steps)))
    moving = steps > limit
    # The two edges of a thing that moves slowly lie apart; what it sweeps over in time joins them.
    swept = _closed(moving.any(0), by=_JOINED)
    pieces, count = ndimage.label(swept, structure=np.ones((3, 3)))
    found = np.zeros(pictures.shape[:3], dtype=bool)
    for number in range(len(pictures) if count else 0):
        beside = [moving[index] for index in (number - 1, number) if 0 <= index < len(moving)]
        found[number] = _hulls(np.logical_or.reduce(beside), pieces)
    return found


def _closed(mask: Mask, *, by: int) -> Mask:
    closed: Mask = ndimage.binary_closing(np.pad(mask, by), iterations=by)[by:-by, by:-by]
    return closed


def _hulls(mask: Mask, pieces: NDArray[np.int_]) -> Mask:
    """The convex hulls of a mask's parts within each of the `pieces` of the picture, if not too small."""
    filled = np.zeros_like(mask)
    rows, columns = np.mgrid[0 : mask.shape[0], 0 : mask.shape[1]]
    for label in range(1, int(pieces.max()) + 1):
        points = np.argwhere(mask & (pieces == label))
        if len(points) < max(4, _LEAST_AREA * mask.size):
            continue
        try:
            edges = ConvexHull(points).equations
        except QhullError:  # all in one line
            filled |= mask & (pieces == label)
            continue
        places = np.stack([rows, columns], -1) @ edges[:, :2].T + edges[:, 2]
        filled |= (places <= 1e-6).all(-1)
    return filled


def _refined(picture: Array, wide: Mask, ground: Array, known: Array) -> Array:
    """Where a thing is within a hull, 0…1: unlike the ground, or unlike its surroundings' colours."""
    unlike = np.abs(picture - ground).max(-1)
    mask = wide & np.where(known > 0, unlike > _CHANGED, True)
    hidden = wide & (known == 0)
    if hidden.any() and (wide & (known > 0)).any():
        ring = ndimage.binary_dilation(wide, iterations=3) & ~wide
        own = picture[ndimage.binary_erosion(mask, iterations=1) & (known > 0)]
        around = picture[ring]
        if len(own) and len(around):
            far, near = (_nearest(picture[hidden], colours) for colours in (around, own))
            mask[hidden] = near < 2.0 * far
    mask = ndimage.binary_opening(ndimage.binary_fill_holes(mask))
    return np.asarray(ndimage.gaussian_filter(mask.astype(float), 0.5))


def _nearest(colours: Array, others: Array) -> Array:
    """How far each of colours `n c` is from the nearest of some others."""
    some = others[:: max(1, len(others) // 64)]
    return np.asarray(np.abs(colours[:, None] - some[None]).max(-1).min(1))


def _follow(pictures: Array, masks: Array) -> tuple[tuple[Thing, ...], Array]:
    """The things of the last picture that move as a whole, and what is left of masks `t h w` without them."""
    labels, count = ndimage.label(masks[-1] > 0.5)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    found, rest = [], masks.copy()
    for label in np.argsort(-sizes)[:MOST] + 1:
        area = sizes[label - 1] / labels.size
        if not _LEAST_AREA < area < _LARGEST_AREA:
            continue
        mask = np.where(labels == label, masks[-1], 0) if count > 1 else masks[-1]
        thing, where = _path(pictures, masks, mask)
        if thing is not None:
            found.append(thing)
            for number, place in enumerate(where, start=len(masks) - len(where)):
                rest[number] *= ~ndimage.binary_dilation(place > 0.1, iterations=2)
    return tuple(found), rest


def _path(pictures: Array, masks: Array, mask: Array) -> tuple[Thing | None, list[Array]]:
    """A thing that is followed backwards, and its masks; None where it does not move as a whole."""
    places, where, fits = [(*_middle(mask), 0.0, 0.0)], [mask], []
    for number in range(len(pictures) - 2, -1, -1):
        now = where[0]
        before = _alike(masks[number], now)
        if before is None:
            break
        size = 0.5 * float(np.log(before.sum() / now.sum()))
        turn, fit = _turn(pictures[number + 1], now, pictures[number], before, size=size)
        places.insert(0, (*_middle(before), places[0][2] + size, places[0][3] + turn))
        where.insert(0, before)
        fits.append(fit)
    path = np.array(places)
    if len(path) < min(_SHORTEST_PATH, len(pictures)) or np.median(fits) < _FITTING:
        return None, where
    turns = np.diff(path[:, 3])
    if np.abs(turns).max(initial=0.0) < np.radians(4):
        path[:, 3] = 0.0
    uneven = np.abs(turns - np.median(turns)).mean() > np.radians(9)
    early = max(3, 2 * len(path) // 3)  # two moments tell nothing of a bend
    ahead = go_on(path[:early, :2], np.arange(1.0, len(path) - early + 1))
    lost = bool((np.hypot(*(ahead - path[early:, :2]).T) > _LOST).any())
    if uneven or lost or not _holds(pictures[-len(path) :], mask, path):
        return None, where
    return Thing(mask, path), where


def _holds(pictures: Array, mask: Array, path: Array) -> bool:
    """Whether a thing of the last picture is found again, as it is, far back along its path `t 4`."""
    last = pictures[-1]
    for number in (0, len(path) // 2):
        start, then = path[-1], path[number]
        rows, columns, place = _places(mask, start, then, size=then[2] - start[2], angle=then[3] - start[3])
        found = _look_up(pictures[number], place)
        if float(np.abs(found - last[rows, columns]).mean()) > _UNLIKE:
            return False
    return True


def _middle(mask: Array) -> tuple[float, float]:
    row, column = ndimage.center_of_mass(mask)
    return (column + 0.5) / mask.shape[1], (row + 0.5) / mask.shape[0]


def _alike(masks: Array, now: Array) -> Array | None:
    """The piece of a mask that is nearest to a thing in the picture after it; None where none is like it."""
    labels, count = ndimage.label(masks > 0.5)
    x, y = _middle(now)
    best, least = None, _FARTHEST
    for label in range(1, count + 1):
        piece = np.where(labels == label, masks, 0)
        if not 0.5 < piece.sum() / now.sum() < 2.0:
            continue
        apart = float(np.hypot(*np.subtract(_middle(piece), (x, y))))
        if apart < least:
            best, least = piece, apart
    return best


def _turn(here: Array, mask: Array, there: Array, other: Array, *, size: float) -> tuple[float, float]:
    """By which angle a thing was turned in the picture `there`, and how much of it that explains, 0…1."""
    errors = []
    for angle in _ANGLES:
        rows, columns, place = _places(mask, _middle(mask), _middle(other), size=size, angle=float(angle))
        errors.append(float(np.abs(_look_up(there, place) - here[rows, columns]).mean()))
    best = int(np.argmin(errors))
    still = len(_ANGLES) // 2
    if errors[still] < errors[best] + 0.004:  # of round things every turn looks alike
        best = still
    spread = float(np.abs(here[rows, columns] - here[rows, columns].mean(0)).mean()) + 0.06
    return float(_ANGLES[best]), float(np.clip(1.5 - errors[best] / spread, 0, 1))


def _places(
    mask: Array, here: Sequence[float] | Array, there: Sequence[float] | Array, *, size: float, angle: float
) -> tuple[NDArray[np.int_], NDArray[np.int_], Array]:
    """The rows and columns of a mask, and where they are once its middle is `there`, `2 n` in pixels."""
    height, width = mask.shape
    rows, columns = np.nonzero(mask > 0.5)
    across, along = (columns + 0.5) - here[0] * width, (rows + 0.5) - here[1] * height
    turned = np.exp(size) * (across + 1j * along) * np.exp(1j * angle)
    return (
        rows,
        columns,
        np.stack([there[1] * height - 0.5 + turned.imag, there[0] * width - 0.5 + turned.real]),
    )


def _look_up(picture: Array, place: Array) -> Array:
    """A picture's colours at places `2 n` (row, column), `n c`."""
    layers = [ndimage.map_coordinates(picture[..., c], place, order=1, mode="nearest") for c in range(3)]
    return np.stack(layers, -1)
