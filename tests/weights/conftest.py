"""A tiny model folder: one to read, and one per test to damage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.tiny import export_tiny, export_tiny_with_planner
from videogen.models.motion_planner import MotionPlanner
from videogen.training.export import Trained


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trained]:
    """Return the folder of a tiny model and what was exported into it."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    return folder, export_tiny(folder)


@pytest.fixture
def folder(exported: tuple[Path, Trained], tmp_path: Path) -> Path:
    """Return a copy of the tiny model's folder."""
    return Path(shutil.copytree(exported[0], tmp_path / "model"))


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MotionPlanner]:
    """Return the folder of a tiny model with a motion planner, and the planner."""
    folder = tmp_path_factory.mktemp("models") / "planned"
    return folder, export_tiny_with_planner(folder)


@pytest.fixture
def planned_folder(planned: tuple[Path, MotionPlanner], tmp_path: Path) -> Path:
    """Return a copy of that folder."""
    return Path(shutil.copytree(planned[0], tmp_path / "planned"))
