"""How well a portrait follows a driver, judged by mediapipe on the frames that came out.

From the face mesh of each frame: how far mouth and eyes are open, how the head is turned, nodded and tilted.
A clip is good where these go together with the driver's, the face is as sharp as the photograph's and the
background stays. A plain warp of the same keypoints stands beside it. Frames are uint8 `h w c`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import RBFInterpolator

from videogen.detection.mask import person_mask
from videogen.detection.solutions import Networks
from videogen.skeleton import FACE_SLICE
from videogen.types import Frame, Pose

Array = NDArray[np.float64]
MEASURES = ("mouth", "eyes", "turn", "nod", "tilt")
_LUMA = np.array([0.299, 0.587, 0.114])
_SURELY_BEHIND, _RIM = 0.1, 4  # a mask's value, and pixels
# The mesh's own points: crown and chin, cheeks, tip of the nose, corners and lids of the eyes, inner lips.
_CROWN, _CHIN, _RIGHT, _LEFT, _NOSE, _UPPER, _LOWER = 10, 152, 234, 454, 1, 13, 14
_EYES = ((33, 133, 159, 145), (263, 362, 386, 374))
_VIEWS = ((1.0, False), (1.0, True), (0.8, False), (0.8, True), (1.3, False))  # size, and whether mirrored
_GRID = 8  # pixels between the places that the plain warp computes


@dataclass(frozen=True)
class Faces:
    """What is read of the frames of a clip: `values` `t 5` as `MEASURES` names them, NaN where no face is
    found, and `sharpness` `t`, the variance of the Laplacian within the face's box."""

    values: Array
    sharpness: Array


def read_faces(frames: Iterable[Frame]) -> Faces:
    """Read the faces of a clip; raises MissingExtra without mediapipe."""
    networks = Networks(static=False)
    values, sharpness = [], []
    try:
        for frame in frames:
            found = networks.faces(np.ascontiguousarray(frame))
            size = np.array([frame.shape[1], frame.shape[0]], dtype=np.float64)
            mesh = None if not found else found[0][:, :2].astype(np.float64) * size
            values.append(np.full(5, np.nan) if mesh is None else _measure(mesh))
            sharpness.append(np.nan if mesh is None else _sharpness(frame, mesh))
    finally:
        networks.close()
    return Faces(np.array(values), np.array(sharpness))


def read_often(frames: list[Frame]) -> Array:
    """The mean of five readings of a clip, `t 5`: as it is, as its mirror image, smaller and larger.

    One reading has errors of its own, about half a pixel: of the same clip in two sizes the turns of a quiet
    head go together by 0.96.
    """
    readings = []
    for factor, mirrored in _VIEWS:
        shown = (ndimage.zoom(f, (factor, factor, 1), order=1) if factor != 1 else f for f in frames)
        values = read_faces(frame[:, ::-1] if mirrored else frame for frame in shown).values
        readings.append(values * np.where(mirrored & np.isin(MEASURES, ("turn", "tilt")), -1.0, 1.0))
    return np.asarray(np.mean(readings, 0))


def judge(frames: list[Frame], photograph: Frame, driver: Faces) -> dict[str, float]:
    """The figures of a clip made of `photograph`: correlations with the driver, sharpness, background."""
    faces, still = read_faces(frames), read_faces([photograph])
    length = min(len(faces.values), len(driver.values))
    figures = {"face found": float(np.isfinite(faces.values[:, 0]).mean())}
    for often, values in (("", faces.values), (", five readings", read_often(frames))):
        both = np.isfinite(values[:length, 0]) & np.isfinite(driver.values[:length, 0])
        for number, name in enumerate(MEASURES):
            pair = values[:length][both, number], driver.values[:length][both, number]
            figures[f"{name}{often}: correlation"] = float(np.corrcoef(*pair)[0, 1])
    figures["sharpness of the face"] = float(np.nanmean(faces.sharpness) / still.sharpness[0])
    behind = background(frames, photograph)
    errors = [float(np.mean((frame[behind] - photograph[behind].astype(float)) ** 2)) for frame in frames]
    figures["background: PSNR"] = float(10 * np.log10(255.0**2 / max(sum(errors) / len(errors), 1e-9)))
    steps = [np.abs(b[behind].astype(float) - a[behind]).mean() for a, b in pairwise(frames)]
    figures["background: flicker"] = float(np.mean(steps)) if steps else 0.0
    return figures


def background(frames: list[Frame], photograph: Frame) -> NDArray[np.bool_]:
    """Where nobody is in the photograph nor in any of ten frames of the clip, `h w`."""
    some = [frames[number] for number in np.linspace(0, len(frames) - 1, min(10, len(frames))).astype(int)]
    person = np.max([person_mask(picture) for picture in (photograph, *some)], axis=0) > _SURELY_BEHIND
    return np.asarray(~ndimage.binary_dilation(person, iterations=_RIM))


def plain_warp(photograph: Frame, points: NDArray[np.float32], driver: Pose) -> Iterator[Frame]:
    """The photograph bent as a thin plate by the driver's steps since its first frame, at the face's points.

    `points` `k 3` are the photograph's keypoints. Steps are scaled by the faces' heights; borders are pinned.
    """
    height, width = photograph.shape[:2]
    own = points[FACE_SLICE, :2].astype(float) * [width, height]
    aspect = driver.aspect or 1.0
    theirs = driver.points[:, FACE_SLICE, :2].astype(float) * [aspect, 1.0]
    scale = np.linalg.norm(own[8] - own[27]) / np.linalg.norm(theirs[0, 8] - theirs[0, 27])
    rows, columns = np.mgrid[0 : height + _GRID : _GRID, 0 : width + _GRID : _GRID].astype(float)
    places = np.stack([columns.ravel(), rows.ravel()], 1)
    edges = [(x, y) for x in np.linspace(0, width, 9) for y in (0.0, float(height))]
    pins = np.array(edges + [(x, y) for y in np.linspace(0, height, 9)[1:-1] for x in (0.0, float(width))])
    down, right = np.mgrid[0:height, 0:width] / _GRID
    for face in theirs:
        moved = own + scale * (face - theirs[0])
        spread = np.concatenate([moved, pins])
        kept = np.unique(spread.round(3), axis=0, return_index=True)[1]
        shift = np.concatenate([own - moved, np.zeros_like(pins)])[kept]
        bent = RBFInterpolator(spread[kept], shift, kernel="thin_plate_spline", smoothing=1e-3)(places)
        steps = bent.reshape(*rows.shape, 2)
        x, y = (ndimage.map_coordinates(steps[..., axis], (down, right), order=1) for axis in (0, 1))
        at = np.mgrid[0:height, 0:width] + np.stack([y, x])
        layers = [ndimage.map_coordinates(photograph[..., c], at, order=3, mode="nearest") for c in range(3)]
        yield np.stack(layers, -1)


def _measure(mesh: Array) -> Array:
    """The five measures of a mesh in pixels; all are shares but the tilt, which is in degrees."""
    upright, across = mesh[_CROWN] - mesh[_CHIN], mesh[_LEFT] - mesh[_RIGHT]
    mouth = np.linalg.norm(mesh[_UPPER] - mesh[_LOWER]) / np.linalg.norm(upright)
    eyes = np.mean(
        [np.linalg.norm(mesh[c] - mesh[d]) / np.linalg.norm(mesh[a] - mesh[b]) for a, b, c, d in _EYES]
    )
    turn = (mesh[_NOSE] - (mesh[_RIGHT] + mesh[_LEFT]) / 2) @ across / (across @ across)
    nod = (mesh[_NOSE] - (mesh[_CROWN] + mesh[_CHIN]) / 2) @ upright / (upright @ upright)
    line = mesh[_EYES[1][0]] - mesh[_EYES[0][0]]
    return np.array([mouth, eyes, turn, nod, np.degrees(np.arctan2(line[1], line[0]))])


def _sharpness(frame: Frame, mesh: Array) -> float:
    low = np.maximum(mesh.min(0), 0).astype(int)
    high = np.maximum(mesh.max(0).astype(int) + 1, low + 3)
    box = frame[low[1] : high[1], low[0] : high[0]] @ _LUMA
    return float(ndimage.laplace(box).var()) if min(box.shape) > 2 else float("nan")
