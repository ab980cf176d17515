"""Where pixels of one picture lie in another: iterative Lucas-Kanade on a pyramid, without weights.

Lucas and Kanade, "An iterative image registration technique" (1981); Bouguet, "Pyramidal implementation of
the Lucas Kanade feature tracker" (2000). What moves by fractions of a pixel is found to fractions of a pixel,
on pictures of any kind, since nothing is learnt; what is hidden or far away is not found, and whoever reads
the result compares the pictures.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from videogen.models.flow import warp

_LUMA = (0.299, 0.587, 0.114)
_STIFFNESS = 3e-5
"""Squared slopes of brightness below which nothing is believed: those of noise."""


def find_motion(
    first: Tensor, second: Tensor, *, levels: int = 3, radius: int = 3, rounds: int = 2
) -> Tensor:
    """The motion `b 2 h w` (right and down, pixels) of each pixel of `first` to its place in `second`.

    Both are brightness, `b 1 h w`, 0…1, float32. The pyramid's `levels` halve the size while 16 pixels are
    left, each searches `rounds` times in windows of `radius` pixels around.
    """
    pyramid = [(first, second)]
    while len(pyramid) < levels and min(pyramid[-1][0].shape[-2:]) >= 32:
        pyramid.append(tuple(F.avg_pool2d(picture, 2, ceil_mode=True) for picture in pyramid[-1]))  # type: ignore[arg-type]
    motion = first.new_zeros(len(first), 2, *pyramid[-1][0].shape[-2:])
    for fixed, moving in reversed(pyramid):
        if motion.shape[-2:] != fixed.shape[-2:]:
            wide = F.interpolate(motion, scale_factor=2, mode="bilinear", align_corners=False) * 2
            motion = wide[..., : fixed.shape[-2], : fixed.shape[-1]]
        motion = _refine(fixed, moving, motion, radius=radius, rounds=rounds)
    return motion


def brightness(pictures: Tensor) -> Tensor:
    """Pictures `b c h w` as one float32 channel, `b 1 h w`: luma of red, green and blue, else the mean."""
    pictures = pictures.float()
    if pictures.shape[1] != 3:
        return pictures.mean(1, keepdim=True)
    return (pictures * pictures.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)


def _refine(fixed: Tensor, moving: Tensor, motion: Tensor, *, radius: int, rounds: int) -> Tensor:
    """A motion that is about right, made better by `rounds` of least squares in windows."""
    edged = F.pad(fixed, (1, 1, 1, 1), mode="replicate")
    slope_x = (edged[..., 1:-1, 2:] - edged[..., 1:-1, :-2]) / 2
    slope_y = (edged[..., 2:, 1:-1] - edged[..., :-2, 1:-1]) / 2
    squares = _window(torch.cat([slope_x * slope_x, slope_x * slope_y, slope_y * slope_y], 1), radius)
    xx, xy, yy = (squares[:, :1] + _STIFFNESS, squares[:, 1:2], squares[:, 2:] + _STIFFNESS)
    inverse = 1 / (xx * yy - xy * xy)
    for _ in range(rounds):
        change = warp(moving, motion) - fixed
        x, y = _window(torch.cat([slope_x * change, slope_y * change], 1), radius).chunk(2, 1)
        step = torch.cat([xy * y - yy * x, xy * x - xx * y], 1) * inverse
        motion = motion + step.clamp(-1, 1)
    return _window(motion, 1)


def _window(values: Tensor, radius: int) -> Tensor:
    """Means over squares of pixels, twice, so that near ones count more."""
    side = 2 * ((radius + 1) // 2) + 1
    for _ in range(2 if radius > 1 else 1):
        values = F.avg_pool2d(values, side, stride=1, padding=side // 2, count_include_pad=False)
    return values
