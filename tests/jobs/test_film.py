"""Films that are long in the making: stopped at any moment they go on, and end like one that was not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import videogen as vg
from tests.bettering import Blend, without_weights
from tests.jobs.test_interpolate import RATE, film
from videogen.jobs.film import kept_film
from videogen.jobs.job_folder import JobFolder
from videogen.media.video import write_video
from videogen.types import Frame

REQUESTS = pytest.mark.parametrize(
    "request_",
    [
        vg.Interpolate("film.mp4", factor=3),
        vg.Interpolate("film.mp4", fps="60000/1001", scale=2),
        vg.Upscale("film.mp4", height=50),
        vg.Upscale("film.mp4", reference="sharp.png"),
    ],
    ids=["smooth", "both", "large", "reference"],
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with a film; every frame is kept by itself."""
    from videogen.media.image import write_image

    monkeypatch.chdir(tmp_path)
    without_weights(monkeypatch)
    monkeypatch.setattr("videogen.jobs.film.SECONDS", 0.0)
    write_video("film.mp4", iter(film()), fps=RATE)
    write_image(Path("sharp.png"), film()[0])
    return tmp_path


def kept() -> list[str]:
    return sorted(path.name for path in Path("job/frames").iterdir())


@REQUESTS
@pytest.mark.parametrize("after", [0, 1, 7, 11])
def test_a_film_that_was_stopped_goes_on(request_: Any, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    record = vg.render(request_, "whole.mp4")
    seen = [0]

    def stop(stage: str, done: int, total: int | None) -> None:
        seen[0] += stage == "frames"
        if seen[0] > after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vg.render(request_, "film-2.mp4", job="job", progress=stop)
    assert not Path("film-2.mp4").exists()
    assert len(kept()) >= after
    before, Blend.calls = Blend.calls, 0
    path, resumed = vg.resume("job")
    assert path.read_bytes() == Path("whole.mp4").read_bytes()
    assert resumed == record
    if after == 11 and request_.job == "interpolate":
        assert Blend.calls < before
    Blend.calls = 0
    vg.resume("job")
    assert path.read_bytes() == Path("whole.mp4").read_bytes()
    assert Blend.calls <= 2


def test_what_is_torn_or_altered_is_made_again_with_all_that_follows(
    caplog: pytest.LogCaptureFixture,
) -> None:
    request = vg.Interpolate("film.mp4")
    vg.render(request, "whole.mp4", job="job")
    whole, names = Path("whole.mp4").read_bytes(), kept()
    assert len(names) == 24
    for number in (0, 9, 23):
        path = Path("job/frames") / names[number]
        content = path.read_bytes()
        for wrong in (
            b"",
            content[: len(content) // 2],
            content[:-40] + bytes([content[-40] ^ 1]) + content[-39:],
        ):
            path.write_bytes(wrong)
            caplog.clear()
            vg.resume("job")
            assert "torn or was altered" in caplog.text
            assert (Path("whole.mp4").read_bytes(), kept()) == (whole, names)


def test_stretches_are_closed_by_size_and_by_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    frames = film()
    made: list[int] = []

    def make(begin: int) -> Iterator[Frame]:
        made.append(begin)
        return iter(frames[begin:])

    def stretches(name: str, **limits: float) -> list[str]:
        place = tmp_path / name
        (place / "frames").mkdir(parents=True)
        for limit, value in limits.items():
            monkeypatch.setattr(f"videogen.jobs.film.{limit}", value)
        folder = JobFolder(place, {"attempts": 0})
        for _ in range(2):
            np.testing.assert_array_equal(np.stack(list(kept_film(folder, make))), frames)
        return sorted(path.name[5:13] for path in (place / "frames").iterdir())

    assert stretches("by-size", SECONDS=1e9, BYTES=5 * frames[0].nbytes) == [
        "00000000",
        "00000005",
        "00000010",
    ]
    assert stretches("by-time", SECONDS=0.0, BYTES=2**26)[:3] == ["00000000", "00000001", "00000002"]
    assert stretches("whole", SECONDS=1e9, BYTES=2**26) == ["00000000"]
    assert made == [0, 12] * 3


SCRIPT = """
import sys, time
import pytest
from tests.bettering import Blend, without_weights
patch = pytest.MonkeyPatch()
without_weights(patch)
patch.setattr("videogen.jobs.film.SECONDS", 0.0)
forward = Blend.forward
def slowly(self, *given):
    time.sleep(0.04)
    return forward(self, *given)
Blend.forward = slowly
import videogen as vg
print("begun", flush=True)
vg.render(vg.Interpolate("film.mp4", factor=3), "out.mp4", job="job")
"""


def test_a_process_killed_at_any_moment_leaves_a_job_that_goes_on(tmp_path: Path) -> None:
    vg.render(vg.Interpolate("film.mp4", factor=3), "whole.mp4")
    root = Path(__file__).parents[2]
    dice = random.Random(0)
    for _ in range(4):
        environment = {**os.environ, "PYTHONPATH": str(root)}
        with subprocess.Popen(
            [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, env=environment, cwd=tmp_path
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(dice.uniform(0.05, 0.6))
            process.send_signal(signal.SIGKILL)
        assert not Path("out.mp4").exists() or process.returncode == 0
    path, _ = vg.resume("job", again=True)
    assert path.read_bytes() == Path("whole.mp4").read_bytes()
    assert not [each for each in tmp_path.iterdir() if each.name.startswith(".")]
