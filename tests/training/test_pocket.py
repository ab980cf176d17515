"""Training pocket from nothing to a model folder, and what is refused before it begins."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from videogen.engine import Conditions, Engine
from videogen.errors import CheckpointError, RequestError
from videogen.sampling import Timeline, sample
from videogen.training import pocket, run_folder
from videogen.training.checkpoint import ANNEALED, FILE
from videogen.training.frozen import FROZEN
from videogen.training.interpolator import InterpolatorStage
from videogen.training.pocket import PocketRun, share_out, train_pocket
from videogen.training.upscaler import UpscalerStage
from videogen.weights.enhancers import load_interpolator, load_upscaler
from videogen.weights.load import find_model


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


def test_an_unknown_stage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="--stage is 'all of it'; give all, autoencoder, planner, unet"):
        train_pocket(minutes=1, device="cpu", directory=tmp_path / "run", stage="all of it")
    assert not (tmp_path / "run").exists()


def test_an_unknown_model_to_begin_with_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no model is called 'teapot'"):
        train_pocket(minutes=1, device="cpu", directory=tmp_path / "run", init="teapot")
    assert not (tmp_path / "run").exists()


def test_the_unet_needs_an_autoencoder_first(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="has no autoencoder yet; train it first with --stage autoencoder"):
        train_pocket(minutes=1, device="cpu", directory=tmp_path, stage="unet")


def test_the_time_is_shared_out_between_what_is_not_trained_yet(tmp_path: Path) -> None:
    assert share_out("planner", tmp_path) == {"planner": 1.0}
    assert share_out("all", tmp_path) == pytest.approx({"autoencoder": 0.15, "planner": 0.1, "unet": 0.75})
    (tmp_path / FROZEN).write_bytes(b"")
    assert share_out("all", tmp_path) == pytest.approx({"planner": 0.1, "unet": 0.9})
    (tmp_path / "planner").mkdir()
    (tmp_path / "planner" / ANNEALED).write_bytes(b"")
    assert share_out("all", tmp_path) == {"unet": 1.0}


def test_the_words_of_a_training_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = PocketRun(tmp_path, "cpu").tokenizer.get_vocab()
    monkeypatch.setattr(run_folder, "build_tokenizer", lambda: pytest.fail("made again"))
    assert PocketRun(tmp_path, "cpu").tokenizer.get_vocab() == made
    (tmp_path / "export").mkdir()
    (tmp_path / "tokenizer").rename(tmp_path / "export" / "tokenizer")
    assert PocketRun(tmp_path, "cpu").tokenizer.get_vocab() == made, "a training of the first version"


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_pocket_is_trained_exported_used_and_trained_further(tmp_path: Path, workers: int) -> None:
    measured: list[tuple[Path, Path]] = []

    def evaluate(model: Path, sheets: Path) -> dict[str, float]:
        measured.append((model, sheets))
        return {"score": float(len(measured))}

    run = tmp_path / "run"
    options = {"device": "cpu", "directory": run, "workers": workers}
    folder = train_pocket(minutes=0.3, evaluate=evaluate, **options)  # type: ignore[arg-type]
    record = json.loads((folder / "training.json").read_text())
    assert record["steps"] > 0
    assert measured[-1][0] == run / "evaluation" / "model"
    assert (measured[-1][0] / "model_index.json").exists()
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 40e6
    engine = Engine(folder, device="cpu")
    clip = Timeline.line(4)
    denoiser = engine.denoiser(Conditions(fps=8.0, prompt="a red ball"), clip)
    latents = sample(
        denoiser, clip, engine.scheduler(), channels=8, height=16, width=16, num_inference_steps=2, seed=0
    )
    assert np.stack(list(engine.decode(latents))).shape == (4, 64, 64, 3)
    frozen = (run / FROZEN).read_bytes()
    train_pocket(minutes=0.05, stage="unet", **options)  # type: ignore[arg-type]
    assert (run / FROZEN).read_bytes() == frozen
    assert (run / "unet" / FILE).exists()
    other = train_pocket(
        minutes=0.05, device="cpu", directory=tmp_path / "other", workers=workers, stage="unet", init=folder
    )
    assert Engine(other, device="cpu").spec == engine.spec


@pytest.mark.parametrize("part", ["interpolator", "upscaler"])
def test_an_enhancer_alone_is_exported_and_used(
    tmp_path: Path, part: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pocket, "InterpolatorStage", partial(InterpolatorStage, size=32))
    monkeypatch.setattr(pocket, "UpscalerStage", partial(UpscalerStage, size=16))
    monkeypatch.setattr("videogen.training.upscaler.draw_set", lambda number, seed: [ten_squares()])
    with caplog.at_level("INFO"):
        train_pocket(minutes=0.02, device="cpu", directory=tmp_path, workers=0, stage=part)
    folder = tmp_path / "export" / part
    assert f"--checkpoint {folder}" in caplog.text
    assert json.loads((folder / "training.json").read_text())["steps"] >= 1
    if part == "interpolator":
        made = load_interpolator(folder).network(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32), HALF)
        assert made.shape == (1, 3, 32, 32)
    else:
        assert load_upscaler(folder, scale=2).network(torch.rand(1, 3, 3, 16, 16)).shape == (1, 3, 32, 32)


HALF = torch.tensor([0.5])


def ten_squares() -> torch.Tensor:
    return (
        torch.arange(100)
        .reshape(10, 10)
        .repeat_interleave(8, 0)
        .repeat_interleave(8, 1)
        .byte()
        .expand(3, 1, 80, 80)
    )


def test_the_student_of_pocket_is_exported_beside_the_model(tmp_path: Path) -> None:
    run = PocketRun(tmp_path, "cpu")
    assert run.teacher == "pocket"
    with pytest.raises(CheckpointError, match="has no student yet; train one with --stage distill"):
        run.export_student(tmp_path / "export-fast", teacher=run.teacher)
    assert PocketRun(tmp_path, "cpu", init=find_model("pocket")).teacher == "pocket"
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "model_index.json").write_text("{}")
    assert run.teacher == str(tmp_path / "export")
    assert PocketRun(tmp_path, "cpu", init=tmp_path / "other").teacher == str(tmp_path / "other")
