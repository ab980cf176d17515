"""Timing: pictures with times become pictures at a constant rate."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videogen.errors import MediaError
from videogen.media.info import TimedFrame, VideoInfo, constant_rate


def timed(times: list[Fraction], *, last: Fraction | None = None) -> list[TimedFrame]:
    return [
        TimedFrame(np.full((1, 1, 3), index, np.uint8), time=time, duration=last)
        for index, time in enumerate(times)
    ]


def deliver(pictures: list[TimedFrame], *, fps: Fraction, limit: int = 1000) -> list[int]:
    return [int(frame[0, 0, 0]) for frame in constant_rate(pictures, fps=fps, path="a.mp4", limit=limit)]


@settings(deadline=None, max_examples=30)
@given(
    count=st.integers(1, 60),
    fps=st.sampled_from(
        [Fraction(30000, 1001), Fraction(25), Fraction(8), Fraction(24000, 1001), Fraction(60)]
    ),
    start=st.fractions(0, 100),
    jitter=st.lists(st.fractions(Fraction(-1, 500), Fraction(1, 500)), min_size=60, max_size=60),
)
def test_a_constant_rate_passes_one_to_one_despite_rounded_times(
    count: int, fps: Fraction, start: Fraction, jitter: list[Fraction]
) -> None:
    times = [start + index / fps + jitter[index] for index in range(count)]
    assert deliver(timed(times), fps=fps) == list(range(count))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.fractions(0, 5), min_size=1, max_size=40, unique=True))
def test_each_moment_shows_the_picture_of_that_moment(times: list[Fraction]) -> None:
    times = sorted(times)
    fps = Fraction(10)
    delivered = deliver(timed(times), fps=fps)
    assert len(delivered) >= round((times[-1] - times[0]) * fps)
    assert delivered == sorted(delivered)
    for number, shown in enumerate(delivered):
        moment = times[0] + number / fps
        # Within half a frame of the moment the shown picture had begun, and the next had not ended it before.
        assert times[shown] <= moment + 1 / (2 * fps)
        if shown + 1 < len(times):
            assert times[shown + 1] >= moment - 1 / (2 * fps)


def test_the_last_picture_stays_for_its_duration() -> None:
    pictures = timed([Fraction(0), Fraction(1, 10)], last=Fraction(1, 2))
    assert deliver(pictures, fps=Fraction(10)) == [0, 1, 1, 1, 1, 1]


def test_a_gap_beyond_the_limit_is_refused_before_it_is_filled() -> None:
    with pytest.raises(MediaError, match="at most 1000"):
        deliver(timed([Fraction(0), Fraction(10**12)]), fps=Fraction(30))


def test_no_picture_gives_no_picture() -> None:
    assert deliver([], fps=Fraction(10)) == []


def test_duration_is_exact() -> None:
    info = VideoInfo(width=64, height=64, fps=Fraction(30000, 1001), num_frames=30)
    assert info.duration == Fraction(1001, 1000)
