"""Figures in a file: as JSON for programs, as a Markdown table for people; whole, or not there."""

from __future__ import annotations

import json
from pathlib import Path

from videogen.bench.suite import Scores, table
from videogen.errors import RequestError
from videogen.media.files import atomic_file, check_target, media_errors, name_of


def check_report(path: Path) -> None:
    """Raise unless `write_report` can write to `path`: RequestError for its ending, else MediaError."""
    if path.suffix.lower() not in (".json", ".md"):
        raise RequestError(f"{name_of(path)} is no name for a report; give one that ends in .json or .md")
    check_target(path)


def write_report(path: Path, scores: Scores, *, title: str) -> None:
    """Write the figures; the ending chooses the form. Raises as `check_report`."""
    check_report(path)
    as_json = path.suffix.lower() == ".json"
    text = json.dumps(scores, indent=2) + "\n" if as_json else table(scores, title=title)
    with atomic_file(path) as partial, media_errors(path, doing="written"):
        partial.write_text(text, encoding="utf-8")
