"""Poses that were found in a file before, kept in the user's cache, so that nobody waits for them twice.

The key is the file's content and how it was looked at, so that a changed file is looked at again. What
cannot be kept, or is damaged, is found anew. `VIDEOGEN_CACHE` names another folder for the cache.
"""

from __future__ import annotations

import hashlib
import logging
import os
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

from videogen.media.files import open_file
from videogen.skeleton import KEYPOINTS
from videogen.types import Pose

log = logging.getLogger(__name__)

MOST_KEPT = 100
"""Poses that are kept; those unused for longest go."""
_PART = 1 << 20
_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


def remembered(path: Path, *, how: str, find: Callable[[], Pose]) -> Pose:
    """The pose found before in a file of the same content in the same way, else what `find` finds now.

    `how` says in which way. Errors of `find` pass, and MediaError where the file cannot be read.
    """
    with open_file(path, doing="read as a video or picture") as file:
        content = hashlib.sha256(f"{how} {KEYPOINTS} ".encode())
        while part := file.read(_PART):
            content.update(part)
    name = content.hexdigest()
    kept = cache_folder() / "poses" / f"{name}.npz"
    pose = _load(kept)
    if pose is None:
        pose = find()
        _keep(kept, pose)
    return pose


def cache_folder() -> Path:
    """The user's folder for what can be made again."""
    named = os.environ.get("VIDEOGEN_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "videogen"


def _load(kept: Path) -> Pose | None:
    try:
        with np.load(kept, allow_pickle=False) as values:
            points, (over, under), aspect = values["points"], values["fps"].tolist(), float(values["aspect"])
        if points.ndim != 3 or points.shape[1:] != (KEYPOINTS, 3) or not np.isfinite(points).all():
            return None
        os.utime(kept)
    except _DAMAGED:
        return None
    return Pose(
        points.astype(np.float32), fps=Fraction(over, under) if under else None, aspect=aspect or None
    )


def _keep(kept: Path, pose: Pose) -> None:
    rate = (0, 0) if pose.fps is None else (pose.fps.numerator, pose.fps.denominator)
    partial = kept.with_name(f".{kept.stem}.{os.getpid()}.partial.npz")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        try:
            np.savez(partial, points=pose.points, fps=np.array(rate), aspect=np.array(pose.aspect or 0.0))
            partial.replace(kept)
        finally:
            partial.unlink(missing_ok=True)
        others = sorted(kept.parent.glob("*.npz"), key=lambda other: other.stat().st_mtime, reverse=True)
        for other in others[MOST_KEPT:]:
            other.unlink(missing_ok=True)
    except OSError as error:
        log.info("the pose is not kept for the next time: %s", error)
