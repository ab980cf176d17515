"""A model's name, folder or file to its networks.

A name is `pocket` (inside the package), a preset, a folder, a single file, or `owner/name` on the Hugging
Face hub. A model folder has diffusers' layout: `model_index.json`, a folder per part with its `config.json`
and safetensors file; or it holds files that are told apart by what is in them.
Only the classes named here are ever built, whatever a file says, and nothing is built that the file of
weights does not fill.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from videogen.errors import CheckpointError, RequestError
from videogen.weights import modelscope, svd
from videogen.weights.animators import (
    is_animate_anyone,
    is_magic_animate,
    load_animate_anyone,
    load_magic_animate,
)
from videogen.weights.catalogue import PRESETS
from videogen.weights.diffusers_folder import PIPELINES, STILL, load_diffusers
from videogen.weights.formats import first_line, read_json
from videogen.weights.installed import INDEX, POCKET
from videogen.weights.loose_files import holds_weights, is_weights, load_collection, load_file
from videogen.weights.own_layout import BASE, MODEL, PARTS, check_class, load_own
from videogen.weights.parts import Networks
from videogen.weights.places import check_folder
from videogen.weights.presets import load_preset, preset_folder

__all__ = ["Networks", "find_model", "load_model", "load_networks"]

_ALL_PARTS = (*PARTS, "planner", "tokenizer", "scheduler")
_DOWNLOADED = [INDEX, *(f"{part}/*.{kind}" for part in _ALL_PARTS for kind in ("json", "txt", "safetensors"))]


def load_model(
    name: str | Path, *, weights: Path | None = None, motion_modules: Path | None = None
) -> Networks:
    """The networks of a model by its name, float32 on the CPU; raises CheckpointError or RequestError.

    `weights` is a folder in which files are looked for first; `motion_modules`, a file or an adapter's
    folder, take the place of the model's own.
    """
    check_folder(weights)
    _check_motion(motion_modules)
    preset = PRESETS.get(str(name))
    if preset is None:
        path = find_model(name, weights=weights)
        return load_networks(path, weights=weights, motion_modules=motion_modules)
    if preset.layout == "folder":
        return load_networks(preset_folder(preset, weights=weights), motion_modules=motion_modules)
    return load_preset(preset, weights=weights, motion_modules=motion_modules)


def _check_motion(path: Path | None) -> None:
    """Raise RequestError where motion modules are no file of weights and no folder."""
    reason = "is no file of weights"
    try:
        there = path is None or is_weights(path) or path.is_dir()
    except OSError as error:
        there, reason = False, f"cannot be read ({error.strerror})"
    if not there:
        raise RequestError(
            f"--motion-modules {str(path)[:200]} {reason}; give motion modules, or an adapter's folder"
        )


def find_model(name: str | Path, *, weights: Path | None = None) -> Path:
    """The folder or file of a model; raises CheckpointError that says what was looked for and what to do.

    In `weights` a model of the hub is looked for by its name, as `owner--name` or `owner/name`.
    """
    text = str(name)
    if text == "pocket":
        if not (POCKET / INDEX).is_file():
            raise CheckpointError(f"this installation has no weights of pocket ({POCKET}); install it again")
        return POCKET
    try:
        folder = Path(name).expanduser()
        if (folder / INDEX).is_file() or is_animate_anyone(folder) or is_magic_animate(folder):
            return folder
        is_folder = folder.is_dir()
        if is_weights(folder) or (is_folder and holds_weights(folder)):
            return folder
    except (OSError, RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"the model {text[:80]!r} cannot be looked for ({first_line(error)[:120]})"
        ) from error
    if is_folder:
        raise CheckpointError(
            f"the folder {text!r} has no {INDEX} and no files of weights; give the folder of a model in "
            f"diffusers' layout, or of its files"
        )
    if re.fullmatch(r"\w[\w.-]*/[\w.-]+", text):
        homes = [] if weights is None else [weights / text.replace("/", "--"), weights / text]
        return next((home for home in homes if (home / INDEX).is_file()), None) or _download(text)
    near = difflib.get_close_matches(text.lower(), ["pocket", *PRESETS], n=1)
    meant = f"did you mean {near[0]!r}? Or " if near else ""
    raise CheckpointError(
        f"no model is called {text!r}; {meant}give 'pocket', a folder, or 'owner/name' on the hub, "
        f"a single file, or one of {', '.join(PRESETS)}"
    )


def _download(name: str) -> Path:
    """A snapshot of a hub repository; its index comes first, so that a foreign model costs nothing."""
    folder = _fetch(name, [INDEX])
    if not (folder / INDEX).is_file():
        raise CheckpointError(f"the hub's {name} has no {INDEX}; it is not a model in diffusers' layout")
    check_class(read_json(folder / INDEX), expected=MODEL, source=f"the {INDEX} of the hub's {name}")
    return _fetch(name, _DOWNLOADED)


def _fetch(name: str, patterns: list[str]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise CheckpointError(
            f"the model {name} is not on this machine and the hub did not give it ({first_line(error)}); "
            f"check the name and the network, or download it elsewhere and give its folder"
        ) from error


def load_networks(
    folder: Path, *, weights: Path | None = None, motion_modules: Path | None = None
) -> Networks:
    """Build every part of a model folder and load its weights, float32 on the CPU; raises CheckpointError.

    `weights` and `motion_modules` as for `load_model`; raises RequestError where the model takes none.
    """
    if folder.is_file():
        return load_file(folder, weights=weights, motion_modules=motion_modules)
    index = {} if not (folder / INDEX).is_file() else read_json(folder / INDEX)
    kind, animator = index.get("_class_name"), is_animate_anyone(folder) or is_magic_animate(folder)
    still = kind == STILL and (folder / "unet").is_dir()
    if still or not (index or animator):
        return load_collection(folder, weights=weights, motion_modules=motion_modules)
    if kind in PIPELINES:
        return load_diffusers(folder, index, motion_modules=motion_modules)
    if motion_modules is not None:
        raise RequestError(
            f"the model {folder} takes no motion modules; leave --motion-modules out, or give a model of "
            f"Stable Diffusion 1.5"
        )
    if kind == svd.PIPELINE:
        return svd.load_svd(folder)
    if kind == modelscope.PIPELINE:
        return modelscope.load_modelscope(folder)
    if animator:
        return (load_animate_anyone if is_animate_anyone(folder) else load_magic_animate)(folder)
    check_class(index, expected=MODEL, source=str(folder / INDEX))
    base = index.get(BASE)
    return load_own(folder, index, base=None if base is None else find_model(str(base)))
