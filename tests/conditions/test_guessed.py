"""A picture continued past its rim: nearer to the truth than its repeated edge, and less sure farther out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.moving import ground
from videogen.conditions.guessed import SURELY, guessed
from videogen.conditions.reference import to_picture


def cut(height: int, width: int, *, hidden: int) -> tuple[Tensor, Tensor, Tensor]:
    """A picture, the same with its last columns hidden and its edge repeated there, and what is seen."""
    true = to_picture(ground(height, width))[0]
    seen = torch.ones(height, width)
    seen[:, -hidden:] = 0
    repeated = true.clone()
    repeated[..., -hidden:] = true[..., -hidden - 1 : -hidden]
    return true, repeated, seen


@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 80), (300, 410)])
def test_a_guess_is_nearer_than_the_repeated_edge(height: int, width: int) -> None:
    hidden = width // 12
    true, repeated, seen = cut(height, width, hidden=hidden)
    picture, surely = guessed(repeated, seen)
    assert picture.shape == true.shape
    assert surely.shape == seen.shape
    torch.testing.assert_close(picture[..., :-hidden], true[..., :-hidden])
    off = [(each - true)[..., -hidden:].square().mean() for each in (picture, repeated)]
    assert off[0] < 0.9 * off[1]


def test_it_is_less_sure_farther_out() -> None:
    _, repeated, seen = cut(64, 64, hidden=20)
    surely = guessed(repeated, seen)[1][32]
    assert (surely[:44] == 1).all()
    assert SURELY - 0.1 < float(surely[44]) < SURELY
    assert (surely[44:].diff() < 0).all()
    assert float(surely[-1]) < 0.3


def test_what_is_half_seen_stays_by_half() -> None:
    true, repeated, seen = cut(64, 64, hidden=8)
    plain = guessed(repeated, seen)[0]
    seen[:, -8:] = 0.5
    torch.testing.assert_close(guessed(repeated, seen)[0], torch.lerp(plain, repeated, seen))
    assert not torch.equal(plain, true)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_where_nothing_or_all_is_seen_nothing_changes(level: float) -> None:
    true, _, seen = cut(32, 32, hidden=4)
    picture, surely = guessed(true, torch.full_like(seen, level))
    assert torch.equal(picture, true)
    assert bool((surely == level).all())


def test_flat_pictures_stay_flat() -> None:
    _, _, seen = cut(64, 64, hidden=6)
    flat = torch.full((3, 64, 64), 0.3)
    torch.testing.assert_close(guessed(flat, seen)[0], flat, atol=1e-4, rtol=0)


def test_a_hole_inside_is_filled_from_all_around() -> None:
    true = to_picture(ground(64, 64))[0]
    seen = torch.ones(64, 64)
    seen[28:34, 28:34] = 0
    picture = guessed(torch.where(seen.bool(), true, torch.zeros_like(true)), seen)[0]
    before = F.mse_loss(torch.zeros(3, 6, 6), true[:, 28:34, 28:34])
    assert F.mse_loss(picture[:, 28:34, 28:34], true[:, 28:34, 28:34]) < 0.3 * before
    assert np.isfinite(picture.numpy()).all()
