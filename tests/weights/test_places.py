"""Files of public models are found wherever people keep them; what is missing is told at once, whole."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from videogen.errors import CheckpointError, RequestError
from videogen.weights import places
from videogen.weights.catalogue import PRESETS, File, Licence, Need
from videogen.weights.places import choose, describe_presets, find, obtain, shown, where

ANY = Licence("Any")
FILE = File("owner/name", "part/weights.ckpt", 7_000_000, ANY, "motion/weights.ckpt", ("their/own.ckpt",))
COMMON = File("owner/name", "unet/config.json", 1000, ANY, "unet/config.json")


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(path))
    return path


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache of the hub, which cannot be reached."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def put_cached(cache: Path, file: File) -> Path:
    home = cache / f"models--{file.repo.replace('/', '--')}"
    put(home / "refs" / "main").write_text("abc")
    return put(home / "snapshots" / "abc" / file.path)


@pytest.mark.parametrize(
    "place",
    [
        "owner--name/part/weights.ckpt", "owner/name/part/weights.ckpt", "name/part/weights.ckpt",
        "weights.ckpt", "their/own.ckpt", "models--owner--name/snapshots/abc/part/weights.ckpt",
        "pretrained_models/name/part/weights.ckpt", "pretrained_weights/their/own.ckpt",
    ],
)  # fmt: skip
def test_a_file_is_found_in_every_layout(tmp_path: Path, place: str) -> None:
    assert find(FILE, weights=tmp_path / "mine") is None
    assert find(FILE, weights=tmp_path / "mine") is None
    path = put(tmp_path / "mine" / place)
    assert find(FILE, weights=tmp_path / "mine") == path
    assert find(FILE) is None


def test_a_name_that_every_model_has_is_not_found_without_its_repository(tmp_path: Path) -> None:
    put(tmp_path / "config.json")
    put(tmp_path / "unet" / "config.json")
    assert find(COMMON, weights=tmp_path) is None
    put(tmp_path / "name" / "unet" / "config.json")
    assert find(COMMON, weights=tmp_path) is not None


def test_the_user_s_folder_goes_before_the_cache(tmp_path: Path, cache: Path) -> None:
    cached = put_cached(cache, FILE)
    assert find(FILE) == cached
    assert find(FILE, weights=tmp_path / "mine") == cached
    mine = put(tmp_path / "mine" / "weights.ckpt")
    assert find(FILE, weights=tmp_path / "mine") == mine
    assert obtain([Need("x", ((FILE,),))], name="x", weights=tmp_path / "mine") == {FILE.place: mine}


def test_the_choice_that_is_here_is_taken_else_the_first(tmp_path: Path, cache: Path) -> None:
    other = File("owner/other", "big.ckpt", 10**9, ANY, "big.ckpt")
    need = Need("x", ((FILE,), (other, COMMON)))
    assert [one.file for one in choose(need)] == [FILE]
    put_cached(cache, other)
    assert [one.file for one in choose(need)] == [other, COMMON]
    put_cached(cache, FILE)
    assert [one.file for one in choose(need)] == [FILE]


class Hub:
    """A hub that gives some files; it remembers what was asked for."""

    def __init__(self, folder: Path, *, gives: set[str]) -> None:
        self.folder, self.gives, self.asked = folder, gives, list[str]()

    def download(self, repo: str, path: str) -> str:
        """Give a file or refuse it."""
        self.asked.append(path)
        if path not in self.gives:
            raise OSError("403: ask for access\nmore lines")
        return str(put(self.folder / path))


def reachable(monkeypatch: pytest.MonkeyPatch, hub: Hub) -> None:
    monkeypatch.setattr(places, "_no_way", lambda: "")
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hub.download)


def test_only_what_is_missing_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "mine" / "weights.ckpt")
    hub = Hub(tmp_path / "hub", gives={COMMON.path})
    reachable(monkeypatch, hub)
    found = obtain([Need("x", ((FILE, COMMON),))], name="x", weights=tmp_path / "mine")
    assert found[COMMON.place] == tmp_path / "hub" / COMMON.path
    assert hub.asked == [COMMON.path]


def test_every_file_that_the_hub_refuses_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(tmp_path / "hub", gives=set())
    reachable(monkeypatch, hub)
    with pytest.raises(
        CheckpointError, match=r"needs 2 more files, 7 MB in all, .*403: ask for access\)"
    ) as told:
        obtain([Need("x", ((FILE, COMMON),))], name="x")
    assert hub.asked == [FILE.path, COMMON.path]
    assert "DIR/owner--name/part/weights.ckpt (7 MB, Any)" in str(told.value)
    assert "DIR/owner--name/unet/config.json (1 kB, Any)" in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", PRESETS)
def test_offline_every_missing_file_of_a_preset_is_named_with_its_size_licence_and_place(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("the hub was asked")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", never)
    with pytest.raises(CheckpointError, match="HF_HUB_OFFLINE is set") as told:
        obtain(PRESETS[name].needs, name=name, weights=tmp_path)
    for need in PRESETS[name].needs:
        for file in need.choices[0]:
            place = where(file, weights=tmp_path)
            assert place.startswith(str(tmp_path))
            assert f"{place} ({shown(file.size)}, {file.licence})" in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", PRESETS)
def test_every_choice_of_a_preset_is_found_where_the_message_says(name: str, tmp_path: Path) -> None:
    for number in range(max(len(need.choices) for need in PRESETS[name].needs)):
        mine = tmp_path / str(number)
        chosen = [need.choices[min(number, len(need.choices) - 1)] for need in PRESETS[name].needs]
        for file in (file for choice in chosen for file in choice):
            put(Path(where(file, weights=mine)))
        found = obtain(PRESETS[name].needs, name=name, weights=mine)
        assert found.keys() == {file.place for choice in chosen for file in choice}


@pytest.mark.parametrize(
    ("name", "restricted"), [("svd", True), ("modelscope", True), ("animatediff", False)]
)
def test_a_licence_that_forbids_commerce_is_said(
    name: str, restricted: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for need in PRESETS[name].needs:
        for file in need.choices[0]:
            put(Path(where(file, weights=tmp_path)))
    with caplog.at_level(logging.WARNING, "videogen"):
        obtain(PRESETS[name].needs, name=name, weights=tmp_path)
    assert ("may not be used commercially" in caplog.text) is restricted


def test_what_is_here_and_what_is_missing_is_listed(tmp_path: Path) -> None:
    path = put(tmp_path / "v3_sd15_mm.ckpt")
    lines = list(describe_presets(weights=tmp_path))
    assert any(line.split()[0] == "here" and line.endswith(str(path)) for line in lines)
    heads = [line for line in lines if not line.startswith(" ")]
    assert [line.split()[0] for line in heads] == list(PRESETS)
    assert " 4.27 GB missing " in heads[0]
    missing = [line for line in lines if line.split()[0] == "missing"]
    assert any("CC-BY-NC-4.0, non-commercial" in line and "2.82 GB" in line for line in missing)


def test_a_folder_of_weights_that_is_none_is_refused(tmp_path: Path) -> None:
    for bad in (tmp_path / "nowhere", put(tmp_path / "file"), Path("x" * 5000)):
        with pytest.raises(RequestError, match="is no folder"):
            list(describe_presets(weights=bad))


def test_a_hub_that_does_not_answer_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(CheckpointError, match="it cannot be reached"):
        obtain([Need("x", ((FILE,),))], name="x")


@pytest.mark.parametrize(
    ("size", "text"), [(500, "1 kB"), (1_060_000, "1.06 MB"), (4_270_000_000, "4.27 GB")]
)
def test_sizes_are_for_people(size: int, text: str) -> None:
    assert shown(size) == text
