"""Files of keypoints: found, opened safely, and written whole or not at all.

In: a path of a JSON, .npz or .npy file, or a folder of them, one per frame. Out: JSON values or arrays by
name. Pickles are never read. What is written gets a temporary name beside its target and is renamed at the
end. Every way in which a file can fail becomes a MediaError.
"""

from __future__ import annotations

import json
import math
import re
import secrets
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from videogen.errors import MediaError

SUFFIXES = (".json", ".npz", ".npy")
_NPY: Any = np.lib.format  # untyped before numpy 2
_LARGEST_FILE = 256 * 2**20
_NAME = "{name}_{number:012d}_keypoints.json"


def files_of(where: Path) -> list[Path]:
    """The file itself, or the keypoint files of a folder in the order of their numbers."""
    try:
        if not where.is_dir():
            return [where]
        files = sorted((file for file in where.iterdir() if file.suffix.lower() in SUFFIXES), key=_natural)
    except OSError as error:
        raise MediaError(f"{str(where)[:300]}: cannot be read: {error.strerror or error}") from None
    if not files:
        raise MediaError(
            f"{where} holds no .json files, .npz or .npy; expected a folder of keypoints, one file per frame"
        )
    return files


def load_json(file: Path) -> Any:
    """One JSON value; errors do not name the file."""
    with _opened(file) as opened:
        try:
            return json.loads(opened.read().decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else "not JSON text"
            raise MediaError(f"{reason}; expected a JSON file of keypoints") from None


def load_arrays(file: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file by name, of an .npy file as `keypoints`; errors do not name the file."""
    with _opened(file) as opened:
        try:
            if file.suffix.lower() == ".npy":
                return {"keypoints": _read_array(opened, file.stat().st_size)}
            with zipfile.ZipFile(opened) as members:
                entries = members.infolist()
                if sum(entry.file_size for entry in entries) > _LARGEST_FILE:
                    raise MediaError("holds more than 256 MiB; expected keypoints")
                found = {}
                for entry in entries:
                    with members.open(entry) as member:
                        found[entry.filename.removesuffix(".npy")] = _read_array(member, entry.file_size)
                return found
        except MediaError:
            raise
        except Exception as error:  # of zipfile, zlib, numpy, and the tokenizer that reads its headers
            reason = " ".join(str(error).split())[:100]
            raise MediaError(f"no sound file of arrays ({reason}); expected numpy's .npz or .npy") from error


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with _partial(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an .npz file, whole or not at all."""
    with _partial(path) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as members:
        for name, array in arrays.items():
            with members.open(f"{name}.npy", "w") as member:
                _NPY.write_array(member, array, allow_pickle=False)


def write_folder(path: Path, frames: list[str]) -> None:
    """Write a folder of JSON files named as OpenPose's; one that holds only such files is replaced."""
    with _partial(path) as partial:
        if path.exists() and (not path.is_dir() or not all(map(_is_ours, path.iterdir()))):
            raise MediaError(f"{path} cannot be written: it holds other files; give a new or empty folder")
        partial.mkdir()
        for number, text in enumerate(frames):
            name = _NAME.format(name=path.absolute().name[:200], number=number)
            (partial / name).write_text(text, encoding="utf-8")
        aside = partial.with_suffix(".old")
        if path.exists():
            path.replace(aside)
    shutil.rmtree(aside, ignore_errors=True)


def _read_array(opened: IO[bytes], size: int) -> NDArray[Any]:
    """One array; its header is checked before memory is asked for."""
    version = _NPY.read_magic(opened)
    read = _NPY.read_array_header_1_0 if version == (1, 0) else _NPY.read_array_header_2_0
    shape, by_columns, kind = read(opened)
    if kind.hasobject:
        raise MediaError("holds pickled objects, which are not read; save plain arrays (allow_pickle=False)")
    if math.prod(shape) * kind.itemsize > size:
        raise MediaError("an array is larger than the file; it is damaged")
    data = opened.read(math.prod(shape) * kind.itemsize)
    return np.frombuffer(data, dtype=kind).reshape(shape, order="F" if by_columns else "C")


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    """An open regular file of a sensible size."""
    try:
        # Asked before opening: opening a named pipe would wait for ever.
        if file.exists() and not file.is_file():
            raise MediaError("not a regular file; expected a file of keypoints")
        size = file.stat().st_size
        if size > _LARGEST_FILE:
            raise MediaError(f"{size >> 20} MiB is too large; expected keypoints under 256 MiB")
        with file.open("rb") as opened:
            yield opened
    except MediaError:
        raise
    except OSError as error:
        raise MediaError(f"cannot be read: {error.strerror or error}") from None


@contextmanager
def _partial(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, renamed onto it at the end and removed on any failure."""
    # The target's own name is left out of it: a name near the system's limit would pass the limit.
    partial = path.with_name(f".videogen-{secrets.token_hex(6)}.partial")
    try:
        try:
            yield partial
            partial.replace(path)
        finally:
            if partial.is_dir():
                shutil.rmtree(partial, ignore_errors=True)
            else:
                partial.unlink(missing_ok=True)
    except OSError as error:
        if isinstance(error, MediaError):
            raise
        raise MediaError(f"{path} cannot be written: {error.strerror or error}") from None


def _is_ours(entry: Path) -> bool:
    return entry.name.endswith("_keypoints.json") and entry.is_file()


def _natural(file: Path) -> list[tuple[int, str]]:
    """Names with numbers in their order: 2 before 10."""
    return [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in re.split(r"(\d+)", file.name)]
