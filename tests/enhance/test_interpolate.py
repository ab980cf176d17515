"""The time map of frames in between: exact for any rates, never across a cut, and a few frames at a time."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from videogen.enhance.interpolate import count_at, interpolate
from videogen.types import Frame

RATES = st.sampled_from([Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(50)]) | (
    st.fractions(min_value=Fraction(1, 2), max_value=240, max_denominator=1001)
)
STEP = 4


class Blend:
    """A network whose picture is a mix by the moment, and which notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, float, tuple[float, ...]]] = []

    def __call__(self, first: torch.Tensor, second: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        assert first.shape == second.shape
        assert len(first) == len(time)
        values = (round(float(each[0, 0, 0, 0]) * 255 / STEP, 3) for each in (first, second))
        self.asked.append((*values, tuple(time.tolist())))  # type: ignore[arg-type]
        moment = time[:, None, None, None]
        return first * (1 - moment) + second * moment


def film(count: int, *, cuts: tuple[int, ...] = ()) -> Iterator[tuple[Frame, bool]]:
    """Frame i is of the brightness 4 i everywhere."""
    for number in range(count):
        yield np.full((2, 3, 3), STEP * number, np.uint8), number in cuts


def shown(made: list[tuple[Frame, bool]]) -> list[float]:
    return [float(frame[0, 0, 0]) / STEP for frame, _ in made]


@settings(deadline=None, max_examples=150)
@given(st.integers(1, 60), RATES, RATES, st.data())
def test_every_frame_shows_the_film_at_its_exact_time(
    count: int, source: Fraction, fps: Fraction, data: st.DataObject
) -> None:
    wanted = count_at(count, source_fps=source, fps=fps)
    cuts = tuple(data.draw(st.lists(st.integers(1, max(1, count - 1)), max_size=3)))
    made = list(interpolate(film(count, cuts=cuts), Blend(), source_fps=source, fps=fps))
    assert len(made) == wanted
    assert abs(len(made) / fps - count / source) <= 1 / (2 * fps) or len(made) == 1
    seen = 0
    for number, (place, (frame, is_cut)) in enumerate(zip(shown(made), made, strict=True)):
        time = number * source / fps
        before = floor(time)
        holds = before + 1 in cuts or before == count - 1
        assert place == pytest.approx(before if holds else float(time), abs=0.51 / STEP)
        if time.denominator == 1:
            assert (frame == STEP * before).all()
        assert is_cut == any(seen < cut <= before for cut in cuts)
        seen = before


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 30), RATES, RATES, st.integers(0, 80), st.booleans())
def test_what_is_left_out_costs_nothing_and_changes_nothing(
    count: int, source: Fraction, fps: Fraction, begin: int, ring: bool
) -> None:
    rates: Any = {"source_fps": source, "fps": fps, "ring": ring}
    first, second = Blend(), Blend()
    whole = list(interpolate(film(count), first, **rates))
    rest = list(interpolate(film(count), second, begin=begin, **rates))
    assert [frame.tobytes() for frame, _ in rest] == [frame.tobytes() for frame, _ in whole[begin:]]
    assert second.asked == first.asked[len(first.asked) - len(second.asked) :]
    if begin >= len(whole) + fps / source + 1:
        assert not second.asked


@pytest.mark.parametrize("factor", range(2, 9))
def test_a_factor_gives_so_many_times_as_many_frames(factor: int) -> None:
    rate = Fraction(24000, 1001)
    network = Blend()
    made = list(interpolate(film(5), network, source_fps=rate, fps=factor * rate))
    assert len(made) == 5 * factor
    assert [frame.tobytes() for frame, _ in made[::factor]] == [frame.tobytes() for frame, _ in film(5)]
    assert len(network.asked) == 4  # the moments between one pair go together
    np.testing.assert_allclose(network.asked[2][2], np.arange(1, factor) / factor, rtol=1e-6)


def test_no_network_sees_two_shots_or_a_film_that_stands_still() -> None:
    network = Blend()
    made = list(interpolate(film(6, cuts=(2, 3)), network, source_fps=Fraction(8), fps=Fraction(24)))
    assert {pair[:2] for pair in network.asked} == {(0.0, 1.0), (3.0, 4.0), (4.0, 5.0)}
    assert shown(made)[3:10] == [1, 1, 1, 2, 2, 2, 3]
    assert [number for number, (_, is_cut) in enumerate(made) if is_cut] == [6, 9]
    network.asked.clear()
    still = [(np.full((2, 3, 3), 7, np.uint8), False)] * 4
    assert len(list(interpolate(still, network, source_fps=Fraction(1), fps=Fraction(3)))) == 12
    assert not network.asked


def test_a_cut_that_falls_between_frames_of_a_slower_film_is_still_marked() -> None:
    made = list(interpolate(film(20, cuts=(6,)), Blend(), source_fps=Fraction(60), fps=Fraction(24)))
    assert shown(made)[:4] == pytest.approx([0, 2.5, 5, 7.5], abs=0.13)
    assert [number for number, (_, is_cut) in enumerate(made) if is_cut] == [3]


def test_on_a_ring_the_first_frame_comes_after_the_last() -> None:
    network = Blend()
    made = list(interpolate(film(3), network, source_fps=Fraction(1), fps=Fraction(2), ring=True))
    assert shown(made) == [0, 0.5, 1, 1.5, 2, 1]
    assert network.asked[-1][:2] == (2.0, 0.0)


def test_a_film_without_end_passes_with_a_few_frames_in_memory() -> None:
    pulled = [0]

    def endless() -> Iterator[tuple[Frame, bool]]:
        while True:
            pulled[0] += 1
            yield np.full((2, 3, 3), pulled[0] % 50, np.uint8), False

    made = interpolate(endless(), Blend(), source_fps=Fraction(25), fps=Fraction(60))
    for number in range(1, 200):
        next(made)
        assert pulled[0] <= number * 25 / 60 + 3
    assert next(interpolate(iter([]), Blend(), source_fps=Fraction(1), fps=Fraction(2)), None) is None


def test_frames_too_large_to_go_together_go_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = list(interpolate(film(3), Blend(), source_fps=Fraction(1), fps=Fraction(5)))
    monkeypatch.setattr("videogen.enhance.interpolate._PIXELS_AT_ONCE", 6)
    network = Blend()
    made = list(interpolate(film(3), network, source_fps=Fraction(1), fps=Fraction(5)))
    assert {len(asked[2]) for asked in network.asked} == {1}
    assert [frame.tobytes() for frame, _ in made] == [frame.tobytes() for frame, _ in plain]


def test_rates_that_are_none_are_refused() -> None:
    for source, fps in ((0, 1), (1, 0), (1, -1)):
        with pytest.raises(ValueError, match="rates of"):
            next(interpolate(film(2), Blend(), source_fps=Fraction(source), fps=Fraction(fps)))
