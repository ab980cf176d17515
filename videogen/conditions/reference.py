"""A reference picture of any size on the network's grid, and back.

The network works at its own small size, in multiples of a step. A picture is scaled so that its shorter
side fits, never stretched; what is missing to the next multiple is filled by repeating its edge, on the
right and below, and cropped away again at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from videogen.types import Frame

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_SPREAD = (0.26862954, 0.26130258, 0.27577711)
"""Mean and deviation of red, green and blue, 0…1, in the pictures that CLIP learnt from."""

_BLUR, _GAIN = 3.4, 0.15
"""How wide (as `_blurred` takes it) and how strongly a picture that will be looked up is sharpened."""


@dataclass(frozen=True)
class Canvas:
    """The network's grid, `height` x `width` pixels; the picture fills its first `rows` x `columns`."""

    height: int
    width: int
    rows: int
    columns: int

    @classmethod
    def fit(cls, picture_height: int, picture_width: int, *, side: int, multiple: int) -> Canvas:
        """The grid for a picture, its shorter side at `side` pixels and both a multiple of `multiple`."""
        scale = side / min(picture_height, picture_width)
        rows, columns = max(1, round(picture_height * scale)), max(1, round(picture_width * scale))
        return cls(-(-rows // multiple) * multiple, -(-columns // multiple) * multiple, rows, columns)

    def place(self, picture: Tensor) -> Tensor:
        """Pictures `b c H W` scaled onto the grid, `b c height width`, with their edges repeated."""
        small = F.interpolate(
            picture, (self.rows, self.columns), mode="bicubic", antialias=True, align_corners=False
        )
        padding = (0, self.width - self.columns, 0, self.height - self.rows)
        return F.pad(small.clamp(-1, 1), padding, mode="replicate")

    def place_mask(self, mask: Tensor) -> Tensor:
        """A mask 0…1 `H W` scaled onto the grid, `height width`, with its edges repeated."""
        return (self.place(mask[None, None] * 2 - 1)[0, 0] + 1) / 2

    def points(self, points: NDArray[np.float32]) -> Tensor:
        """Keypoints `… k 3` from fractions of the picture to fractions of the grid."""
        scale = np.array([self.columns / self.width, self.rows / self.height, 1.0], dtype=np.float32)
        return torch.from_numpy(points * scale)

    def crop(self, values: Tensor) -> Tensor:
        """The picture's part of values on the grid, `… height width` → `… rows columns`."""
        return values[..., : self.rows, : self.columns]


def to_picture(frame: Frame) -> Tensor:
    """A frame uint8 `h w c` as a picture −1…1, `1 c h w`."""
    return rearrange(torch.from_numpy(np.array(frame)), "h w c -> 1 c h w").float() / 127.5 - 1


def twice_as_large(frame: Frame) -> Tensor:
    """A frame uint8 `h w c` as a picture −1…1 with twice the rows and columns, `1 c 2h 2w` (Lanczos).

    It is made to be looked up by cubic interpolation, and is sharpened a little by what that loses.
    """
    size = 2 * frame.shape[1], 2 * frame.shape[0]
    large = to_picture(np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS)))
    blurred = _blurred(_blurred(large, factor=_BLUR, axis=3), factor=_BLUR, axis=2)
    return large + _GAIN * (large - blurred)


def to_frame(picture: Tensor) -> Frame:
    """A picture −1…1 `c h w` as a frame uint8 `h w c`."""
    pixels = ((picture + 1) * 127.5).round().to(torch.uint8)
    return rearrange(pixels, "c h w -> h w c").cpu().numpy()


def covering(picture: Tensor, height: int, width: int) -> Tensor:
    """Pictures `b c H W` scaled until they cover `b c height width`, and their middle cut out."""
    rows, columns = picture.shape[-2:]
    scale = max(height / rows, width / columns)
    sides = max(height, round(rows * scale)), max(width, round(columns * scale))
    large = F.interpolate(picture, sides, mode="bicubic", antialias=True, align_corners=False).clamp(-1, 1)
    top, left = (sides[0] - height) // 2, (sides[1] - width) // 2
    return large[..., top : top + height, left : left + width]


def middle_square(picture: Tensor) -> Tensor:
    """The largest square in the middle of pictures `… h w`, as CLIP's image processor crops them."""
    height, width = picture.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[..., top : top + side, left : left + side]


def seen_by_clip(picture: Tensor, *, side: int) -> Tensor:
    """Pictures −1…1 `b c h w` as CLIP's image encoder takes them, `b c side side` (Radford et al. 2021)."""
    small = F.interpolate(picture, (side, side), mode="bicubic", antialias=True, align_corners=False)
    return _normed(small.clamp(-1, 1))


def seen_by_svd(picture: Tensor, *, side: int) -> Tensor:
    """Pictures −1…1 `b c h w` as Stable Video Diffusion's image encoder takes them, `b c side side`.

    Blurred by as much as they are made smaller, along each axis, then resized between the outermost pixels.
    """
    for axis in (3, 2):
        picture = _blurred(picture, factor=picture.shape[axis] / side, axis=axis)
    small = F.interpolate(picture, (side, side), mode="bicubic", align_corners=True)
    return _normed(small)


def _blurred(picture: Tensor, *, factor: float, axis: int) -> Tensor:
    """Pictures `b c h w` under a Gaussian of (factor − 1) / 2 pixels along one axis, two deviations wide."""
    deviation = max((factor - 1) / 2, 0.001)
    taps = int(max(4 * deviation, 3)) // 2
    places = torch.arange(-taps, taps + 1, device=picture.device)
    weights = torch.softmax(-(places.double() ** 2) / (2 * deviation**2), 0).to(picture)
    channels = picture.shape[1]
    kernel = weights.view((1, 1, 1, -1) if axis == 3 else (1, 1, -1, 1)).expand(channels, -1, -1, -1)
    room = (taps, taps, 0, 0) if axis == 3 else (0, 0, taps, taps)
    inside = taps < picture.shape[axis]
    return F.conv2d(F.pad(picture, room, mode="reflect" if inside else "replicate"), kernel, groups=channels)


def _normed(picture: Tensor) -> Tensor:
    """Pictures −1…1 in the units that CLIP was trained in."""
    mean, spread = (picture.new_tensor(values).view(3, 1, 1) for values in (CLIP_MEAN, CLIP_SPREAD))
    return ((picture + 1) / 2 - mean) / spread
