"""A sharp picture for every frame: the carried photograph where it can be seen, the network elsewhere.

The network draws small and knows what is new: what was hidden, an opened mouth, the ground behind an arm.
The photograph, carried along the motion field at full size, knows every hair. They are blended by
visibility; where they meet, the network's part takes its overall colour from the photograph.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def enlarged(drawn: Tensor, size: tuple[int, ...]) -> Tensor:
    """What the network drew, −1…1 `c h w`, with as many rows and columns as `size`."""
    if drawn.shape[-2:] == size[:2]:
        return drawn.clamp(-1, 1)
    large = F.interpolate(drawn[None], tuple(size[:2]), mode="bicubic", align_corners=False)
    return large[0].clamp(-1, 1)


def restore_detail(drawn: Tensor, carried: Tensor, visibility: Tensor) -> Tensor:
    """Blend what the network drew, `c h w`, with the carried picture, `c H W`, by `visibility`, 0…1 `H W`.

    Both pictures −1…1, covering the same field of view. Returns `c H W`.
    """
    seen = visibility[None]
    large = enlarged(drawn, carried.shape[-2:])
    large = (large + _colour_gap(carried - large, seen)).clamp(-1, 1)
    return torch.lerp(large, carried, seen)


def surely_seen(visibility: Tensor) -> Tensor:
    """Visibility `h w` drawn in by a sixty-fourth of the picture and made steeper: half-seen is not seen.

    Beside a limb the carried picture still shows what has moved away, as a ghost. A turning head bends as a
    whole and needs no such care.
    """
    reach = min(visibility.shape) // 64
    drawn_in = -F.max_pool2d(-visibility[None, None], 2 * reach + 1, stride=1, padding=reach)[0, 0]
    return ((drawn_in - 0.4) / 0.5).clamp(0, 1)


def _colour_gap(difference: Tensor, seen: Tensor) -> Tensor:
    """How the photograph's colours differ from the drawn ones nearby, as far as it is seen, `c H W`.

    A wide blur of the difference, normalised by the blur of where it is known; nothing where all is hidden.
    """
    kernel = max(3, min(seen.shape[-2:]) // 24 * 2 + 1)
    known = torch.cat([difference * seen, seen])[None]
    small = F.avg_pool2d(
        known, kernel, stride=max(1, kernel // 4), padding=kernel // 2, count_include_pad=False
    )
    gap = small[:, :-1] / (small[:, -1:] + 0.05)
    return F.interpolate(gap, seen.shape[-2:], mode="bilinear", align_corners=False)[0]
