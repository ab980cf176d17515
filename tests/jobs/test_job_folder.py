"""A job's folder: a run that was stopped at any moment goes on and ends like one that was not."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import videogen as vg
from videogen.jobs.folder_ledger import load_frame, load_tensors, save_frame, save_tensors
from videogen.jobs.inputs import input_files

LONG: dict[str, Any] = {"seed": 7, "num_frames": 20, "window_batch": 1}
PIECES = vg.TextToVideo("a red ball", mode="outpaint", context=2, **LONG)
JOINT = vg.TextToVideo("a red ball", mode="joint", num_inference_steps=8, **LONG)
ANIMATED = vg.Animate("photo.png", pose="pose.json", seed=7)
REQUESTS = pytest.mark.parametrize("request_", [PIECES, JOINT, ANIMATED], ids=["pieces", "joint", "animate"])


@pytest.fixture(autouse=True)
def every_step_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videogen.jobs.folder_ledger.SECONDS_BETWEEN", 0.0)


def manifest(job: str = "job") -> dict[str, Any]:
    return json.loads((Path(job) / "manifest.json").read_text())


def kept(job: str = "job") -> dict[str, bytes]:
    return {
        str(path.relative_to(job)): path.read_bytes()
        for part in ("latents", "frames")
        for path in sorted((Path(job) / part).iterdir())
    }


def stopping(engine: Any, *, after: int, error: type[BaseException] = KeyboardInterrupt) -> None:
    """Let the engine's denoisers end with an error once they were called so often in all."""
    denoiser, calls = type(engine).denoiser, [0]

    def make(*given: Any, **named: Any) -> Callable[..., torch.Tensor]:
        inner = denoiser(engine, *given, **named)

        def denoise(*values: torch.Tensor) -> torch.Tensor:
            calls[0] += 1
            if calls[0] > after:
                raise error
            return inner(*values)

        return denoise

    engine.denoiser = make


@REQUESTS
def test_a_folder_changes_nothing_of_the_clip(request_: Any, fake_engine: Any, portrait_folder: Path) -> None:
    vg.render(request_, "plain.mp4", engine=fake_engine)
    vg.render(request_, "kept.mp4", engine=fake_engine, job="job")
    assert Path("plain.mp4").read_bytes() == Path("kept.mp4").read_bytes()
    told = manifest()
    assert (told["state"], told["attempts"]) == ("done", 0)
    assert told["weights"] == fake_engine.hashes
    assert told["request"]["seed"] == 7
    assert not [name for name in kept() if "steps" in name]


@REQUESTS
@pytest.mark.parametrize("after", [0, 5, 25, 31])
def test_a_run_that_was_stopped_goes_on(
    request_: Any, after: int, fake_engine: Any, make_fake_engine: Any, portrait_folder: Path
) -> None:
    vg.render(request_, "whole.mp4", engine=fake_engine, job="whole")
    calls = len(fake_engine.rows)
    other = make_fake_engine()
    stopping(other, after=after)
    with pytest.raises(KeyboardInterrupt):
        vg.render(request_, "clip.mp4", engine=other, job="job")
    assert not Path("clip.mp4").exists()
    assert (manifest()["state"], manifest()["attempts"]) == ("stopped", 0)
    fresh = make_fake_engine()
    path, record = vg.resume("job", engine=fresh)
    assert path.read_bytes() == Path("whole.mp4").read_bytes()
    assert kept() == kept("whole")
    assert record["numbers"]
    done_before = calls - len(fresh.rows)
    of_a_piece_or_step = 20 if request_ is JOINT else 8
    assert after - of_a_piece_or_step <= done_before <= after


def test_the_same_command_goes_on_with_the_seed_it_had(fake_engine: Any, tmp_path: Path) -> None:
    job, path = tmp_path / "job", tmp_path / "a.gif"
    first = vg.render(vg.TextToVideo("a red ball"), path, engine=fake_engine, job=job)
    calls = len(fake_engine.rows)
    assert vg.render(vg.TextToVideo("a red ball"), path, engine=fake_engine, job=job) == first
    assert len(fake_engine.rows) == calls


@REQUESTS
def test_what_is_torn_or_altered_is_made_again_and_said(
    request_: Any, fake_engine: Any, portrait_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vg.render(request_, "whole.mp4", engine=fake_engine, job="job")
    whole, files = Path("whole.mp4").read_bytes(), kept()
    for name, content in files.items():
        middle = len(content) // 2
        caplog.clear()
        for wrong in (content[:middle], b"", content[:middle] + bytes([content[middle] ^ 1])):
            (Path("job") / name).write_bytes(wrong + content[len(wrong) :] if len(wrong) > middle else wrong)
        vg.resume("job", engine=fake_engine)
        assert "torn or was altered" in caplog.text
        assert (Path("whole.mp4").read_bytes(), kept()) == (whole, files)


def test_tensors_and_frames_come_back_or_are_known_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    tensors = {"a": torch.randn(2, 3).bfloat16(), "b": torch.tensor(True), "c": torch.arange(4)}
    save_tensors(path, tensors, {"more": [1, None]})
    back, more = load_tensors(path) or ({}, {})
    assert more == {"more": [1, None]}
    assert all(
        torch.equal(back[name], tensors[name]) and back[name].dtype == tensors[name].dtype for name in tensors
    )
    content = path.read_bytes()
    for at in range(8, len(content), 5):
        path.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        assert load_tensors(path) is None
    frame = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    save_frame(tmp_path / "a.png", frame)
    np.testing.assert_array_equal(load_frame(tmp_path / "a.png"), frame)


def refused(request_: Any, told: str, engine: Any, **more: Any) -> None:
    with pytest.raises(vg.RequestError, match=told) as caught:
        vg.render(request_, "clip.mp4", engine=engine, job="job", **more)
    assert "\n" not in str(caught.value)


def test_inputs_that_have_changed_are_refused(fake_engine: Any, portrait_folder: Path) -> None:
    vg.render(ANIMATED, "clip.mp4", engine=fake_engine, job="job")
    assert manifest()["inputs"].keys() == {"photo.png", "photo.json", "pose.json"}
    Path("photo.json").rename("moved.json")
    refused(ANIMATED, r"photo\.json has changed since", fake_engine)
    Path("photo.json").write_bytes(Path("moved.json").read_bytes() + b" ")
    with pytest.raises(vg.RequestError, match=r"photo\.json has changed since"):
        vg.resume("job", engine=fake_engine)
    Path("moved.json").replace("photo.json")
    vg.resume("job", engine=fake_engine)


def test_another_request_other_weights_another_version_and_a_foreign_folder_are_refused(
    fake_engine: Any, portrait_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vg.render(PIECES, "clip.mp4", engine=fake_engine, job="job")
    refused(JOINT, "begun with .* is asked for now", fake_engine)
    refused(PIECES.model_copy(update={"seed": 8}), "begun with seed 7, and 8", fake_engine)
    with monkeypatch.context() as patch:
        patch.setattr("videogen.jobs.job_folder.__version__", "0.0.9")
        refused(PIECES, r"begun by videogen .* this is 0\.0\.9", fake_engine)
    fake_engine.hashes = {"unet/model.safetensors": "cd" * 32}
    refused(PIECES, "other weights", fake_engine)
    (portrait_folder / "mine").mkdir()
    (portrait_folder / "mine" / "letter.txt").touch()
    with pytest.raises(vg.RequestError, match="holds other files"):
        vg.render(PIECES, "clip.mp4", engine=fake_engine, job="mine")
    for wrong in ("{", "[]", "{}", json.dumps({**manifest(), "attempts": "many"})):
        (portrait_folder / "job" / "manifest.json").write_text(wrong)
        refused(PIECES, "JSON|damaged", fake_engine)
    with pytest.raises(vg.RequestError, match="no job's folder"):
        vg.resume("mine", engine=fake_engine)


def test_a_job_that_ends_the_process_twice_is_not_begun_again(
    fake_engine: Any, portrait_folder: Path
) -> None:
    stopping(fake_engine, after=0, error=MemoryError)
    for attempt in (1, 2):
        with pytest.raises(MemoryError):
            vg.render(PIECES, "clip.mp4", engine=fake_engine, job="job")
        assert manifest()["attempts"] == attempt
    refused(PIECES, "ended the process 2 times .* --again", fake_engine)
    with pytest.raises(MemoryError):
        vg.render(PIECES, "clip.mp4", engine=fake_engine, job="job", again=True)


def test_attempts_that_finish_a_piece_are_not_in_vain(fake_engine: Any, portrait_folder: Path) -> None:
    stopping(fake_engine, after=1, error=MemoryError)
    for _ in range(4):
        fake_engine.__dict__.pop("denoiser")
        stopping(fake_engine, after=14, error=MemoryError)
        with pytest.raises(MemoryError):
            vg.render(PIECES, "clip.mp4", engine=fake_engine, job="job")
        assert manifest()["attempts"] <= 1
        if len(kept()) == 7:
            break


def test_a_second_process_is_refused_and_a_dead_one_is_not_in_the_way(
    fake_engine: Any, portrait_folder: Path
) -> None:
    code = (
        "import fcntl, sys, time\n"
        "file = open('job/lock', 'ab')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "time.sleep(60)\n"
    )
    Path("job").mkdir()
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        refused(PIECES, "another process", fake_engine)
        other.kill()
    vg.render(PIECES, "clip.mp4", engine=fake_engine, job="job")


def test_the_files_that_a_request_names_are_found(portrait_folder: Path) -> None:
    asked = vg.TextToVideo("photo.png", keyframe=("1=photo.png",), path="pose.json")
    assert set(input_files(asked)) == {Path("photo.png"), Path("photo.json"), Path("pose.json")}
    assert input_files(vg.TextToVideo("photo.png", path="0.2,0.5 0.8,0.5", model="photo.png")) == []


def killed(request_: Any, engine: Any, *, after: float) -> None:
    """Begin the job in a process of its own and kill that at a moment."""
    child = os.fork()
    if child == 0:
        torch.set_num_threads(1)
        try:
            vg.render(request_, "clip.mp4", engine=engine, job="job")
        finally:
            os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def slowly(engine: Any) -> Any:
    """Let every call of a denoiser take five milliseconds."""
    denoiser = type(engine).denoiser

    def make(*given: Any, **named: Any) -> Callable[..., torch.Tensor]:
        inner = denoiser(engine, *given, **named)

        def denoise(*values: torch.Tensor) -> torch.Tensor:
            time.sleep(0.005)
            return inner(*values)

        return denoise

    engine.denoiser = make
    return engine


def kills(count: int) -> Iterator[Any]:
    yield pytest.param(count, marks=pytest.mark.slow if count > 5 else ())


@REQUESTS
@pytest.mark.parametrize("count", [*kills(3), *kills(20)])
def test_a_job_that_is_killed_at_any_moment_ends_like_one_that_was_not(
    request_: Any, count: int, fake_engine: Any, portrait_folder: Path
) -> None:
    engine = slowly(fake_engine)
    vg.render(request_, "whole.mp4", engine=engine, job="warm")
    begun = time.monotonic()
    vg.render(request_, "whole.mp4", engine=engine, job="whole")
    took = time.monotonic() - begun
    whole, moments = Path("whole.mp4").read_bytes(), random.Random(count)
    for trial in range(count):
        job = Path("job")
        killed(request_, engine, after=moments.uniform(0, 1.1 * took))
        assert not Path("clip.mp4").exists() or Path("clip.mp4").read_bytes() == whole
        vg.render(request_, "clip.mp4", engine=engine, job=job, again=True)
        assert Path("clip.mp4").read_bytes() == whole
        assert kept() == kept("whole")
        assert not list(Path().rglob("*.partial*"))
        Path("clip.mp4").unlink()
        job.rename(f"job-{trial}")
