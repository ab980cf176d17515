"""Distances between pictures, and whether joints are where they should be.

Pictures are uint8 `t h w c`; differences are taken in floating point (subtracting uint8 wraps around, a
mistake that has inflated published figures).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from videogen.types import Frames


def psnr(frames: Frames, truth: Frames) -> float:
    """Peak signal-to-noise ratio in dB over all pixels; infinite where they are equal."""
    error = np.mean((frames.astype(np.float64) - truth.astype(np.float64)) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255.0**2 / error))


def ssim(frames: Frames, truth: Frames) -> float:
    """Structural similarity (Wang et al. 2004), 1 for equal pictures, mean over frames."""
    from skimage.metrics import structural_similarity

    pairs = zip(frames, truth, strict=True)
    return float(np.mean([structural_similarity(a, b, channel_axis=-1, data_range=255) for a, b in pairs]))


def psnr_where(frames: Frames, truth: Frames, where: NDArray[np.bool_]) -> float:
    """`psnr` over the pixels `where` `t h w` alone; NaN where there are none."""
    return psnr(frames[where], truth[where]) if where.any() else float("nan")


def ssim_where(frames: Frames, truth: Frames, where: NDArray[np.bool_]) -> float:
    """The mean of the local structural similarity over the pixels `where` `t h w`; NaN where there are none.

    A pixel's own is that of the 7x7 pixels around it, which may reach beyond `where`.
    """
    from skimage.metrics import structural_similarity

    local = [
        structural_similarity(a, b, channel_axis=-1, data_range=255, full=True)[1].mean(-1)[here]
        for a, b, here in zip(frames, truth, where, strict=True)
    ]
    values = np.concatenate(local)
    return float(values.mean()) if values.size else float("nan")


def joint_errors(
    frames: Frames, truth: Frames, points: NDArray[np.float32], *, patch: int = 4, reach: int = 14
) -> NDArray[np.float64]:
    """How far each joint of `points` (`t k 3`, fractions) lies from its place in `truth`, per height.

    The true picture around each joint (a square of 2 * patch + 1 pixels) is sought in `frames` within
    `reach` pixels, by least squares with a slight preference for near places. Returns `t k`; joints that
    are absent or at the picture's edge are NaN. Its own ceiling is what it says of truth against truth.
    """
    height, width = frames.shape[1:3]
    errors = np.full(points.shape[:2], np.nan)
    pad = patch + reach
    shifts = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 2, indexing="ij"), -1).astype(np.float64)
    nearness = 4.0 * np.hypot(shifts[..., 0], shifts[..., 1])
    for t in range(len(frames)):
        here = np.pad(frames[t].astype(np.float64), ((pad, pad), (pad, pad), (0, 0)), mode="edge")
        there = truth[t].astype(np.float64)
        for k, (x, y, confidence) in enumerate(points[t]):
            column, row = int(x * width), int(y * height)
            inside = patch <= row < height - patch and patch <= column < width - patch
            if confidence <= 0 or not inside:
                continue
            template = there[row - patch : row + patch + 1, column - patch : column + patch + 1]
            area = here[row : row + 2 * pad + 1, column : column + 2 * pad + 1]
            views = np.lib.stride_tricks.sliding_window_view(area, template.shape)[:, :, 0]
            costs = ((views - template) ** 2).mean((-1, -2, -3)) + nearness
            best = np.unravel_index(np.argmin(costs), costs.shape)
            errors[t, k] = np.hypot(*shifts[best]) / height
    return errors


def pck(errors: NDArray[np.float64], *, threshold: float) -> float:
    """Percentage of correct keypoints as a fraction: errors of `joint_errors` up to `threshold`."""
    known = errors[np.isfinite(errors)]
    return float((known <= threshold).mean()) if known.size else float("nan")
