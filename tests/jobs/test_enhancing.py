"""Films of any length through both networks: their memory, and what lies between two shots of real ones."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import videogen as vg
from tests.bettering import Blend, without_weights
from tests.enhance.test_cuts import MEDIA, beginnings, draw_real_shots
from videogen.bench.upscaling import resize
from videogen.media.video import read_video, write_video
from videogen.types import Frame

PROGRAM = """
import resource, sys
import videogen as vg
from videogen.enhancer import Enhancer
from videogen.models.interpolator import Interpolator, InterpolatorConfig
from videogen.models.upscaler import Upscaler, UpscalerConfig

def tiny(enhancer):
    sizes = InterpolatorConfig(features=(4, 4, 4, 4), estimators=(4, 4, 4, 4), memory=4, most_levels=3)
    enhancer._between = enhancer._in_precision(Interpolator(sizes).eval())
    enhancer._larger = Upscaler(UpscalerConfig(frames=1, width=4, inner=4, blocks=1)).eval()
    enhancer.hashes = {}
Enhancer._load = tiny
vg.render(vg.Interpolate(sys.argv[1], factor=2, scale=2), sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def film(seconds: int) -> Iterator[Frame]:
    """Colours that are mirrored now and then, and a bar that moves through them, at 4 frames a second."""
    few = np.random.default_rng(0).integers(0, 255, (9, 16, 3), np.uint8)
    still = resize(few, 640, 360, Image.Resampling.BICUBIC)
    for number in range(4 * seconds):
        frame = (still if number % 10 else still[::-1]).copy()
        frame[:, number % 600 : number % 600 + 40] = number % 255
        yield frame


def peak(folder: Path, seconds: int) -> float:
    """The most memory in MB that a process took for a film of 640x360, twice as smooth and as large."""
    source, target = (folder / f"{kind}-{seconds}.mp4" for kind in ("source", "target"))
    write_video(source, film(seconds), fps=Fraction(4))
    arguments = [sys.executable, "-c", PROGRAM, str(source), str(target)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


@pytest.mark.slow
def test_ten_minutes_take_no_more_memory_than_ten_seconds(tmp_path: Path) -> None:
    short, long = peak(tmp_path, 10), peak(tmp_path, 600)
    logging.getLogger(__name__).info("ten seconds take %.0f MB, ten minutes %.0f MB", short, long)
    assert long - short < 100


@pytest.mark.skipif(not MEDIA.is_dir(), reason="there are no real clips here")
def test_nothing_between_the_frames_of_real_shots_mixes_two_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_weights(monkeypatch)
    shots = draw_real_shots(0)
    frames = [frame for shot in shots for frame in shot]
    write_video(tmp_path / "film", frames, fps=8)
    vg.render(vg.Interpolate(tmp_path / "film", factor=3), tmp_path / "smooth")
    assert Blend.calls > 100
    with read_video(tmp_path / "smooth") as video:
        made = list(video)
    assert len(made) == 3 * len(frames)
    assert all(np.array_equal(made[3 * number], frame) for number, frame in enumerate(frames))
    for first in beginnings(shots):
        for between in made[3 * first - 2 : 3 * first]:
            assert np.array_equal(between, frames[first - 1])
