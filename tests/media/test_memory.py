"""Memory does not grow with a film: ten minutes take what ten seconds take."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import resource, sys
from fractions import Fraction
import numpy as np
from videogen.media.video import read_video, write_video

seconds, source, target = int(sys.argv[1]), sys.argv[2], sys.argv[3]
still = np.random.default_rng(0).integers(0, 255, (360, 640, 3), np.uint8)
def film():
    for number in range(12 * seconds):
        frame = still.copy()
        frame[:, number % 600 : number % 600 + 40] = number % 255
        yield frame
write_video(source, film(), fps=Fraction(12))
with read_video(source, decoded_ahead=4) as video:
    assert write_video(target, video, fps=Fraction(12)) == 12 * seconds
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def peak(folder: Path, seconds: int, target: str) -> float:
    """The most memory that a process took for writing, reading and writing a film, in MB."""
    arguments = [sys.executable, "-c", PROGRAM, str(seconds), str(folder / "a.mp4"), str(folder / target)]
    return float(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout)


@pytest.mark.slow
def test_ten_minutes_take_no_more_memory_than_ten_seconds(folder: Path) -> None:
    assert peak(folder, 600, "b.mp4") - peak(folder, 10, "b.mp4") < 100
