"""Detail of a still picture of the scene, carried to where it lies in each frame.

The still is made as small as the frame, and the motion between the two is found there (iterative
Lucas-Kanade, scikit-image). What is finer than a small picture can show moves along at full size and takes
the place of the frame's own finest detail, as far as the small pictures agree: smoothly, and hardly where a
face has turned, something was hidden, or the light is another.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from videogen.errors import RequestError
from videogen.types import Frame

_LUMA = (0.299, 0.587, 0.114)
_RADIUS = 7
_UNLIKE = 0.035
"""The mean difference around a pixel, 0…1, at which a third of the still's detail is left."""
_SKEW = 0.03
"""How far the sides' ratio of the still may be from the frame's."""


class Guidance:
    """A still uint8 `h w 3` of the same view as the frames that it gives detail to."""

    def __init__(self, picture: Frame) -> None:
        self._picture = _tensor(picture)
        self._cached: tuple[tuple[int, ...], Tensor, Tensor] | None = None

    def add_detail(self, made: Frame, given: Frame) -> Frame:
        """`made`, the larger frame `H W 3`, with the still's detail; `given` is what it was made from.

        Raises RequestError where the still has another shape.
        """
        small, detail = self._prepare(given.shape[:2], made.shape[:2])
        frame = _tensor(given)
        motion = _find_motion(frame, small)
        unlike = F.avg_pool2d((_warp(small, motion) - frame).abs().mean(1, keepdim=True), 5, 1, 2)
        trust = (-((unlike / _UNLIKE) ** 2)).exp() * _inside(motion)
        trust = F.avg_pool2d(trust, 5, 1, 2, count_include_pad=False)
        size = made.shape[:2]
        large = F.interpolate(motion, size, mode="bilinear", align_corners=False)
        large = large * large.new_tensor([size[1] / given.shape[1], size[0] / given.shape[0]])[:, None, None]
        trust = F.interpolate(trust, size, mode="bilinear", align_corners=False)
        own = _tensor(made)
        changed = own + trust * (_warp(detail, large) - _finest(own, given.shape[:2]))
        found: Frame = (changed[0].permute(1, 2, 0).clamp(0, 1) * 255).round().to(torch.uint8).numpy()
        return found

    def _prepare(self, small: tuple[int, ...], large: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """The still as small as a frame, and its finest detail at the large size, each `1 3 h w`."""
        if self._cached is None or self._cached[0] != (*small, *large):
            h, w = self._picture.shape[-2:]
            if abs(np.log(w / h * small[0] / small[1])) > _SKEW:
                raise RequestError(
                    f"the guidance picture is {w}x{h}, the video {small[1]}x{small[0]}; give one of the "
                    f"same shape"
                )
            full = _resized(self._picture, large)
            self._cached = (*small, *large), _resized(full, small), _finest(full, small)
        return self._cached[1:]


def _find_motion(frame: Tensor, still: Tensor) -> Tensor:
    """Where each pixel of the frame lies in the still, `1 2 h w`: right and down, pixels."""
    from skimage.registration import optical_flow_ilk

    down, across = optical_flow_ilk(_grey(frame), _grey(still), radius=_RADIUS, prefilter=True)
    return torch.from_numpy(np.stack([across, down]).astype(np.float32))[None]


def _finest(picture: Tensor, small: tuple[int, ...]) -> Tensor:
    """What a picture loses when it is made `small` and large again."""
    return picture - F.interpolate(_resized(picture, small), picture.shape[-2:], mode="bicubic")


def _resized(picture: Tensor, size: tuple[int, ...]) -> Tensor:
    return F.interpolate(picture, tuple(size[:2]), mode="bicubic", antialias=True).clamp(0, 1)


def _warp(picture: Tensor, motion: Tensor) -> Tensor:
    """A picture read where the motion points to."""
    h, w = motion.shape[-2:]
    x = (motion[:, 0] + torch.arange(w) + 0.5) * 2 / w - 1
    y = (motion[:, 1] + torch.arange(h)[:, None] + 0.5) * 2 / h - 1
    where = torch.stack([x, y], -1)
    return F.grid_sample(picture, where, mode="bicubic", padding_mode="border", align_corners=False)


def _inside(motion: Tensor) -> Tensor:
    """1 where the motion points into the picture, else 0, `1 1 h w`."""
    h, w = motion.shape[-2:]
    x, y = motion[:, 0] + torch.arange(w), motion[:, 1] + torch.arange(h)[:, None]
    return ((x >= 0) & (x <= w - 1) & (y >= 0) & (y <= h - 1)).float()[:, None]


def _grey(picture: Tensor) -> NDArray[np.float32]:
    luma = (picture[0] * picture.new_tensor(_LUMA)[:, None, None]).sum(0)
    return np.asarray(luma.numpy(), dtype=np.float32)


def _tensor(frame: Frame) -> Tensor:
    """A frame as `1 3 h w`, 0…1."""
    return torch.tensor(frame).permute(2, 0, 1)[None].float() / 255
