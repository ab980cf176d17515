"""Which models are on this machine: pocket inside the package, and pipelines in the hub's cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

POCKET = Path(__file__).parent / "pocket"
INDEX = "model_index.json"
ENHANCERS = {"interpolator": "Interpolator", "upscaler": "Upscaler"}
"""Parts that work on finished frames, and their classes; no clip that is made pays for loading them."""
CLIP = "clip"
"""The part that says how well clips agree with words, which is loaded where that is asked for."""


@dataclass(frozen=True)
class InstalledModel:
    """A model's name, its size on the disk in bytes, and the folder that holds it."""

    name: str
    size: int
    folder: Path


def installed_models() -> Iterator[InstalledModel]:
    """Find pocket first, then the hub's pipelines by name; nothing is loaded, and nothing fetched."""
    from huggingface_hub import CacheNotFound, scan_cache_dir

    if (POCKET / INDEX).is_file():
        size = sum(file.stat().st_size for file in POCKET.rglob("*") if file.is_file())
        yield InstalledModel(name="pocket", size=size, folder=POCKET)
    try:
        cached = scan_cache_dir().repos
    except CacheNotFound:
        return
    for repo in sorted(cached, key=lambda repo: repo.repo_id):
        for revision in repo.revisions:
            if (revision.snapshot_path / INDEX).is_file():
                yield InstalledModel(name=repo.repo_id, size=repo.size_on_disk, folder=revision.snapshot_path)
