"""Which files a request reads, beside weights, and what is in them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from videogen.errors import RequestError
from videogen.request import Request

WEIGHTS = {
    "model", "weights", "motion_modules", "lora", "controlnet", "ip_adapter", "sparse_control", "checkpoint",
}  # fmt: skip
"""Fields that name weights, whose hashes a record has."""
WORDS = {"prompt", "negative_prompt"}
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
_PART = 1 << 20


class Input(TypedDict):
    """What is in an input file or folder."""

    sha256: str
    bytes: int


def input_files(request: Request) -> list[Path]:
    """The files and folders that a request names, with keypoints that lie beside a picture, each once."""
    found: dict[Path, None] = {}
    for name, value in request:
        if name not in WEIGHTS | WORDS:
            for path in _named(value):
                found[path] = None
                beside = path.with_suffix(".json")
                if path.suffix.lower() in PICTURES and beside.is_file():
                    found[beside] = None
    return list(found)


def describe_inputs(request: Request) -> dict[str, Input]:
    """The content of every input by its path; raises `RequestError` where one is not there."""
    described = {}
    for path in input_files(request):
        if not path.exists():
            raise RequestError(f"{path} is not there; give a file that is")
        files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        content = hashlib.sha256()
        for file in files:
            content.update(os.fsencode(f"{file.relative_to(path)} {file.stat().st_size}\n"))
            _read_into(content, file)
        described[str(path)] = Input(
            sha256=content.hexdigest(), bytes=sum(file.stat().st_size for file in files)
        )
    return described


def _named(value: object) -> Iterator[Path]:
    """The paths in a field: a path, or a text that names a file, alone or as in TIME=PICTURE."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _named(each)
    elif isinstance(value, str):
        path = Path(value.partition("=")[2] or value)
        try:
            is_file = path.is_file()
        except (OSError, ValueError):
            is_file = False
        if is_file:
            yield path


def _read_into(content: hashlib._Hash, file: Path) -> None:
    try:
        with file.open("rb") as opened:
            while part := opened.read(_PART):
                content.update(part)
    except OSError as error:
        raise RequestError(f"{file} cannot be read: {error.strerror}") from None
