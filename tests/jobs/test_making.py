"""Clips that a model made are finished in one place, whatever the job: more frames, larger frames."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import videogen as vg
from tests.bettering import Blend, without_weights
from tests.moving import write_two_clips
from videogen.cli import main
from videogen.jobs import jobs
from videogen.media.video import probe
from videogen.model_request import ModelRequest

REQUESTS: dict[str, dict[str, Any]] = {
    "text-to-video": {"prompt": "a red ball"},
    "animate": {"portrait": "photo.png", "pose": "pose.json"},
    "image-to-video": {"picture": "photo.png", "num_frames": 5, "prompt": "a red ball"},
    "extend": {"video": "clip", "after": 0.5, "prompt": "a red ball"},
    "loop": {"prompt": "a red ball"},
    "transition": {"first": "clip", "second": "other", "prompt": "a red ball"},
    "edit": {"video": "clip", "prompt": "a red ball"},
    "illusion": {"prompt": "a red ball", "other_prompt": "a blue square"},
}


@pytest.fixture(autouse=True)
def folder(portrait_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with a photo, its pose, and two clips."""
    without_weights(monkeypatch)
    write_two_clips()
    return portrait_folder


def clip_of(job: str, engine: Any, **fields: Any) -> vg.Clip:
    return vg.run(jobs()[job].request(**REQUESTS[job], seed=1, **fields), engine=engine)


@pytest.mark.parametrize("job", sorted(REQUESTS))
def test_every_job_s_clip_can_be_smoother_and_larger(job: str, fake_engine: Any) -> None:
    plain = clip_of(job, fake_engine)
    smooth = clip_of(job, fake_engine, interpolate=3)
    large = clip_of(job, fake_engine, upscale=2)
    own = plain.frames
    count, height, width = own.shape[:3]
    assert smooth.frames.shape == (3 * count, height, width, 3)
    assert smooth.fps == 3 * plain.fps
    np.testing.assert_array_equal(smooth.frames[::3], own)
    assert large.frames.shape == (count, 2 * height, 2 * width, 3)
    assert large.fps == plain.fps
    for bettered in (smooth, large):
        assert bettered.record["numbers"] == plain.record["numbers"]
        assert bettered.record["weights"].keys() > plain.record["weights"].keys()


def test_every_job_that_has_a_model_is_told_here() -> None:
    assert set(REQUESTS) == {name for name, job in jobs().items() if issubclass(job.request, ModelRequest)}


def test_a_loop_goes_on_smoothly_from_its_end_to_its_beginning(fake_engine: Any) -> None:
    made = clip_of("loop", fake_engine, interpolate=2).frames
    first, last, between = (made[at].astype(int) for at in (0, -2, -1))
    np.testing.assert_allclose(between, (first + last) / 2, atol=1)


def test_nothing_is_loaded_for_a_clip_that_is_left_as_it_is(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("videogen.jobs.making.load_enhancer", lambda **_: pytest.fail("networks were loaded"))
    clip_of("text-to-video", fake_engine)


def test_the_file_says_how_it_was_finished_and_is_made_again(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("videogen.clip.load_engine", lambda *_, **__: fake_engine)
    words = ["--seed", "3", "--interpolate", "3", "--upscale", "4", "-o", "a.mp4"]
    assert main(["text-to-video", "a red ball", *words]) == 0
    info = probe("a.mp4")
    assert (info.width, info.height, info.fps, info.num_frames) == (128, 128, Fraction(24), 18)
    assert capsys.readouterr().out.startswith("a.mp4 (seed 3)")
    assert main(["run", "a.mp4", "-o", "b.mp4"]) == 0
    assert Path("a.mp4").read_bytes() == Path("b.mp4").read_bytes()


def test_a_gif_s_rate_is_that_of_the_finished_clip(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["text-to-video", "a red ball", "--fps", "24", "--interpolate", "8", "-o", "a.gif"]
    assert main(words) == 2
    assert "a GIF shows at most" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fields", "told"),
    [({"interpolate": 9}, "at most 8"), ({"interpolate": 0}, "at least 1"), ({"upscale": 3}, "1, 2 or 4")],
)
def test_what_cannot_be_finished_so_is_refused(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(vg.RequestError, match=told):
        vg.TextToVideo("a red ball", **fields)


def test_a_finished_clip_s_job_goes_on_where_it_was_stopped(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("videogen.jobs.film.SECONDS", 0.0)
    request = vg.TextToVideo("a red ball", seed=1, interpolate=3, upscale=2)
    record = vg.render(request, "whole.mp4", engine=fake_engine)
    calls, forward, left = Blend.calls, Blend.forward, [3]

    def stopping(network: Blend, *given: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return forward(network, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Blend, "forward", stopping)
        with pytest.raises(KeyboardInterrupt):
            vg.render(request, "clip.mp4", engine=fake_engine, job="job")
    Blend.calls = 0
    path, resumed = vg.resume("job", engine=fake_engine)
    assert path.read_bytes() == Path("whole.mp4").read_bytes()
    assert resumed == record
    assert Blend.calls < calls
