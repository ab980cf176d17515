"""An evaluation in files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from videogen.bench.figures import Evaluation, table
from videogen.bench.report import check_report, write_report, write_sheets
from videogen.errors import MediaError, RequestError
from videogen.media.image import read_image


@pytest.fixture
def evaluation() -> Evaluation:
    found = Evaluation()
    found.add("ssim", "made", 0.5)
    found.add("ssim", "made", 1.0)
    found.asked("motion", "left", "right")
    found.show("text", np.full((9, 16, 16, 3), 90, np.uint8), np.full((3, 16, 16, 3), 30, np.uint8))
    return found


def test_figures_survive_a_round_trip_as_json(tmp_path: Path, evaluation: Evaluation) -> None:
    write_report(tmp_path / "scores.json", evaluation, title="pocket")
    stored = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert stored == {
        "scores": {"ssim": {"made": 0.75, "clips": 2}},
        "confusion": {"motion": {"left": {"right": 1}}},
    }


def test_a_report_for_people_is_the_table(tmp_path: Path, evaluation: Evaluation) -> None:
    write_report(tmp_path / "scores.MD", evaluation, title="pocket")
    assert (tmp_path / "scores.MD").read_text(encoding="utf-8") == table(evaluation, title="pocket")


def test_sheets_are_pictures_of_eight_frames_a_row(tmp_path: Path, evaluation: Evaluation) -> None:
    (path,) = write_sheets(tmp_path / "sheets", evaluation)
    picture = read_image(path)
    assert picture.shape == (2 * 18, 8 * 18, 3)
    assert (picture[1:17, 1:17] == 90).all()
    assert (picture[19:35, -17:-1] == 30).all()


def test_other_endings_and_missing_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"\.json or \.md"):
        check_report(tmp_path / "scores.txt")
    with pytest.raises(MediaError, match="does not exist"):
        check_report(tmp_path / "missing" / "scores.md")
    assert list(tmp_path.iterdir()) == []
