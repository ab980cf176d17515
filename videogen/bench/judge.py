"""What a clip of the world shows, read back from its pixels: the place and the colour of the thing.

Image analysis only, no network: the picture's left and right edges give the ground and the sky, what
differs from them is the thing, and its middle colour is compared with the palette in CIE Lab.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from videogen.errors import MissingExtra
from videogen.types import Frames
from videogen.world.dice import Dice
from videogen.world.figure import COLOUR_PAINTS, COLOURS
from videogen.world.scene import SCENES, draw_scene

_VARIATIONS = 24


def _lab(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """RGB 0…255 `… 3` to CIE Lab."""
    try:
        from skimage.color import rgb2lab
    except ImportError as error:
        raise MissingExtra("scikit-image", extra="bench") from error
    lab: NDArray[np.float64] = rgb2lab(pixels / 255.0)
    return lab


def _edge_profile(frames: Frames) -> NDArray[np.float64]:
    """The colour of each row at the picture's edges, median over time, `h 3`."""
    edges = np.concatenate([frames[:, :, :4], frames[:, :, -4:]], 2)
    profile: NDArray[np.float64] = np.median(edges, axis=(0, 2))
    return profile


@cache
def _profiles(size: int) -> NDArray[np.float64]:
    """The rows of many renders of each place in CIE Lab, `scene variation h 3`."""
    rows = []
    for number in range(len(SCENES)):
        dice = Dice(torch.arange(_VARIATIONS), seed=77)
        drawn = draw_scene(torch.full((_VARIATIONS,), number), dice, size=size)[..., 0]
        rows.append(_lab(drawn.permute(0, 2, 1).numpy().astype(np.float64) * 255))
    return np.stack(rows)


def judge_scene(frames: Frames) -> str:
    """The place that a clip shows, one of `SCENES`, by the nearest of many renders of each."""
    profile = _lab(_edge_profile(frames))
    gaps = np.sqrt(((_profiles(frames.shape[1]) - profile) ** 2).sum(-1)).mean(-1).min(-1)
    return SCENES[int(gaps.argmin())]


def judge_colour(frames: Frames) -> str | None:
    """The colour of the thing in a clip, one of `COLOURS`; None where nothing stands out."""
    background = _lab(_edge_profile(frames))[None, :, None]
    pixels = _lab(frames.astype(np.float64))
    distance = np.sqrt(((pixels - background) ** 2).sum(-1))
    palette = _lab(np.array(COLOUR_PAINTS, dtype=np.float64))
    votes = np.zeros(len(COLOURS))
    for frame, far in zip(pixels, distance > 16, strict=True):
        blobs, count = ndimage.label(ndimage.binary_opening(far, iterations=1))
        if not count:
            continue
        sizes = ndimage.sum_labels(far, blobs, range(1, count + 1))
        thing = ndimage.binary_erosion(blobs == 1 + int(np.argmax(sizes)), iterations=2)
        if thing.sum() < 6:
            continue
        # the world shades things towards their lower edge, so lightness counts half
        gaps = (palette - np.median(frame[thing], axis=0)) * [0.5, 1, 1]
        votes[np.sqrt((gaps**2).sum(-1)).argmin()] += 1
    return COLOURS[int(votes.argmax())] if votes.any() else None
