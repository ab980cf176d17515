"""Skeleton pictures turned back into keypoints: OpenPose's colours say which joint is where.

Reads our own drawings and those of DWPose and ControlNet (joints in full colour over limbs at 60 %, on
black), also after lossy video compression. Only the 18 points of the body come back: the dots of faces
and hands carry no numbers. A joint is the blob of its colour that the ends of its limbs point to; a joint
that is painted over is taken from the ends themselves. One person per picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from videogen.errors import MediaError
from videogen.skeleton import BODY, BODY_SLICE, COLOURS, FACE_CONTOURS, KEYPOINTS, LIMBS
from videogen.types import Frame, Pose

_FIRST_EYE = BODY["right_eye"]
_JOINTS = np.array(COLOURS, dtype=np.float32)
_LIMB_COLOURS = _JOINTS[: len(LIMBS)] * 0.6
_OTHERS = np.array(sorted({colour for _, _, colour in FACE_CONTOURS} | {(255, 255, 255)}), dtype=np.float32)
_PALETTE = np.concatenate([_JOINTS, _LIMB_COLOURS, _OTHERS])
_DARK = 60  # a pixel whose brightest channel is below this is background
_PALED = 1.8
_TO_YUV = np.array(  # BT.601, luma weighed up: it is what video keeps best
    [[0.449, 0.881, 0.171], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]], dtype=np.float32
)
_FAR = 45.0  # the farthest that a pixel may be from a colour of the palette
_Point = NDArray[np.float64]


def pose_from_drawings(frames: Iterable[Frame], *, fps: Fraction | None = None) -> Pose:
    """Read the body in each skeleton picture `h w c`; the face and hands stay absent.

    `fps` is passed on. Raises MediaError where there are no frames or none shows a skeleton.
    """
    found: list[NDArray[np.float32]] = []
    aspect = 1.0
    for frame in frames:
        points = np.zeros((KEYPOINTS, 3), dtype=np.float32)
        points[BODY_SLICE] = _read(frame)
        found.append(points)
        aspect = frame.shape[1] / frame.shape[0]
    if not found:
        raise MediaError("the skeleton video has no frames; expected at least one")
    stacked = np.stack(found)
    if not (stacked[..., 2] > 0).any():
        raise MediaError("no skeleton is in any frame; expected OpenPose colours on black")
    return Pose(stacked, fps=fps, aspect=aspect)


def is_drawing(frame: Frame) -> bool:
    """Say whether a picture `h w c` looks like a skeleton on black rather than like a photograph."""
    brightest = frame.max(-1)
    lit = brightest >= _DARK
    if not 0.002 < lit.mean() < 0.35 or (brightest[~lit] > 30).mean() > 0.02:
        return False
    return bool((_classes(frame[lit]) < len(_JOINTS) + len(_LIMB_COLOURS)).mean() > 0.4)


def _read(frame: Frame) -> NDArray[np.float32]:
    """The 18 points of one picture, `18 3`."""
    height, width = frame.shape[:2]
    rows, columns = np.nonzero(frame.max(-1) >= _DARK)
    classes = _classes(frame[rows, columns])
    pixels = np.stack([rows, columns], -1)
    speck = max(2.0, (min(height, width) / 256) ** 2 * 3)  # fewer pixels than this are noise
    ends = [
        _limb_ends(_pieces(pixels[classes == len(_JOINTS) + limb]), least=2 * speck)
        for limb in range(len(LIMBS))
    ]
    blobs = [
        [piece.mean(0) for piece in _pieces(pixels[classes == joint]) if len(piece) >= speck]
        for joint in range(len(_JOINTS))
    ]
    size, reach = np.array([width, height], dtype=np.float64), 0.035 * max(height, width)
    points = np.zeros((len(_JOINTS), 3), dtype=np.float32)
    for joint in range(len(_JOINTS)):
        hints = [pair for pair, limb in zip(ends, LIMBS, strict=True) if pair is not None and joint in limb]
        place = _choose(blobs[joint], hints, reach=reach)
        if place is not None:
            points[joint] = *(place / size), 1.0
    _complete(points, ends, size=size, reach=reach)
    _set_face_right(points, blobs, size=size)
    return points


def _classes(pixels: NDArray[np.uint8]) -> NDArray[np.int16]:
    """The nearest colour of the palette for pixels `n c`, −1 where none is near.

    Video keeps colour at half the resolution, which pales small discs: so colours are compared after
    pixels get back up to `_PALED` times the saturation they have.
    """
    seen, wanted = pixels.astype(np.float32) @ _TO_YUV.T, _PALETTE @ _TO_YUV.T
    strength = np.linalg.norm(seen[:, 1:], axis=-1).clip(1)[:, None]
    boost = (np.linalg.norm(wanted[:, 1:], axis=-1)[None] / strength).clip(1, _PALED)
    distance = (seen[:, None, 0] - wanted[None, :, 0]) ** 2
    for channel in (1, 2):
        distance += (boost * seen[:, None, channel] - wanted[None, :, channel]) ** 2
    nearest: NDArray[np.int16] = distance.argmin(1).astype(np.int16)
    nearest[distance.min(1) > _FAR**2] = -1
    return nearest


def _pieces(pixels: NDArray[np.int64]) -> list[_Point]:
    """Pixels `n 2` (row, column) in connected pieces, the largest first, as pixel centres x, y."""
    if len(pixels) == 0:
        return []
    corner = pixels.min(0)
    mask = np.zeros(pixels.max(0) - corner + 1, dtype=bool)
    mask[tuple((pixels - corner).T)] = True
    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    numbers = labels[tuple((pixels - corner).T)]
    centres = pixels[:, ::-1] + 0.5
    return sorted((centres[numbers == n + 1] for n in range(count)), key=len, reverse=True)


def _limb_ends(pieces: list[_Point], *, least: float) -> tuple[_Point, _Point] | None:
    """The two ends of a limb: the extremes of its pixels along their longest direction.

    A limb that another one crosses lies in pieces; all pieces in line with the largest count.
    """
    if not pieces or len(pieces[0]) < least:
        return None
    centre = pieces[0].mean(0)
    spread, axes = np.linalg.eigh(np.cov((pieces[0] - centre).T) + 1e-6 * np.eye(2))
    axis, thick = axes[:, 1], 2.5 * np.sqrt(spread[0]) + 1.0
    offsets = np.concatenate([piece for piece in pieces if len(piece) >= least / 2]) - centre
    along = offsets[np.abs(offsets @ np.array([-axis[1], axis[0]])) < thick] @ axis
    return centre + axis * along.min(), centre + axis * along.max()


def _choose(blobs: list[_Point], hints: list[tuple[_Point, _Point]], *, reach: float) -> _Point | None:
    """The blob that the limbs' ends point to; a dot without a limb may be of a face or hand."""
    if not blobs or not hints:
        return None

    def miss(blob: _Point) -> float:
        gaps = [min(np.linalg.norm(blob - end) for end in pair) for pair in hints]
        return float(np.mean(gaps))

    best = min(blobs, key=miss)
    nearest = min(np.linalg.norm(best - end) for pair in hints for end in pair)
    return best if nearest <= reach else None


def _set_face_right(points: NDArray[np.float32], blobs: list[list[_Point]], *, size: _Point) -> None:
    """Put eyes and ears, whose short limbs a drawn face hides, on blobs near the nose, in place.

    Those that lie elsewhere are other paint, the fingers' as a rule, and go.
    """
    nose, neck = points[BODY["nose"]], points[BODY["neck"]]
    known = nose[2] > 0 and neck[2] > 0
    reach = 1.2 * float(np.linalg.norm((nose - neck)[:2] * size)) if known else np.inf
    for joint in range(_FIRST_EYE, len(points)):
        if points[joint, 2] > 0 and np.linalg.norm((points[joint] - nose)[:2] * size) <= reach:
            continue
        near = [blob for blob in blobs[joint] if np.linalg.norm(blob - nose[:2] * size) <= reach]
        points[joint] = (*(near[0] / size), 1.0) if near else 0.0


def _complete(
    points: NDArray[np.float32], ends: list[tuple[_Point, _Point] | None], *, size: _Point, reach: float
) -> None:
    """Put joints whose own colour is lost where limbs meet, or at a limb's free end, in place."""
    for joint in range(len(points)):
        pairs = [pair for limb, pair in zip(LIMBS, ends, strict=True) if pair is not None and joint in limb]
        meetings = [(a + b) / 2 for n, one in enumerate(pairs) for a in one for other in pairs[:n]
                    for b in other if np.linalg.norm(a - b) <= reach]  # fmt: skip
        if points[joint, 2] == 0 and meetings:
            points[joint] = *(np.mean(meetings, 0) / size), 0.8
    for _ in range(2):  # twice: a joint found here may free the next
        for (first, second), pair in zip(LIMBS, ends, strict=True):
            if pair is None or (points[first, 2] > 0) == (points[second, 2] > 0):
                continue
            known, hidden = (first, second) if points[first, 2] > 0 else (second, first)
            anchor = points[known, :2] * size
            free = max(pair, key=lambda end: float(np.linalg.norm(end - anchor)))
            points[hidden] = *(free / size), 0.8
