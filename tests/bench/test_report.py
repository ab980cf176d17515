"""Figures in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from videogen.bench.report import check_report, write_report
from videogen.bench.suite import table
from videogen.errors import MediaError, RequestError

SCORES = {"ssim": 0.75, "psnr": 29.125}


def test_figures_survive_a_round_trip_as_json(tmp_path: Path) -> None:
    write_report(tmp_path / "scores.json", SCORES, title="pocket")
    assert json.loads((tmp_path / "scores.json").read_text(encoding="utf-8")) == SCORES


def test_a_report_for_people_is_the_table(tmp_path: Path) -> None:
    write_report(tmp_path / "scores.MD", SCORES, title="pocket")
    assert (tmp_path / "scores.MD").read_text(encoding="utf-8") == table(SCORES, title="pocket")


def test_other_endings_and_missing_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"\.json or \.md"):
        check_report(tmp_path / "scores.txt")
    with pytest.raises(MediaError, match="does not exist"):
        check_report(tmp_path / "missing" / "scores.md")
    assert list(tmp_path.iterdir()) == []
