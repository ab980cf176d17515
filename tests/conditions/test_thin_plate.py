import numpy as np
import pytest
import torch
from scipy.interpolate import RBFInterpolator

from videogen.conditions.thin_plate import thin_plate_spline


def scattered(rows: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    centres, queries = (torch.rand(rows, n, 2, generator=generator, dtype=torch.float64) for n in (40, 200))
    return centres, torch.randn(rows, 40, 2, generator=generator, dtype=torch.float64), queries


@pytest.mark.parametrize("smoothing", [0.0, 0.01])
def test_the_spline_equals_scipys(smoothing: float) -> None:
    centres, values, queries = scattered(3)
    ours = thin_plate_spline(centres, values, queries, smoothing=smoothing)
    for row in range(3):
        theirs = RBFInterpolator(
            centres[row], values[row], kernel="thin_plate_spline", degree=1, smoothing=smoothing
        )(queries[row])
        np.testing.assert_allclose(ours[row], theirs, atol=1e-8)


def test_points_that_are_left_out_do_not_matter() -> None:
    centres, values, queries = scattered(2)
    valid = torch.ones(2, 40, dtype=torch.bool)
    valid[:, 30:] = False
    values[:, 30:] = 1e3
    ours = thin_plate_spline(centres, values, queries, smoothing=0.01, valid=valid)
    fewer = thin_plate_spline(centres[:, :30], values[:, :30], queries, smoothing=0.01)
    torch.testing.assert_close(ours, fewer)


def test_without_smoothing_single_precision_goes_through_every_point() -> None:
    centres, values, _ = scattered(2)
    there = thin_plate_spline(centres.float(), values.float(), centres.float(), smoothing=0.0)
    torch.testing.assert_close(there, values.float(), atol=2e-3, rtol=0)
