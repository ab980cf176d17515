"""The journal is lines of JSON that survive kills, tell one story after many starts, and can be drawn."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from videogen.errors import CheckpointError, MissingExtra
from videogen.training.journal import FILE, Journal, plot_journal, read_journal


def write(path: Path, *events: tuple[str, int], stage: str = "unet") -> None:
    for event, step in events:
        figures = {} if event == "start" else {"figures": {"loss": 1 / step}}
        Journal(path, stage).write(event, step=step, seconds=60.0 * step, more=figures)


def steps(path: Path, event: str = "train") -> list[int]:
    return [line["step"] for line in read_journal(path) if line["event"] == event]


def test_lines_are_read_as_written(tmp_path: Path) -> None:
    path = tmp_path / "run" / FILE
    write(path, ("start", 0), ("train", 5))
    assert read_journal(path) == [
        {"stage": "unet", "event": "start", "step": 0, "seconds": 0.0},
        {"stage": "unet", "event": "train", "step": 5, "seconds": 300.0, "figures": {"loss": 0.2}},
    ]


def test_what_a_kill_undid_is_left_out_but_not_what_was_measured(tmp_path: Path) -> None:
    path = tmp_path / FILE
    write(path, ("start", 0), ("train", 5), ("train", 10), ("evaluation", 10))
    write(path, ("train", 10), stage="vae")
    write(path, ("start", 7), ("train", 12))
    assert steps(path) == [5, 10, 12]
    assert steps(path, "evaluation") == [10]


def test_a_line_that_was_cut_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / FILE
    write(path, ("start", 0), ("train", 5), ("train", 6))
    path.write_bytes(path.read_bytes()[:-20])
    write(path, ("start", 5), ("train", 7))
    assert steps(path) == [5, 7]


def test_no_journal_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_journal(tmp_path / FILE)


@pytest.mark.parametrize("name", ["plot.svg", "plot.png"])
def test_a_journal_is_drawn_with_a_panel_for_each_stage(tmp_path: Path, name: str) -> None:
    pytest.importorskip("matplotlib")
    write(tmp_path / FILE, ("start", 0), ("train", 5), ("train", 10), ("evaluation", 10))
    write(tmp_path / FILE, ("train", 10), stage="planner")
    plot_journal(tmp_path / FILE, tmp_path / name)
    data = (tmp_path / name).read_bytes()
    assert len(data) > 5000
    if name.endswith("svg"):
        assert data.count(b"<!-- planner: train -->") == data.count(b"<!-- unet: evaluation -->") == 1


def test_an_empty_journal_cannot_be_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    write(tmp_path / FILE, ("start", 0))
    with pytest.raises(CheckpointError, match="no figures yet"):
        plot_journal(tmp_path / FILE, tmp_path / "plot.svg")


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"pip install 'videogen\[train\]'"):
        plot_journal(tmp_path / FILE, tmp_path / "plot.svg")
