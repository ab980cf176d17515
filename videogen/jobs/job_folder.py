"""The folder of a job: what was asked, of which inputs, what is finished, and whether to try once more.

In it: `manifest.json`, `latents/` and `frames/`, all written under other names first and renamed, so that
whatever stops a run there is a whole file or none; and `lock`, which the system holds for one process and
lets go when that one ends in any way. Attempts are counted before the work: a job that ends the process
`ATTEMPTS` times without having finished anything in between is not begun again unless somebody insists.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from videogen import __version__
from videogen.errors import RequestError, VideogenError
from videogen.jobs.inputs import describe_inputs
from videogen.media.files import remove_left_over
from videogen.request import Record, Request, parse_json, read_request

ATTEMPTS = 2
_MANIFEST, _LOCK = "manifest.json", "lock"
_KINDS: Mapping[str, type] = {
    "version": str, "state": str, "attempts": int, "request": dict, "folder": str, "output": str,
    "inputs": dict, "mark": str,
}  # fmt: skip
_MARK = re.compile("[0-9a-f]{12}-")


class JobFolder:
    """A job's folder, which this process holds; see `open_job`."""

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path, self.manifest = path, manifest
        self._writing = threading.Lock()

    def check_weights(self, hashes: Mapping[str, str]) -> None:
        """Note the weights, or raise `RequestError` where the job was begun with others."""
        if self.manifest["weights"] not in (None, dict(hashes)):
            raise RequestError(
                f"the job in {self.path} was begun with other weights; begin it anew elsewhere"
            )
        self.note(weights=dict(hashes))

    def note(self, **values: Any) -> None:
        """Change the manifest."""
        with self._writing:
            self.manifest |= values
            text = json.dumps(self.manifest, ensure_ascii=False, indent=2)
            put(self.path / _MANIFEST, text.encode("utf-8", "surrogateescape"))

    def has_moved_on(self) -> None:
        """Note that something was finished, so that the attempts so far were not in vain."""
        if self.manifest["attempts"]:
            self.note(attempts=0)


@contextmanager
def open_job(
    path: str | Path, request: Request, *, output: str | Path, again: bool = False
) -> Iterator[JobFolder]:
    """Hold the folder of a job for the length of a block, beginning the job or going on with it.

    `request` has its seed. Raises `RequestError` where the folder is another job's or another process's,
    its inputs have changed, or it has failed too often and nobody says `again`.
    """
    path = Path(path)
    _make_folder(path)
    inputs = describe_inputs(request)
    with _held(path):
        manifest = read_manifest(path) if (path / _MANIFEST).exists() else None
        if manifest is not None:
            _check(path, manifest, request, inputs)
        attempts = 0 if manifest is None or again else manifest["attempts"]
        if attempts >= ATTEMPTS:
            raise RequestError(
                f"the job in {path} has ended the process {attempts} times without finishing a piece in "
                "between; make it smaller in a new folder, or give --again"
            )
        for left_over in path.rglob("*.partial"):
            left_over.unlink(missing_ok=True)
        folder = JobFolder(path, manifest or {})
        mark = f"{secrets.token_hex(6)}-" if manifest is None else manifest["mark"]
        if manifest is not None and _MARK.fullmatch(mark):
            remove_left_over(Path(manifest["output"]), mark=mark)
        target = os.path.abspath(output)  # noqa: PTH100 - a link to a folder stays one
        folder.note(
            version=__version__, state="begun", attempts=attempts + 1, request=request.to_values(),
            folder=str(Path.cwd()), output=target, inputs=inputs, weights=(manifest or {}).get("weights"),
            mark=mark,
        )  # fmt: skip
        try:
            yield folder
        except (VideogenError, KeyboardInterrupt):
            folder.note(state="stopped", attempts=min(attempts, folder.manifest["attempts"]))
            raise
        folder.note(state="done", attempts=0)


def settled(request: Request, path: str | Path) -> Request:
    """The request with the seed that the job in the folder was begun with, where it has none of its own."""
    if request.noise_seed is None and (Path(path) / _MANIFEST).exists():
        return request.with_seed(read_manifest(Path(path))["request"].get("seed"))
    return request


def read_job(path: str | Path, classes: Mapping[str, type[Request]]) -> tuple[Request, Path]:
    """The request of the job in a folder, and where its output goes; raises `RequestError`."""
    if not (Path(path) / _MANIFEST).is_file():
        raise RequestError(f"{path} is no job's folder; give one that was named with --job")
    manifest = read_manifest(Path(path))
    for name in manifest["inputs"]:
        if not Path(name).exists():
            raise RequestError(
                f"{name} is not there; go on in the folder where the job was begun, {manifest['folder']}"
            )
    return read_request(manifest, classes=classes), Path(manifest["output"])


def read_manifest(path: Path) -> Record:
    """What the folder says of its job; raises `RequestError` where that cannot be read."""
    file = path / _MANIFEST
    try:
        text = file.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise RequestError(f"{file} cannot be read: {error.strerror}") from None
    manifest = parse_json(text, source=str(file))
    whole = manifest.keys() >= {*_KINDS, "weights"}
    if not whole or not all(type(manifest[name]) is kind for name, kind in _KINDS.items()):
        raise RequestError(f"{file} is damaged; begin the job anew in another folder")
    return manifest


def put(path: Path, data: bytes) -> None:
    """Write a file that is there as a whole or not at all, even where the machine stops."""
    partial = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise RequestError(f"{path} cannot be written: {error.strerror}; make room, and go on") from None
    finally:
        partial.unlink(missing_ok=True)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(exist_ok=True)
        names = {entry.name for entry in path.iterdir()}
    except OSError as error:
        raise RequestError(f"the job's folder {path} cannot be used: {error.strerror}") from None
    ours = {_MANIFEST, _LOCK, "latents", "frames"}
    others = [name for name in names - ours if not name.endswith(".partial")]
    if _MANIFEST not in names and others:
        raise RequestError(f"{path} holds other files ({min(others)}); give --job a new or empty folder")


def _check(path: Path, manifest: Record, request: Request, inputs: Mapping[str, object]) -> None:
    """Raise `RequestError` unless this is the job that was begun."""
    asked, begun = request.to_values(), manifest["request"]
    for name in [*asked, *begun]:
        if asked.get(name) != begun.get(name):
            raise RequestError(
                f"the job in {path} was begun with {name} {begun.get(name)!r}, and {asked.get(name)!r} is "
                f"asked for now; give another folder, or go on with: videogen resume {path}"
            )
    if manifest["version"] != __version__:
        raise RequestError(
            f"the job in {path} was begun by videogen {manifest['version']}, and this is {__version__}; "
            "begin it anew in another folder"
        )
    for name in sorted({*inputs, *manifest["inputs"]}):
        if inputs.get(name) != manifest["inputs"].get(name):
            raise RequestError(
                f"{name} has changed since the job in {path} was begun (in the folder {manifest['folder']}); "
                "put it back, or begin anew in another folder"
            )


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Hold the folder's lock; raises `RequestError` where another process does."""
    with (path / _LOCK).open("ab") as file:
        try:
            _lock(file)
        except OSError:
            raise RequestError(
                f"another process works on the job in {path}; wait for it, or stop it"
            ) from None
        yield


def _lock(file: BinaryIO) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
