"""A model's folder whose parts are read one by one, and noted with their hashes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from videogen.errors import CheckpointError
from videogen.weights.files import PICKLES, read_tensors
from videogen.weights.formats import read_json, sha256_of

Part = tuple[dict[str, Any], dict[str, Tensor], Path]
"""A part's settings, its tensors, and the file that they are from."""

_NAMES = ("diffusion_pytorch_model", "model", "pytorch_model")


class Folder:
    """A folder whose files are read, and noted with their hashes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hashes: dict[str, str] = {}

    def tensors(self, name: str) -> tuple[dict[str, Tensor], Path]:
        """The tensors of a file by its path, or of a part's folder."""
        file = self.path / name
        file = weights_of(file) if file.is_dir() else file
        if not file.is_file():
            raise CheckpointError(f"{file} is missing; the model folder is incomplete, get it again")
        self.hashes[str(file.relative_to(self.path))] = sha256_of(file)
        return read_tensors(file), file

    def part(self, name: str) -> Part:
        """A part's settings, tensors and file."""
        tensors, file = self.tensors(name)
        return read_json(self.path / name / "config.json"), tensors, file


def weights_of(folder: Path) -> Path:
    """The file of a part's weights: safetensors first, whole numbers before half ones."""
    for kind in (".safetensors", *PICKLES):
        for variant in ("", ".fp16"):
            for name in _NAMES:
                if (folder / f"{name}{variant}{kind}").is_file():
                    return folder / f"{name}{variant}{kind}"
    raise CheckpointError(
        f"{folder} holds no weights ({_NAMES[0]}.safetensors or alike); get the folder again"
    )
