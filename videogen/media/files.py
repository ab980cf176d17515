"""Opening files safely, writing them atomically, and turning foreign errors into `MediaError`.

A path in: an open binary file of a regular, non-empty file, or one clear line. A target path in: a
temporary path in the same folder, renamed onto the target when the block ends well and removed when it
ends in any other way, Ctrl-C included. The suffix is kept, since writers choose the format by it.
`media_errors` is the only place where exceptions of PyAV, Pillow and the system are mapped: PyAV alone
lets nine different types reach its caller.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from videogen.errors import MediaError, VideogenError

FRAME_FILE = "frame_{:06d}.png"
"""How the pictures of a folder are named."""


def name_of(path: str | Path) -> str:
    """Return the path as a user may see it on one line: in quotes, unprintable characters replaced."""
    text = "".join(letter if letter.isprintable() else "?" for letter in str(path))
    return f"'{text if len(text) <= 300 else '…' + text[-300:]}'"


def _reason(error: BaseException) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "its content is something else"
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(f"{type(error).__name__} {error}".split())[:200]


@contextmanager
def media_errors(path: str | Path, *, doing: str) -> Iterator[None]:
    """Turn any exception of the block into a `MediaError`; `doing` completes "… cannot be …"."""
    try:
        yield
    except VideogenError:
        raise
    except Exception as error:
        raise MediaError(f"{name_of(path)} cannot be {doing}: {_reason(error)}") from error


def open_file(path: str | Path, *, doing: str) -> BinaryIO:
    """Open a regular, non-empty file for reading.

    Raises MediaError for what is missing, a folder, a pipe or device, empty, or not readable.
    """
    with media_errors(path, doing=doing):
        # Asked before opening: opening a named pipe would wait for ever.
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            raise MediaError(f"{name_of(path)} is a folder; give a file")
        if not stat.S_ISREG(status.st_mode):
            raise MediaError(f"{name_of(path)} is not a regular file; copy it to a file first")
        if status.st_size == 0:
            raise MediaError(f"{name_of(path)} is empty; give a file with content")
        return Path(path).open("rb")


def open_picture(file: BinaryIO, *, formats: tuple[str, ...]) -> Image.Image:
    """Open a picture in one of Pillow's formats, reading its header only; a bomb is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        return Image.open(file, formats=formats)


def check_target(path: str | Path, *, folder: bool = False) -> None:
    """Raise MediaError unless `path` can be written as a file, or with `folder` as a folder of pictures.

    Meant to be called before the work whose result is written, so that no work is lost.
    """
    with media_errors(path, doing="written"):
        target = Path(path)
        parent = target.absolute().parent
        if not parent.exists():
            raise MediaError(
                f"{name_of(path)} cannot be written: the folder {name_of(parent)} does not exist"
            )
        if not parent.is_dir():
            raise MediaError(f"{name_of(path)} cannot be written: {name_of(parent)} is not a folder")
        if not os.access(parent, os.W_OK | os.X_OK):
            raise MediaError(f"{name_of(path)} cannot be written: no write permission in {name_of(parent)}")
        with suppress(FileNotFoundError):
            target.stat()  # raises for names that the system does not allow
        if folder:
            _check_folder(target)
        elif target.is_dir():
            raise MediaError(f"{name_of(path)} cannot be written: it is a folder; give a file name")


def _check_folder(target: Path) -> None:
    if target.name in ("", ".."):
        raise MediaError(f"{name_of(target)} cannot be written: it has no name of its own; give a new folder")
    if not target.exists():
        return
    if not target.is_dir():
        raise MediaError(
            f"{name_of(target)} cannot be written: it is a file, and a folder of pictures was asked for"
        )
    for entry in target.iterdir():
        if not (entry.name.startswith("frame_") and entry.suffix == ".png"):
            raise MediaError(
                f"{name_of(target)} cannot be written: the folder holds other files "
                f"({name_of(entry.name)}); give a new or empty folder"
            )


def _temporary(target: Path, mark: str = "") -> Path:
    # The target's own name is left out of it: a name near the system's limit would pass the limit.
    return target.absolute().parent / f".videogen-{mark}{secrets.token_hex(6)}.partial{target.suffix}"


def remove_left_over(target: Path, *, mark: str) -> None:
    """Remove what a process that was killed left of writing to `target` with this mark of its own."""
    for partial in target.absolute().parent.glob(f".videogen-{mark}*.partial*"):
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


@contextmanager
def atomic_file(path: str | Path, *, mark: str = "") -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it onto `path` at the end, remove it on any failure.

    `mark` stands in its name, by which `remove_left_over` finds it where the process was killed.
    """
    check_target(path)
    target = Path(path)
    partial = _temporary(target, mark)
    try:
        yield partial
        with media_errors(path, doing="written"):
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_folder(path: str | Path, *, mark: str = "") -> Iterator[Path]:
    """Give a temporary folder beside `path` that takes its place at the end and is removed on any failure.

    An existing folder is replaced only if it holds nothing but pictures named as ours are. `mark` as for
    `atomic_file`.
    """
    check_target(path, folder=True)
    target = Path(path)
    partial, old = _temporary(target, mark), _temporary(target)
    try:
        with media_errors(path, doing="written"):
            partial.mkdir()
        yield partial
        with media_errors(path, doing="written"):
            if target.exists():
                target.replace(old)
            partial.replace(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        if old.exists() and not target.exists():
            old.replace(target)
        raise
    shutil.rmtree(old, ignore_errors=True)
