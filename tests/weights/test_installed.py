"""The models on this machine are found by what their folders hold; nothing is loaded or fetched."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import CacheNotFound

from videogen.weights import installed
from videogen.weights.installed import INDEX, installed_models


def model(folder: Path, *, bytes_: int) -> Path:
    folder.mkdir(parents=True)
    (folder / INDEX).write_text("{}")
    (folder / "weights.safetensors").write_bytes(bytes(bytes_ - 2))
    return folder


def cache(**snapshots: Path) -> Any:
    repos = [
        SimpleNamespace(
            repo_id=f"owner/{name}", size_on_disk=7, revisions=[SimpleNamespace(snapshot_path=path)]
        )
        for name, path in snapshots.items()
    ]
    return lambda: SimpleNamespace(repos=repos)


def test_pocket_comes_first_and_then_the_hub_s_pipelines_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed, "POCKET", model(tmp_path / "pocket", bytes_=100))
    (tmp_path / "text-encoder").mkdir()  # a repository that is no pipeline
    snapshots = {
        "zebra": model(tmp_path / "z", bytes_=10),
        "other": tmp_path / "text-encoder",
        "ant": model(tmp_path / "a", bytes_=10),
    }
    monkeypatch.setattr("huggingface_hub.scan_cache_dir", cache(**snapshots))
    found = [(one.name, one.size, one.folder.name) for one in installed_models()]
    assert found == [("pocket", 100, "pocket"), ("owner/ant", 7, "a"), ("owner/zebra", 7, "z")]


def test_without_a_cache_and_weights_there_is_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise CacheNotFound("no cache", cache_dir=tmp_path)

    monkeypatch.setattr(installed, "POCKET", tmp_path / "pocket")
    monkeypatch.setattr("huggingface_hub.scan_cache_dir", missing)
    assert list(installed_models()) == []
