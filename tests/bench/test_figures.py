"""Figures with their ceilings and baselines, and what was taken for what."""

from __future__ import annotations

import math

import numpy as np

from videogen.bench.figures import Evaluation, confusion_table, contact_sheet, table


def test_a_figure_is_the_mean_of_its_clips_and_leaves_out_what_could_not_be_measured() -> None:
    found = Evaluation()
    for value in (1.0, 0.0, math.nan):
        found.add("shape", "made", value)
    found.add("shape", "true", 1.0)
    assert found.scores() == {"shape": {"made": 0.5, "true": 1.0, "clips": 2}}


def test_the_table_has_a_column_for_each_kind_of_clip_that_was_measured() -> None:
    found = Evaluation()
    found.add("shape", "made", 0.75)
    found.add("shape", "trivial", 0.25)
    text = table(found, title="pocket")
    rows = text.splitlines()
    assert rows[0].count("|") == rows[1].count("|") == rows[2].count("|") == 5
    assert rows[2] == "| shape | 0.750 | 0.250 | 1 |"
    found.add("motion", "true", 1.0)
    assert table(found, title="pocket").splitlines()[2] == "| shape | 0.750 |  | 0.250 | 1 |"


def test_a_confusion_table_counts_what_was_read_for_what_was_asked() -> None:
    pairs = [("left", "left"), ("left", "right"), ("right", "right"), ("right", "right")]
    assert confusion_table("motion", pairs).splitlines()[2:] == ["| left | 1 | 1 |", "| right |  | 2 |"]


def test_what_could_not_be_read_is_called_nothing() -> None:
    found = Evaluation()
    found.asked("motion", "left", None)
    assert found.to_dict()["confusion"] == {"motion": {"left": {"nothing": 1}}}


def test_parts_are_joined() -> None:
    one, two = Evaluation(), Evaluation()
    one.add("a", "made", 1)
    two.add("b", "made", 2)
    two.show("text", np.zeros((1, 4, 4, 3), np.uint8))
    one.join(two)
    assert list(one.scores()) == ["a", "b"]
    assert contact_sheet(one.sheets["text"], columns=2).shape == (1, 6, 12, 3)


def test_a_tall_sheet_goes_on_beside_itself() -> None:
    rows = [np.full((2, 4, 4, 3), level, np.uint8) for level in (10, 20, 30, 40, 50)]
    sheet = contact_sheet(rows, columns=2, tallest=4)[0]
    assert sheet.shape == (24, 12 + 8 + 12, 3)
    assert sheet[1, 1, 0] == 10
    assert sheet[19, 1, 0] == 40
    assert sheet[1, 21, 0] == 50
    assert (sheet[:, 12:20] == 255).all()
    assert (sheet[6:, 20:] == 255).all(), "nothing stands where there is no sixth row"
