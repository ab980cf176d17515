"""The dimension key and the few values that every part of videogen passes around.

`b` clip in batch, `c` channel, `t` frame, `h` `w` pixel or latent row and column, `l` text token,
`d` width, `k` keypoint; always in this order. Networks see `b c t h w`, files see `t h w c`. `t` is
never a noise level: that is `timestep` (a scheduler's index) or `sigma`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

Frames: TypeAlias = NDArray[np.uint8]
"""RGB pictures, 0…255, `t h w c`."""

Frame: TypeAlias = NDArray[np.uint8]
"""One RGB picture, 0…255, `h w c`."""

Video: TypeAlias = torch.Tensor
"""Float pictures, −1…1, `b c t h w`."""

Latents: TypeAlias = torch.Tensor
"""What the U-Net denoises, about unit variance, `b c t h w`."""


class Denoiser(Protocol):
    """The one interface of sampling: noisy latents in, the model's prediction out.

    `latents` is `b c t h w`; `timestep` a scalar tensor (the scheduler's value for this step);
    `frames` is `b t`, int64: the numbers, within the whole clip, of the frames in each row.
    The prediction has the shape of `latents`. Only the innermost denoiser reads `frames`.
    """

    def __call__(self, latents: Latents, timestep: torch.Tensor, frames: torch.Tensor) -> Latents: ...


@dataclass(frozen=True)
class Pose:
    """Keypoints of one person over time, as data.

    `points` is float32 `t k 3`: x and y as fractions of the picture's width and height (0…1, y down),
    and a confidence 0…1, zero where a point is absent. `k` follows `skeleton.KEYPOINTS`.
    `fps` is None where the source does not say. `aspect` is width over height of the picture that the
    fractions refer to, None where the source does not say.
    """

    points: NDArray[np.float32]
    fps: Fraction | None = None
    aspect: float | None = None
