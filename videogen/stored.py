"""Requests as they are stored: inside an output, or in a JSON file."""

from __future__ import annotations

from pathlib import Path

from videogen.errors import RequestError
from videogen.request import Record, parse_json

MAX_JSON_BYTES = 10_000_000


def read_stored(path: Path) -> Record:
    """Read the record of an output, or a request from a .json file; raises `VideogenError`."""
    if path.suffix.lower() != ".json":
        from videogen.media.provenance import read_record

        return read_record(path)
    from videogen.media.files import open_file

    with open_file(path, doing="read as a request") as file:
        data = file.read(MAX_JSON_BYTES + 1)
    if len(data) > MAX_JSON_BYTES:
        raise RequestError(
            f"{path} is larger than {MAX_JSON_BYTES // 1_000_000} MB; a request is a few lines"
        )
    try:
        return parse_json(data.decode("utf-8"), source=str(path))
    except UnicodeDecodeError:
        raise RequestError(f"{path} is not text in UTF-8; expected a request or a record as JSON") from None
