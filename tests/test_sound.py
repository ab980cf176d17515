"""Layouts of sound as data: which parts, where, and how they fade."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videogen.sound import FADE, Part, Sound, in_step, joined, repeated

A, B = Path("a.mp4"), Path("b.mp4")
Times = st.fractions(min_value=0, max_value=20, max_denominator=1001)


def test_one_file_from_its_beginning_is_the_simple_case() -> None:
    assert Sound.of("a.mp4", asked=True) == Sound((Part(A),), asked=True)


def test_a_video_s_own_sound_is_faded_only_where_it_is_cut() -> None:
    one, two = Fraction(1), Fraction(2)
    assert in_step(A, at=Fraction(0), length=two, total=two) == (Part(A, length=two),)
    assert in_step(A, at=one, length=two, total=Fraction(4)) == (
        Part(A, at=one, length=two, fade_in=FADE, fade_out=FADE),
    )
    assert in_step(A, at=Fraction(0), length=two, total=Fraction(3)) == (Part(A, length=two, fade_out=FADE),)


@given(at=Times, total=Times, begin=Times, length=Times)
def test_repeated_sound_fills_the_clip_and_is_in_step_with_its_own_pictures(
    at: Fraction, total: Fraction, begin: Fraction, length: Fraction
) -> None:
    length, total = length + Fraction(1, 10), total + Fraction(1, 10)
    parts = repeated(A, at=at, total=total, span=(begin, begin + length))
    ends = [part.at + (part.length or 0) for part in parts]
    assert (parts[0].at, ends[-1]) == (0, total)
    for (before, after), end in zip(pairwise(parts), ends[:-1], strict=True):
        overlap = end - after.at
        assert overlap == min(FADE, length / 2)
        assert before.fade_out == after.fade_in == overlap
    period = length - min(FADE, length / 2)
    assert all((part.at - at - part.start) % period == 0 for part in parts)


def test_two_videos_overlap_over_what_is_between_them() -> None:
    first, second = joined(A, B, first_length=Fraction(2), second_at=Fraction(3), second_length=Fraction(4))
    assert first == Part(A, length=Fraction(3), fade_out=Fraction(1))
    assert second == Part(B, start=Fraction(-1), at=Fraction(2), length=Fraction(5), fade_in=Fraction(1))
    assert joined(None, B, first_length=Fraction(2), second_at=Fraction(3), second_length=Fraction(4)) == (
        second,
    )


@pytest.mark.parametrize(
    "times",
    [{"at": Fraction(-1)}, {"fade_in": Fraction(-1)}, {"fade_out": Fraction(1)}, {"length": Fraction(0)}],
)
def test_times_that_no_clip_has_are_refused(times: dict[str, Fraction]) -> None:
    with pytest.raises(ValueError, match=r"part"):
        Part(A, **times)
