"""A video that a job goes on from: its length, and its ends, each of one shot."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from videogen.conditions.reference import Canvas
from videogen.jobs.given import GivenVideo
from videogen.media.video import write_video
from videogen.types import Frame


def shot(number: int, count: int) -> list[Frame]:
    """Frames of a picture of its own, 64 x 96, that moves to the left."""
    rng = np.random.default_rng(number)
    wall = rng.integers(0, 256, (8, 12 + count, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    return [np.ascontiguousarray(wall[:, 2 * at : 2 * at + 96]) for at in range(count)]


def read(path: Path) -> GivenVideo:
    canvas = Canvas.fit(64, 96, side=64, multiple=16)
    return GivenVideo._read(path, fps=Fraction(8), size=(64, 96), canvas=canvas)


@pytest.mark.parametrize("lengths", [(40,), (7, 11), (20, 5, 24)])
def test_ends_are_of_the_first_and_of_the_last_shot_alone(tmp_path: Path, lengths: Sequence[int]) -> None:
    shots = [shot(number, count) for number, count in enumerate(lengths)]
    write_video(tmp_path / "film", [frame for each in shots for frame in each], fps=Fraction(8))
    given = read(tmp_path / "film")
    assert given.count == sum(lengths)
    assert np.array_equal(given.first, np.stack(shots[0][:16]))
    assert np.array_equal(given.last, np.stack(shots[-1][-16:]))
    assert sum(1 for _ in given.frames()) == sum(lengths)
