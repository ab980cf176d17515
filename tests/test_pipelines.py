"""Every program in pipelines/ runs.

A pipeline's docstring holds a line `Quick: python pipelines/NAME.py …`: a run that ends in a minute or two
on two cores, writes to a folder given by `--out`, and shows that the program still works.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PIPELINES = sorted((ROOT / "pipelines").glob("*.py"))


def quick_run(path: Path) -> list[str]:
    """Return the words after the program's name in the pipeline's own example."""
    found = re.search(
        r"^Quick: python pipelines/(\S+)(.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert found is not None, f"{path.name} shows no line 'Quick: python pipelines/{path.name} …'"
    assert found[1] == path.name
    words = shlex.split(found[2])
    assert "--out" in words, f"the quick run of {path.name} gives no --out"
    return words


def test_every_pipeline_shows_its_quick_run() -> None:
    for path in PIPELINES:
        assert quick_run(path)


@pytest.mark.slow
@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_every_pipeline_runs(path: Path, tmp_path: Path) -> None:
    words = quick_run(path)
    words[words.index("--out") + 1] = str(tmp_path / "out")
    ended = subprocess.run(
        [sys.executable, str(path), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert ended.returncode == 0, f"{path.name}: {ended.stderr[-2000:]}"
    assert any((tmp_path / "out").rglob("*")), f"{path.name} wrote nothing"
