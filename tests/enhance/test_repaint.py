"""Carrying a small drawing's change over to the large picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from videogen.enhance.repaint import repaint

RED, BLUE, GREEN = ((1.0, -1.0, -1.0), (-1.0, -1.0, 1.0), (-0.6, 0.4, -0.6))


def disc(colour: tuple[float, ...], *, size: int, x: float = 0.5) -> Tensor:
    """A disc of one colour on green, `3 size size`."""
    axis = (torch.arange(size) + 0.5) / size
    inside = torch.hypot(axis[None] - x, axis[:, None] - 0.5) < 0.25
    return torch.where(inside, torch.tensor(colour)[:, None, None], torch.tensor(GREEN)[:, None, None])


def small(picture: Tensor) -> Tensor:
    return F.interpolate(picture[None], (32, 32), mode="area")[0]


def test_what_was_drawn_as_it_was_stays_bit_for_bit() -> None:
    source = torch.rand(3, 77, 91) * 2 - 1
    drawn = torch.rand(3, 32, 32) * 2 - 1
    assert torch.equal(repaint(source, before=drawn, after=drawn.clone()), source)


def test_another_colour_comes_with_the_source_s_own_sharp_edge() -> None:
    source, wanted = disc(RED, size=256), disc(BLUE, size=256)
    made = repaint(source, before=small(source), after=small(wanted))
    enlarged = F.interpolate(small(wanted)[None], (256, 256), mode="bicubic")[0].clamp(-1, 1)
    assert (made - wanted).abs().mean() < 0.5 * (enlarged - wanted).abs().mean()


def test_far_from_a_change_nothing_changes() -> None:
    source = disc(RED, size=256)
    made = repaint(source, before=small(source), after=small(disc(BLUE, size=256)))
    torch.testing.assert_close(made[:, :20], source[:, :20], atol=1e-4, rtol=0)


def test_what_has_moved_is_as_it_was_drawn_and_leaves_no_ghost() -> None:
    source, wanted = disc(RED, size=256, x=0.3), disc(RED, size=256, x=0.7)
    made = repaint(source, before=small(source), after=small(wanted))
    assert (made - wanted).abs().mean() < 0.06


def test_at_the_drawing_s_own_size_the_change_is_added() -> None:
    before, after = small(disc(RED, size=256)), small(disc(BLUE, size=256))
    torch.testing.assert_close(repaint(before, before=before, after=after), after, atol=1e-4, rtol=0)
