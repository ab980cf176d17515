"""An evaluation in files: JSON for programs, a Markdown table and contact sheets for people."""

from __future__ import annotations

import json
from pathlib import Path

from videogen.bench.figures import Evaluation, contact_sheet, table
from videogen.errors import RequestError
from videogen.media.files import atomic_file, check_target, media_errors, name_of
from videogen.media.image import write_image


def check_report(path: Path) -> None:
    """Raise unless `write_report` can write to `path`: RequestError for its ending, else MediaError."""
    if path.suffix.lower() not in (".json", ".md"):
        raise RequestError(f"{name_of(path)} is no name for a report; give one that ends in .json or .md")
    check_target(path)


def write_report(path: Path, evaluation: Evaluation, *, title: str) -> None:
    """Write the figures; the ending chooses the form. Raises as `check_report`."""
    check_report(path)
    as_json = path.suffix.lower() == ".json"
    text = json.dumps(evaluation.to_dict(), indent=2) + "\n" if as_json else table(evaluation, title=title)
    with atomic_file(path) as partial, media_errors(path, doing="written"):
        partial.write_text(text, encoding="utf-8")


def write_sheets(folder: Path, evaluation: Evaluation) -> list[Path]:
    """Write each contact sheet as PNG into `folder`, made if missing; returns the files."""
    with media_errors(folder, doing="made"):
        folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, rows in evaluation.sheets.items():
        path = folder / f"{name}.png"
        write_image(path, contact_sheet(rows)[0])
        written.append(path)
    return written
