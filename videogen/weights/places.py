"""Where a public model's files are: in the user's folder, in the hub's cache, else on the hub.

In: what a preset needs. Out: a path for every file, or one CheckpointError that names each that is missing
with its size, its licence and the place to put it.
"""

from __future__ import annotations

import logging
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from videogen.errors import CheckpointError, RequestError
from videogen.weights.catalogue import PRESETS, Choice, File, Need

log = logging.getLogger(__name__)

_ROOTS = ("", "pretrained_models", "pretrained_weights")
"""Folders in which MagicAnimate's and AnimateAnyone's instructions put everything."""
_PATIENCE = 5.0
"""Seconds that the hub has for its first answer."""
_COMMON = ("diffusion_pytorch_model", "model", "pytorch_model")
"""Names that say nothing about what a file is."""


@dataclass(frozen=True)
class Found:
    """A file, and where it lies; None where it is not on this machine."""

    file: File
    path: Path | None


def check_folder(weights: Path | None) -> None:
    """Raise RequestError where the user's folder of weights is none."""
    try:
        there = weights is None or weights.is_dir()
    except OSError:
        there = False
    if not there:
        raise RequestError(f"--weights {str(weights)[:200]} is no folder; give the one that holds the files")


def find(file: File, *, weights: Path | None = None) -> Path | None:
    """Where a file lies on this machine: below `weights`, else in the hub's cache."""
    from huggingface_hub import try_to_load_from_cache

    if weights is not None:
        for place in _places(file, weights):
            if place.is_file():
                return place
    cached = try_to_load_from_cache(file.repo, file.path)
    return Path(cached) if isinstance(cached, str) else None


def _places(file: File, weights: Path) -> Iterator[Path]:
    """Paths that a file may have in a user's folder: the hub's layouts, its families', its own name."""
    owner, _, name = file.repo.partition("/")
    for start in _ROOTS:
        root = weights / start
        for home in (f"{owner}--{name}", file.repo, name):
            yield root / home / file.path
        yield from sorted(root.glob(f"models--{owner}--{name}/snapshots/*/{file.path}"))
        for path in file.also:
            yield root / path
        bare = PurePosixPath(file.path)
        if bare.name.split(".")[0] not in _COMMON and bare.suffix not in (".json", ".txt"):
            yield root / bare.name


def choose(need: Need, *, weights: Path | None = None) -> list[Found]:
    """The files of the choice of which the smallest share is missing, the first of equals."""
    choices = [[Found(file, find(file, weights=weights)) for file in choice] for choice in need.choices]
    return min(choices, key=lambda found: missing_size(found) / sum(one.file.size for one in found))


def missing_size(found: Iterable[Found]) -> int:
    """How many bytes are not on this machine."""
    return sum(one.file.size for one in found if one.path is None)


def obtain(needs: Iterable[Need], *, name: str, weights: Path | None = None) -> dict[str, Path]:
    """A path for every file by its place in the layout; what is missing is fetched from the hub.

    `name` is the model's, for messages. Raises CheckpointError naming every file that cannot be had,
    RequestError where `weights` is no folder.
    """
    check_folder(weights)
    found = [one for need in needs for one in choose(need, weights=weights)]
    paths = {one.file.place: one.path for one in found if one.path is not None}
    missing = tuple(one.file for one in found if one.path is None)
    if missing:
        paths |= _fetch(missing, name=name, weights=weights)
    restricted = dict.fromkeys(one.file.licence for one in found if not one.file.licence.commercial)
    for licence in restricted:
        log.warning("the weights of %s may not be used commercially (%s)", name, licence.name)
    return paths


def _fetch(files: Choice, *, name: str, weights: Path | None) -> dict[str, Path]:
    """Download files into the hub's cache; raises CheckpointError naming all that did not come."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    from videogen.weights.formats import first_line

    came: dict[str, Path] = {}
    reason = _no_way()
    for file in () if reason else files:
        log.info("fetching %s of %s (%s)", file.path, file.repo, shown(file.size))
        try:
            came[file.place] = Path(hf_hub_download(file.repo, file.path))
        except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
            reason = reason or first_line(error)
    left = [file for file in files if file.place not in came]
    if left:
        lines = [f"{where(one, weights=weights)} ({shown(one.size)}, {one.licence})" for one in left]
        total = shown(sum(file.size for file in left))
        here = f"; for the folder {name} that is here give ./{name}" if Path(name).is_dir() else ""
        raise CheckpointError(
            f"{name} needs {len(left)} more file{'s' * (len(left) > 1)}, {total} in all, which the hub did "
            f"not give ({reason[:200].rstrip('.')}); get them from huggingface.co where it can be reached, "
            f"put them here and give --weights {weights or 'DIR'}: {'; '.join(lines)}{here}"
        )
    return came


def _no_way() -> str:
    """Why the hub cannot be reached, at once and without trying again; empty where it can."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    try:
        urllib.request.urlopen(urllib.request.Request(constants.ENDPOINT, method="HEAD"), timeout=_PATIENCE)
    except urllib.error.HTTPError:
        return ""
    except urllib.error.URLError as error:
        # The hub's client may trust other certificates than Python does.
        return "" if isinstance(error.reason, ssl.SSLError) else f"it cannot be reached: {error.reason}"
    except OSError as error:
        return f"it cannot be reached: {error}"
    return ""


def describe_presets(*, weights: Path | None = None) -> Iterator[str]:
    """Lines about every preset: how much of it is here, and each file with its size, licence and place.

    Raises RequestError where `weights` is no folder.
    """
    check_folder(weights)
    for preset in PRESETS.values():
        found = [one for need in preset.needs for one in choose(need, weights=weights)]
        lacking = missing_size(found)
        width = max(len(str(one.file.licence)) for one in found)
        state = f"{shown(lacking)} missing" if lacking else "here"
        yield f"{preset.name:<30} {state:>20}  {preset.title}"
        for one in found:
            place = where(one.file, weights=weights) if one.path is None else str(one.path)
            have = "missing" if one.path is None else "here"
            yield f"  {have:<8} {shown(one.file.size):>8}  {one.file.licence!s:<{width}}  {place}"


def where(file: File, *, weights: Path | None = None) -> str:
    """The place for a file in the user's folder: repository and path as on the hub."""
    return str((weights or Path("DIR")) / file.repo.replace("/", "--") / file.path)


def shown(size: int) -> str:
    """A size in bytes, for people."""
    for unit, name in ((1_000_000_000, "GB"), (1_000_000, "MB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{max(1, size // 1000)} kB"
