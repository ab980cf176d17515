"""A long clip piece by piece: every frame is made once, from frames that are known by then."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from videogen.errors import RequestError
from videogen.sampling.pieces import Colours, plan_pieces


@given(st.data())
def test_every_frame_is_made_once_and_knows_its_neighbours(data: st.DataObject) -> None:
    window = data.draw(st.integers(2, 24))
    context = data.draw(st.integers(1, window - 1))
    length = data.draw(st.integers(1, 120))
    start = data.draw(st.integers(0, length - 1))
    known = range(start, data.draw(st.integers(start, length)))
    pieces = plan_pieces(length, window=window, context=context, known=known)
    there = set(known)
    for piece in pieces:
        assert 0 <= piece.start < piece.stop <= length
        assert piece.stop - piece.start <= window
        made = set(piece.made)
        assert made
        assert not made & there
        assert set(piece.known) <= there
        assert made | set(piece.known) == set(range(piece.start, piece.stop))
        if there:
            assert len(piece.known) >= min(context, len(there))
        there |= made
    assert there == set(range(length))


def test_no_piece_is_shorter_than_the_window_where_there_is_more_to_know() -> None:
    sizes = [piece.stop - piece.start for piece in plan_pieces(37, window=16, context=8)]
    assert sizes == [16, 16, 16, 16]
    both = plan_pieces(48, window=16, context=8, known=range(20, 40))
    assert [(piece.start, piece.stop, piece.known) for piece in both] == [
        (32, 48, range(32, 40)), (12, 28, range(20, 28)), (4, 20, range(12, 20)), (0, 16, range(4, 16)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("length", "window", "context", "known"),
    [(8, 4, 4, range(0)), (8, 4, 0, range(0)), (8, 4, 2, range(5, 9))],
)
def test_what_cannot_be_is_refused(length: int, window: int, context: int, known: range) -> None:
    with pytest.raises(RequestError):
        plan_pieces(length, window=window, context=context, known=known)


def test_colours_are_held_as_strongly_as_asked() -> None:
    first, later = torch.randn(1, 3, 5, 4, 4), torch.randn(1, 3, 5, 4, 4) * 2 + 0.7
    colours = Colours.of(first)
    assert torch.equal(colours.hold(later, strength=0), later)
    held = Colours.of(colours.hold(later, strength=1))
    assert torch.allclose(held.mean, colours.mean, atol=1e-5)
    assert torch.allclose(held.deviation, colours.deviation, atol=1e-5)
    half = Colours.of(colours.hold(later, strength=0.5)).mean
    assert torch.allclose(half, (colours.mean + Colours.of(later).mean) / 2, atol=1e-5)
