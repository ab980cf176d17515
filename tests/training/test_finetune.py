"""Training further on own clips: from folder to model folder, resumed exactly, and what is refused."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.tiny import UNET, export_tiny, export_tiny_with_planner
from videogen.engine import Engine
from videogen.errors import CheckpointError, RequestError, VideogenError
from videogen.media.video import write_video
from videogen.training.finetune import finetune
from videogen.training.folder_stage import is_motion
from videogen.weights.own_layout import PARTS


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The world's stage makes networks of its own before it is given the model's."""
    monkeypatch.setattr("videogen.training.unet.pocket_config", lambda: UNET)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    export_tiny(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    frames = [np.full((48, 64, 3), 20 * number, np.uint8) for number in range(9)]
    write_video(folder / "a.mp4", frames, fps=Fraction(8))
    (folder / "a.txt").write_text("an orange zorp waves")
    return folder


def tune(data: Path, model: Path, directory: Path, **options: Any) -> Path:
    given = {"steps": 3, "device": "cpu", "modules": "all", "workers": 0, **options}
    return finetune(data=data, model=model, directory=directory, **given)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    parts = {part: load_file(folder / part / PARTS[part]) for part in ("denoiser", "text_encoder", "vae")}
    return {f"{part}.{name}": value for part, state in parts.items() for name, value in state.items()}


def test_the_new_model_is_whole(data: Path, model: Path, tmp_path: Path) -> None:
    export_tiny_with_planner(model)
    (model / "scores.json").write_text("{}")
    folder = tune(data, model, tmp_path / "run")
    assert folder == tmp_path / "run" / "export"
    names = {str(path.relative_to(model)) for path in model.rglob("*")} - {"scores.json"}
    assert {str(path.relative_to(folder)) for path in folder.rglob("*")} == names
    for part in ("vae", "tokenizer", "scheduler", "planner"):
        for path in (model / part).iterdir():
            assert (folder / part / path.name).read_bytes() == path.read_bytes()
    record = json.loads((folder / "training.json").read_text())["finetune"]
    assert [entry["steps"] for entry in record] == [3]
    assert record[0]["clips"] == ["a.mp4"]


def test_the_new_model_runs_and_counts_its_words_as_known(data: Path, model: Path, tmp_path: Path) -> None:
    before, after = (Engine(folder, device="cpu") for folder in (model, tune(data, model, tmp_path / "run")))
    assert before.unknown_words("a zorp waves") == ["zorp"]
    assert after.unknown_words("a zorp waves") == []
    assert after.hashes["denoiser/" + PARTS["denoiser"]] != before.hashes["denoiser/" + PARTS["denoiser"]]


def test_the_planner_reads_the_trigger_as_what_it_means(data: Path, model: Path, tmp_path: Path) -> None:
    export_tiny_with_planner(model)
    engine = Engine(tune(data, model, tmp_path / "run", steps=1, trigger="zorp=a person"), device="cpu")
    zorp, person, thing = (
        engine.plan(words, length=8, fps=8, seed=1)
        for words in ("the Zorp waves", "a person waves", "a ball waves")
    )
    assert zorp is not None
    assert person is not None
    assert thing is not None
    assert torch.equal(zorp.tracks.state, person.tracks.state)
    assert not torch.equal(zorp.tracks.state, thing.tracks.state)


@pytest.mark.parametrize("modules", ["motion", "all"])
def test_what_is_not_trained_stays_bit_for_bit(data: Path, model: Path, tmp_path: Path, modules: str) -> None:
    before, after = weights(model), weights(tune(data, model, tmp_path / "run", modules=modules))
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert any(is_motion(name) for name in changed)
    assert not any(name.startswith("vae.") for name in changed)
    if modules == "motion":
        assert all(is_motion(name) for name in changed)
    else:
        assert any(name.startswith("text_encoder.") for name in changed)
        assert any("attentions" in name for name in changed)


def test_a_training_that_was_stopped_ends_like_one_that_was_not(
    data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tune(data, model, tmp_path / "whole", steps=4)
    from videogen.training.loop import Trainer

    step, done = Trainer._step, []

    def stop_after_two(self: Any, batch: Any, budget: Any) -> Any:
        if len(done) == 2:
            self.save()
            raise KeyboardInterrupt
        done.append(1)
        return step(self, batch, budget)

    monkeypatch.setattr(Trainer, "_step", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        tune(data, model, tmp_path / "cut", steps=4)
    monkeypatch.setattr(Trainer, "_step", step)
    assert not (tmp_path / "cut" / "export").exists()
    resumed = weights(tune(data, model, tmp_path / "cut", steps=4))
    for name, value in weights(whole).items():
        assert torch.equal(resumed[name], value), name


def test_minutes_are_a_budget_too_and_a_model_can_be_tuned_twice(
    data: Path, model: Path, tmp_path: Path
) -> None:
    first = tune(data, model, tmp_path / "one", steps=None, minutes=0.005)
    second = tune(data, first, tmp_path / "two", steps=1)
    assert len(json.loads((second / "training.json").read_text())["finetune"]) == 2


def test_other_modules_need_another_folder(data: Path, model: Path, tmp_path: Path) -> None:
    tune(data, model, tmp_path / "run", steps=2, modules="all")
    with pytest.raises(CheckpointError, match="use another folder"):
        tune(data, model, tmp_path / "run", steps=4, modules="motion")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": None}, "either --minutes or --steps"),
        ({"minutes": 1.0}, "either --minutes or --steps"),
        ({"steps": 0}, "--steps is 0; give 1 or more"),
        ({"steps": None, "minutes": 0.0}, "--minutes is 0.0; give more than 0"),
        ({"steps": None, "minutes": float("nan")}, "--minutes is nan; give more than 0"),
        ({"modules": "spatial"}, "--modules is 'spatial'; give one of motion, all"),
        ({"trigger": "two words"}, "--trigger is 'two words'; give one word"),
        ({"trigger": " "}, "give one word"),
        ({"trigger": "=a person"}, "give one word"),
        ({"device": "tpu"}, "device 'tpu' cannot train here"),
    ],
)
def test_impossible_values_are_refused_before_anything_is_read(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(RequestError, match=said):
        tune(tmp_path / "nowhere", tmp_path / "nothing", tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_folders_that_cannot_be_used_are_refused(data: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    for options, said in (
        ({"data": tmp_path / "empty"}, "holds no clips"),
        ({"model": tmp_path / "empty"}, "has no model_index.json"),
        ({"directory": tmp_path / "file"}, "cannot make the folder"),
    ):
        given = {"data": data, "model": model, "directory": tmp_path / "run", **options}
        with pytest.raises(VideogenError, match=said):
            tune(given["data"], given["model"], given["directory"])
