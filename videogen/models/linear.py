"""Linear layers and convolutions of the U-Net as the matrix products that a processor does best.

Same parameters and names as torch's own layers, same results to rounding. On a CPU, and where nothing is
learnt, products go to oneDNN with their bias: torch's own choice for float32 (MKL) runs at half the speed on
processors that are not Intel's, and its bfloat16 writes the bias first, in a pass of its own. Elsewhere these
are torch's layers.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


@cache
def multiplies(kind: torch.dtype) -> bool:
    """Whether oneDNN multiplies such numbers on this processor; bfloat16 wants AVX-512 or alike."""
    if kind == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return kind == torch.float32


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`F.linear`: `… i`, weight `o i` and bias `o` to `… o`."""
    if _is_for_onednn(x, weight):
        out: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
        return out
    return F.linear(x, weight, bias)


def _is_for_onednn(x: Tensor, weight: Tensor) -> bool:
    """Whether oneDNN may compute this product: numbers that it knows, on a CPU, and nothing to learn."""
    return (
        _ONEDNN
        and x.device.type == "cpu"
        and not torch.compiler.is_compiling()
        and x.dtype == weight.dtype
        and multiplies(x.dtype)
        and not (torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad))
        and not torch.is_autocast_enabled("cpu")
    )


class Linear(nn.Linear):
    """A linear layer by `linear`."""

    def forward(self, x: Tensor) -> Tensor:
        """`… i` → `… o`."""
        return linear(x, self.weight, self.bias)


class PointConv2d(nn.Conv2d):
    """A 1x1 convolution; in channels-last memory it is a product of the places with a matrix."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`n c h w` → `n c' h w`, channels-last."""
        places = x.permute(0, 2, 3, 1).contiguous()
        return linear(places, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


class Conv2d(nn.Conv2d):
    """A 3x3 convolution with a margin of one.

    oneDNN brings the weights into its own order at every call, which on small maps takes longer than the
    convolution. There neighbours are gathered, and multiplied with the weights as they lie.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1) -> None:
        super().__init__(in_channels, out_channels, 3, stride=stride, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """`n c h w` → `n c' h w`, or with a stride `h/s w/s`, rounded up."""
        step = self.stride[0]
        n, (h, w) = len(x), (-(-side // step) for side in x.shape[-2:])
        if n * h * w >= self.out_channels or not _is_for_onednn(x, self.weight):
            return super().forward(x)
        framed = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))  # n h w c
        shifts = [(down, right) for down in range(3) for right in range(3)]
        around = torch.cat(
            [
                framed[:, i : i + step * (h - 1) + 1 : step, j : j + step * (w - 1) + 1 : step]
                for i, j in shifts
            ],
            -1,
        )
        weight = self.weight.permute(0, 2, 3, 1).flatten(1)  # o (kh kw i), no copy in channels-last memory
        return linear(around, weight, self.bias).permute(0, 3, 1, 2)
