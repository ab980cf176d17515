"""The networks that better finished frames: pocket's own, or a checkpoint of the field.

In: nothing (pocket's parts `interpolator` and `upscaler`), the folder of such a part or of a model that has
it, or a file: one of RIFE's for frames in between; for larger pictures anything that spandrel knows. Out: the
network in evaluation mode, and the hashes of its files for the record. Files are read as strictly as all
others: safetensors, or archives without anything that runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

from torch import Tensor

from videogen.errors import CheckpointError, RequestError
from videogen.models.interpolator import Interpolator, InterpolatorConfig
from videogen.models.rife import Rife
from videogen.models.single_image import SingleImageUpscaler
from videogen.models.upscaler import Upscaler, UpscalerConfig
from videogen.weights.files import read_tensors
from videogen.weights.folder import Folder
from videogen.weights.formats import sha256_of
from videogen.weights.installed import ENHANCERS, POCKET
from videogen.weights.parts import Network, fill, plain
from videogen.weights.rife import describe_rife, rife_config, rife_tensors
from videogen.weights.spandrel_models import read_spandrel

_OWN = "diffusion_pytorch_model.safetensors"


@dataclass(frozen=True)
class Enhancer(Generic[Network]):
    """A loaded network, what it is for people, and the SHA-256 of its files by name."""

    network: Network
    title: str
    hashes: dict[str, str]


def has_enhancer(part: str) -> bool:
    """Whether pocket has the `part` interpolator or upscaler in this installation."""
    return (POCKET / part / "config.json").is_file()


def load_interpolator(path: Path | None = None) -> Enhancer[Interpolator] | Enhancer[Rife]:
    """What makes frames in between: pocket's, or that of a folder or of a RIFE checkpoint.

    Float32 on the CPU. Raises CheckpointError that says what was found and what to give.
    """
    if path is None or path.is_dir():
        return _load_part(path, "interpolator", lambda v: Interpolator(InterpolatorConfig(**v)))
    tensors = rife_tensors(_tensors(path, what="an interpolator"))
    config = rife_config(tensors, source=str(path))
    network = fill(lambda: Rife(config), tensors, source=path)
    return Enhancer(network, describe_rife(config), {path.name: sha256_of(path)})


def load_upscaler(
    path: Path | None = None, *, scale: int
) -> Enhancer[Upscaler] | Enhancer[SingleImageUpscaler]:
    """What makes pictures larger by `scale`, in one pass or several: pocket's, a folder's, or a checkpoint.

    Float32 on the CPU. Raises CheckpointError for files, RequestError for a scale that the network cannot
    make, MissingExtra for a checkpoint without spandrel.
    """
    found: Enhancer[Upscaler] | Enhancer[SingleImageUpscaler]
    if path is None or path.is_dir():
        found = _load_part(path, "upscaler", lambda v: Upscaler(UpscalerConfig(**v)))
    else:
        network, title = read_spandrel(_tensors(path, what="an upscaler"), source=path)
        found = Enhancer(network, title, {path.name: sha256_of(path)})
    if not _reaches(found.network.scale, scale):
        raise RequestError(
            f"{path or 'pocket'} makes pictures {found.network.scale} times as large, which does not lead to "
            f"{scale} times; give --scale {found.network.scale}, or another checkpoint"
        )
    return found


def _reaches(step: int, scale: int) -> bool:
    """Whether so many times larger is reached by steps of that size."""
    reached = step
    while step > 1 and reached < scale:
        reached *= step
    return reached == scale


def _tensors(path: Path, *, what: str) -> dict[str, Tensor]:
    if not path.exists():
        raise CheckpointError(f"{path} is not there; give the file of {what}, or leave --checkpoint out")
    return read_tensors(path)


def _load_part(
    path: Path | None, part: str, make: Callable[[Mapping[str, Any]], Network]
) -> Enhancer[Network]:
    """An own part: of pocket, of a model's folder, or the folder of the part itself."""
    home = POCKET if path is None else path
    folder = home / part if (home / part).is_dir() else home
    if path is None and folder == home:
        raise CheckpointError(
            f"pocket has no {part} in this installation ({home / part}); install videogen again, or give "
            f"--checkpoint"
        )
    if not (folder / "config.json").is_file():
        raise CheckpointError(
            f"{path} is neither an {part}'s folder (config.json and {_OWN}) nor a model with one; give such "
            f"a folder, or a checkpoint's file"
        )
    whole = Folder(folder.parent)
    config, tensors, file = whole.part(folder.name)
    if config.get("_class_name") != ENHANCERS[part]:
        raise CheckpointError(
            f"{folder / 'config.json'} describes a {config.get('_class_name')!r}; expected an "
            f"{ENHANCERS[part]!r}"
        )
    values = {name: tuple(v) if isinstance(v, list) else v for name, v in plain(config).items()}
    network = fill(lambda: make(values), tensors, source=file)
    title = f"pocket's {part}" if path is None else f"the {part} of {path}"
    return Enhancer(network, title, whole.hashes)
