"""Training pocket from nothing to a model folder, and what is refused before it begins."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from videogen.engine import Conditions, Engine
from videogen.errors import CheckpointError, RequestError
from videogen.sampling import Timeline, sample
from videogen.training.checkpoint import FILE
from videogen.training.pocket import FROZEN, train_pocket


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan")])
def test_no_time_is_refused(tmp_path: Path, minutes: float) -> None:
    with pytest.raises(RequestError, match="give more than 0"):
        train_pocket(minutes=minutes, device="cpu", directory=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("device", ["tpu", "", "cuda:0"])
def test_an_unknown_device_is_refused(tmp_path: Path, device: str) -> None:
    with pytest.raises(RequestError, match=r"cannot train here; give auto, cpu, or cuda"):
        train_pocket(minutes=1, device=device, directory=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_absent_accelerator_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RequestError, match="'cuda' cannot train here"):
        train_pocket(minutes=1, device="cuda", directory=tmp_path)


def test_a_file_is_no_folder_to_train_in(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(CheckpointError, match="cannot make the folder"):
        train_pocket(minutes=1, device="cpu", directory=tmp_path / "run")


def test_a_folder_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / FROZEN).write_bytes(b"something else")
    with pytest.raises(CheckpointError, match="cannot be read as safetensors"):
        train_pocket(minutes=1, device="cpu", directory=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_pocket_is_trained_exported_used_and_trained_further(tmp_path: Path, workers: int) -> None:
    folder = train_pocket(minutes=0.2, device="cpu", directory=tmp_path, workers=workers)
    record = json.loads((folder / "training.json").read_text())
    assert record["steps"] > 0
    assert record["frames"] == 128 * record["steps"]
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 40e6
    engine = Engine(folder, device="cpu")
    clip = Timeline.line(4)
    denoiser = engine.denoiser(Conditions(fps=8.0, prompt="a red ball"), clip)
    latents = sample(
        denoiser, clip, engine.scheduler(), channels=8, height=16, width=16, num_inference_steps=2, seed=0
    )
    assert np.stack(list(engine.decode(latents))).shape == (4, 64, 64, 3)
    frozen = (tmp_path / FROZEN).read_bytes()
    again = train_pocket(minutes=0.05, device="cpu", directory=tmp_path, workers=workers)
    assert json.loads((again / "training.json").read_text())["steps"] > record["steps"]
    assert (tmp_path / FROZEN).read_bytes() == frozen
    assert (tmp_path / "unet" / FILE).exists()
