"""The numbers of a clip, against clips whose numbers are known by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from videogen.continuity import LIMITS, Meter, Numbers, above, in_words

FPS = Fraction(4)


def greys(*levels: float) -> list[np.ndarray]:
    return [np.full((8, 8, 3), level, np.uint8) for level in levels]


def measured(frames: list[np.ndarray], **places: object) -> Numbers:
    meter = Meter(fps=FPS)
    for frame in frames:
        meter.add(frame)
    return meter.numbers(**places)  # type: ignore[arg-type]


def test_a_jump_counts_by_the_usual_change() -> None:
    frames = greys(10, 12, 14, 20, 22, 24)
    assert measured(frames, joins=[3])["boundary"] == 3.0
    assert measured(frames, seams=[3])["seam"] == 3.0
    found = measured(frames, joins=[3, 5])
    assert (found["boundary"], found["boundary_mean"]) == (3.0, 2.0)


def test_on_a_ring_the_last_frame_meets_the_first() -> None:
    frames = greys(10, 12, 14, 16)
    assert measured(frames, ring=True)["seam"] == 3.0
    assert "seam" not in measured(frames)


def test_a_still_clip_has_no_seam_that_rounding_makes() -> None:
    assert measured(greys(10, 10, 10, 10), joins=[2], ring=True) == {
        "seam": 0.0,
        "boundary": 0.0,
        "boundary_mean": 0.0,
        "flicker": 0.0,
    }


def test_places_outside_the_clip_are_passed_over() -> None:
    assert "boundary" not in measured(greys(10, 12), joins=[0, 2, 9])


def test_drift_is_the_change_from_the_first_second_to_the_last_per_second() -> None:
    frames = greys(*range(100, 116))  # four seconds, 4 of 255 in each
    assert measured(frames)["drift"] == pytest.approx(4 / 2.55, abs=1e-4)
    red = [frame.copy() for frame in greys(*[100] * 16)]
    for number, frame in enumerate(red):
        frame[..., 0] += number
    assert measured(red)["drift"] == pytest.approx(4 / 2.55, abs=1e-4)


def test_contrast_that_fades_is_drift_too() -> None:
    def stripes(amount: int) -> np.ndarray:
        frame = np.full((8, 8, 3), 100, np.uint8)
        frame[::2] += amount
        frame[1::2] -= amount
        return frame

    frames = [stripes(20 - number) for number in range(16)]
    assert measured(frames)["drift"] == pytest.approx(4 / 2.55, abs=1e-4)


def test_a_clip_of_less_than_two_seconds_has_no_drift() -> None:
    assert "drift" not in measured(greys(*range(7)))
    assert "drift" in measured(greys(*range(8)))


def test_flicker_is_what_jumps_and_comes_back() -> None:
    assert measured(greys(100, 110, 100, 110, 100))["flicker"] == pytest.approx(10 / 2.55, abs=1e-4)
    assert measured(greys(100, 102, 104, 106))["flicker"] == 0
    moving = greys(0, 0, 0, 0, 0, 0)
    for number, frame in enumerate(moving):
        frame[:, : number + 1] = 255  # an edge that passes, and does not come back
    assert measured(moving)["flicker"] == 0


def test_large_frames_are_looked_at_here_and_there() -> None:
    coarse = [frame.repeat(100, 0).repeat(100, 1) for frame in greys(10, 12, 14, 20)]
    assert measured(coarse, joins=[3])["boundary"] == 3.0


def test_nothing_is_said_of_no_frames() -> None:
    assert measured([]) == {}
    assert measured(greys(3), ring=True, joins=[1]) == {}


def test_numbers_in_words_and_above_their_limits() -> None:
    found = {"seam": 1.62, "drift": 0.5, "flicker": 0.125}
    assert in_words(found) == "seam 1.62, drift 0.50 %/s, flicker 0.12 %"
    assert list(above(found, LIMITS)) == ["seam is 1.62, above its limit of 1.5"]
    assert list(above(found, {"drift": 0.25})) == ["drift is 0.50 %/s, above its limit of 0.25 %/s"]
