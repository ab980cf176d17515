"""Thin-plate splines, batched, in torch: scattered displacements in, a smooth field out.

The same mathematics as `scipy.interpolate.RBFInterpolator(kernel="thin_plate_spline", degree=1)`, for
many frames at once, on any device, and with control points that can be switched off one by one.
"""

from __future__ import annotations

import torch
from torch import Tensor


def thin_plate_spline(
    centres: Tensor, values: Tensor, queries: Tensor, *, smoothing: float, valid: Tensor | None = None
) -> Tensor:
    """Interpolate `values` given at `centres` with the surface of least bending energy (Duchon 1977).

    `centres` is `n m 2`, `values` `n m d`, `queries` `n q 2`, `valid` `n m` (false = leave the point
    out). `smoothing` ≥ 0 trades closeness for smoothness; 0 goes through every point. Returns `n q d`
    in the dtype of `queries`.
    """
    rows, points, _ = centres.shape
    # Only the solve is ill-conditioned, so only it pays for double precision (which mps lacks).
    exact = torch.float32 if centres.device.type == "mps" else torch.float64
    here = centres.to(exact)
    kept = torch.ones_like(here[..., 0]) if valid is None else valid.to(exact)
    origin = (here * kept[..., None]).sum(1, keepdim=True) / kept.sum(1)[:, None, None].clamp_min(1)
    here = (here - origin) * kept[..., None]
    kernel = _kernel(here, here) * kept[:, :, None] * kept[:, None, :]
    # A point that is left out keeps a lone 1 on the diagonal, which makes its weight zero.
    kernel = kernel + torch.diag_embed(smoothing * kept + (1 - kept))
    plane = torch.cat([torch.ones_like(here[..., :1]), here], -1) * kept[..., None]
    system = here.new_zeros(rows, points + 3, points + 3)
    system[:, :points, :points] = kernel
    system[:, :points, points:] = plane
    system[:, points:, :points] = plane.mT
    # Too few points, or points on one line, leave the plane open: then it lies flat.
    system[:, points:, points:] = -1e-9 * torch.eye(3, device=here.device, dtype=exact)
    right = here.new_zeros(rows, points + 3, values.shape[-1])
    right[:, :points] = values.to(exact) * kept[..., None]
    weights = torch.linalg.solve(system, right).to(queries.dtype)
    there = queries - origin.to(queries.dtype)
    bent: Tensor = torch.bmm(_kernel(there, here.to(queries.dtype)), weights[:, :points])
    flat: Tensor = weights[:, points : points + 1] + there @ weights[:, points + 1 :]
    return bent.add(flat)


def _kernel(first: Tensor, second: Tensor) -> Tensor:
    """r² log r between points `n q 2` and `n m 2`, `n q m`."""
    dx = first[:, :, None, 0] - second[:, None, :, 0]
    dy = first[:, :, None, 1] - second[:, None, :, 1]
    square = dx.square_().add_(dy.square_())
    return square.clamp_min(1e-30).log_().mul_(square).mul_(0.5)
