"""A training state survives a round trip, a kill at any moment, and nothing foreign is taken for one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from videogen.errors import CheckpointError
from videogen.training import checkpoint
from videogen.training.checkpoint import FILE, Networks, Progress


class Run:
    """A network, its average and its optimiser, after some steps."""

    def __init__(self, *, seed: int = 0, steps: int = 0, wide: int = 4) -> None:
        torch.manual_seed(seed)
        self.model = nn.Sequential(nn.Linear(3, wide), nn.BatchNorm1d(wide), nn.Linear(wide, 2))
        self.model[2].bias.requires_grad_(False)
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=0.1)
        for _ in range(steps):
            self.model(torch.randn(5, 3)).square().sum().backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
        self.average = {name: value.detach() * 0.5 for name, value in self.model.state_dict().items()}

    def save(self, folder: Path, progress: Progress) -> None:
        """Write this run's state."""
        checkpoint.save(folder, self.networks(), progress=progress)

    def load(self, folder: Path) -> Progress | None:
        """Take over the state in a folder."""
        return checkpoint.load(folder, self.networks())

    def networks(self) -> Networks:
        """Return what a state holds, without settings."""
        return Networks(self.model, self.average, self.optimizer, settings={})

    def everything(self) -> dict[str, Any]:
        """Return all tensors by name."""
        state = self.optimizer.state_dict()["state"]
        moments = {f"{index}.{key}": value for index, kept in state.items() for key, value in kept.items()}
        return {**self.model.state_dict(), **{f"a.{k}": v for k, v in self.average.items()}, **moments}


def assert_same(found: Run, expected: Run) -> None:
    ours, theirs = found.everything(), expected.everything()
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert torch.equal(ours[name], value), name


def test_a_state_survives_a_round_trip(tmp_path: Path) -> None:
    saved, other = Run(steps=3), Run(seed=1, steps=1)
    saved.save(tmp_path, Progress(step=3, seconds=1.5))
    assert other.load(tmp_path) == Progress(step=3, seconds=1.5)
    assert_same(other, saved)


def test_a_state_before_the_first_step_survives_too(tmp_path: Path) -> None:
    saved, other = Run(), Run(seed=1)
    saved.save(tmp_path, Progress())
    assert other.load(tmp_path) == Progress()
    assert_same(other, saved)


def test_an_empty_folder_holds_no_state(tmp_path: Path) -> None:
    assert Run().load(tmp_path) is None
    assert Run().load(tmp_path / "absent") is None


def test_the_file_is_laid_out_as_documented(tmp_path: Path) -> None:
    run = Run(steps=1)
    run.save(tmp_path, Progress(step=1))
    names = set(load_file(tmp_path / FILE))
    assert {name.split(".")[0] for name in names} == {"model", "average", "optimizer"}
    assert "optimizer.exp_avg.0.weight" in names
    assert "optimizer.exp_avg.2.bias" not in names, "what is frozen has no moments"
    with safe_open(tmp_path / FILE, framework="pt") as file:
        progress = '{"step": 1, "seconds": 0.0, "rise_start": 0, "decay_start": 0, "decay_steps": 0}'
        assert file.metadata() == {"progress": progress, "settings": "{}"}
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_failed_save_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Run(steps=1).save(tmp_path, Progress(step=1))

    def half_a_file(tensors: dict[str, Tensor], path: Path, **options: Any) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(checkpoint, "save_file", half_a_file)
    with pytest.raises(OSError, match="disk full"):
        Run(steps=2).save(tmp_path, Progress(step=2))
    assert Run().load(tmp_path) == Progress(step=1)


def rewritten(path: Path, change: Any) -> None:
    tensors = load_file(path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    change(tensors, metadata)
    save_file(tensors, path, metadata=metadata)


FOREIGN: dict[str, Any] = {
    "no progress": lambda tensors, metadata: metadata.pop("progress"),
    "progress is no JSON": lambda tensors, metadata: metadata.update(progress="soon"),
    "progress is a list": lambda tensors, metadata: metadata.update(progress="[1, 2]"),
    "progress has more": lambda tensors, metadata: metadata.update(progress='{"step": 1, "loss": 2}'),
    "negative step": lambda tensors, metadata: metadata.update(progress='{"step": -1, "seconds": 0}'),
    "no average": lambda tensors, metadata: tensors.pop("average.0.weight"),
    "no weight": lambda tensors, metadata: tensors.pop("model.0.weight"),
    "more": lambda tensors, metadata: tensors.update({"model.9.weight": torch.ones(1)}),
    "another moment": lambda tensors, metadata: tensors.update({"optimizer.exp_avg.0.weight": torch.ones(1)}),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_state_is_refused_and_changes_nothing(tmp_path: Path, name: str) -> None:
    Run(steps=2).save(tmp_path, Progress(step=2))
    rewritten(tmp_path / FILE, FOREIGN[name])
    other = Run(seed=1, steps=1)
    with pytest.raises(CheckpointError, match=r"state\.safetensors .*use another folder") as caught:
        other.load(tmp_path)
    assert "\n" not in str(caught.value)
    assert_same(other, Run(seed=1, steps=1))


def test_the_state_of_another_network_is_refused(tmp_path: Path) -> None:
    Run(steps=1, wide=5).save(tmp_path, Progress(step=1))
    with pytest.raises(CheckpointError, match=r"another network: .* does not fit; use another folder"):
        Run().load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"text", b"\xff" * 100])
def test_what_is_no_state_at_all_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(CheckpointError, match="is not a training state of videogen") as caught:
        Run().load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_cut_state_is_refused(tmp_path: Path) -> None:
    Run(steps=1).save(tmp_path, Progress(step=1))
    whole = (tmp_path / FILE).read_bytes()
    for length in (4, len(whole) // 2, len(whole) - 1):
        (tmp_path / FILE).write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="is not a training state"):
            Run().load(tmp_path)
