"""A model's folder whose parts are read one by one, and noted with their hashes.

Files and parts may lie elsewhere: `files` says where, by the path that each would have inside the folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from torch import Tensor

from videogen.errors import CheckpointError
from videogen.weights.files import PICKLES, read_tensors
from videogen.weights.formats import read_json, sha256_of

Part = tuple[dict[str, Any], dict[str, Tensor], Path]
"""A part's settings, its tensors, and the file that they are from."""

_STEMS = ("diffusion_pytorch_model", "model", "pytorch_model")
WEIGHTS = tuple(
    f"{stem}{variant}{kind}"
    for kind in (".safetensors", *PICKLES)
    for variant in ("", ".fp16")
    for stem in _STEMS
)
"""Names of a part's weights: safetensors first, whole numbers before half ones."""


class Folder:
    """A folder whose files are read, and noted with their hashes."""

    def __init__(self, path: Path, *, files: Mapping[str, Path] | None = None) -> None:
        self.path = path
        self.hashes: dict[str, str] = {}
        self._files = dict(files or {})

    def file(self, name: str) -> Path:
        """Where the file or part of this name lies, whether or not it is there."""
        place = PurePosixPath(name)
        for start in (place, *place.parents):
            if str(start) in self._files:
                return self._files[str(start)] / place.relative_to(start)
        inside = [file for own, file in self._files.items() if own.rpartition("/")[0] == name]
        return inside[0].parent if inside else self.path / name

    def holds(self, name: str) -> bool:
        """Whether there is a file, or a part's folder, of this name."""
        return self.file(name).exists()

    def tensors(self, name: str) -> tuple[dict[str, Tensor], Path]:
        """The tensors of a file by its path, or of a part's folder; raises CheckpointError.

        The part without a name is the folder itself.
        """
        if self.file(name).is_dir():
            found = next((each for each in WEIGHTS if self.file(_inside(name, each)).is_file()), None)
            if found is None:
                raise CheckpointError(
                    f"{self.file(name)} holds no weights ({WEIGHTS[0]} or alike); get the folder again"
                )
            name = _inside(name, found)
        file = self.file(name)
        if not file.is_file():
            raise CheckpointError(f"{file} is missing; the model folder is incomplete, get it again")
        self.hashes[name] = sha256_of(file)
        return read_tensors(file), file

    def part(self, name: str) -> Part:
        """A part's settings, tensors and file; raises CheckpointError."""
        tensors, file = self.tensors(name)
        return read_json(self.file(_inside(name, "config.json"))), tensors, file


def _inside(part: str, file: str) -> str:
    return f"{part}/{file}" if part else file
