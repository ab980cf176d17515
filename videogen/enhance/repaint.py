"""A change that was drawn small, carried over to the picture it was drawn from.

The network saw the source small, and drew it again. Where its drawing is the source in other colours, the
source's own detail stays, in those colours; where nothing changed, the source stays as it was; what is new is
as sharp as it was drawn. One formula does all three: the change is, around every pixel, a linear function of
the source's colours as far as it can be, and that function is applied to the source itself (He & Sun 2015,
"Fast Guided Filter", in colour).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_REACH = 3
"""Pixels of the drawing to each side, in which the change is one function of the colours."""
_RIDGE = 0.003
"""Variance of colours, −1…1, below which a change is rather the same for all of them."""


def repaint(source: Tensor, *, before: Tensor, after: Tensor) -> Tensor:
    """The source, −1…1 `c H W`, changed as `before` was into `after`, both `c h w` of the same view."""
    change = after - before
    if not bool(change.any()):
        return source
    slope, offset = _fit(before, change)
    rest = change - torch.einsum("oihw,ihw->ohw", slope, before) - offset
    size = source.shape[-2:]
    slopes = _enlarge(slope.flatten(0, 1), size, mode="bilinear").view(*slope.shape[:2], *size)
    new = _enlarge(offset, size, mode="bilinear") + _enlarge(rest, size, mode="bicubic")
    return (source + torch.einsum("oihw,ihw->ohw", slopes, source) + new).clamp(-1, 1)


def _fit(guide: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Slopes `o i h w` and offsets `o h w` of values `o h w` over colours `i h w`, around every pixel."""
    channels = len(guide)
    mean, mean_values = _around(guide), _around(values)
    spread = _around((guide[:, None] * guide).flatten(0, 1)).view(channels, channels, *guide.shape[1:])
    spread = spread - mean[:, None] * mean
    spread = spread + _RIDGE * torch.eye(channels, device=guide.device)[:, :, None, None]
    joint = _around((values[:, None] * guide).flatten(0, 1)).view(len(values), channels, *guide.shape[1:])
    joint = joint - mean_values[:, None] * mean
    solved = torch.linalg.solve(spread.permute(2, 3, 0, 1), joint.permute(2, 3, 1, 0))  # h w i o
    slope = solved.permute(3, 2, 0, 1)
    offset = mean_values - torch.einsum("oihw,ihw->ohw", slope, mean)
    return _around(slope.flatten(0, 1)).view_as(slope), _around(offset)


def _around(values: Tensor) -> Tensor:
    """The mean of values `c h w` around every pixel."""
    size = 2 * _REACH + 1
    return F.avg_pool2d(values[None], size, stride=1, padding=_REACH, count_include_pad=False)[0]


def _enlarge(values: Tensor, size: tuple[int, ...], *, mode: str) -> Tensor:
    """Values `c h w` with the rows and columns of `size`."""
    if values.shape[-2:] == size:
        return values
    return F.interpolate(values[None], tuple(size), mode=mode, align_corners=False)[0]
