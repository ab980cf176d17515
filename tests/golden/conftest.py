"""Fixtures by the original authors' code; `pytest tests/golden --golden DIR` takes others of that form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from torch import Tensor

OWN = Path(__file__).parent / "fixtures"
WORST = 1e-4
"""The relative L2 error that float32 on another machine may make."""


class Golden:
    """One folder: settings, weights under their original names, inputs and outputs by case."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))

    def tensors(self, name: str) -> dict[str, Tensor]:
        return load_file(self.folder / f"{name}.safetensors")

    def case(self, file: str, case: str) -> dict[str, Tensor]:
        start = f"{case}/"
        return {
            name.removeprefix(start): tensor
            for name, tensor in self.tensors(file).items()
            if name.startswith(start)
        }


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", type=Path, default=OWN, help="a folder of fixtures")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Any:
    """A function from the name of a family to its fixture."""
    root: Path = request.config.getoption("golden", OWN)

    def load(name: str) -> Golden:
        if root != OWN and not (root / name).is_dir():  # ours are all there
            pytest.skip(f"{root} has no {name}")
        return Golden(root / name)

    return load


def difference(found: Tensor, expected: Tensor) -> float:
    """The relative L2 error."""
    return float((found - expected).norm() / expected.norm())
