"""The originals' windows, all recorded rows."""

from __future__ import annotations

import json
from typing import Any

from videogen.sampling.original_windows import plan_original_windows


def test_every_recorded_row_is_planned_alike(golden: Any) -> None:
    rows = json.loads((golden("magicanimate").folder / "context_windows.json").read_text(encoding="utf-8"))
    assert len(rows["rows"]) > 100
    for row in rows["rows"]:
        found = plan_original_windows(
            row["num_frames"],
            window=row["context_size"],
            overlap=row["context_overlap"],
            stride=row["context_stride"],
            ring=row["closed_loop"],
            step=row["step"],
        )
        assert found == row["windows"], row
