"""Models that lie about as single files: one file, or a folder of files that are told apart by their names.

A model needs a base (Stable Diffusion 1.5 or a fine-tune, as one file or as a folder of diffusers) and motion
modules; an autoencoder, a ControlNet for poses and a tokenizer may lie beside them, sorted into folders as
ComfyUI's and AnimateDiff's users have them, or not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from videogen.errors import CheckpointError
from videogen.weights.catalogue import TOKENIZER
from videogen.weights.diffusers_folder import Pieces, assemble, name_elsewhere
from videogen.weights.extras import merge_lora
from videogen.weights.files import PICKLES, read_header
from videogen.weights.folder import Folder, Part
from videogen.weights.formats import read_json
from videogen.weights.motion import read_motion
from videogen.weights.parts import Networks
from videogen.weights.places import obtain
from videogen.weights.recognise import recognise
from videogen.weights.single_file import stable_parts, vae_part

log = logging.getLogger(__name__)

_KINDS = {"single": "base", "motion": "motion", "vae": "vae", "controlnet": "controlnet",
          "controlnet-single": "controlnet"}  # fmt: skip
_CLASSES = {"AutoencoderKL": "vae", "AutoencoderTiny": "vae", "MotionAdapter": "motion",
            "ControlNetModel": "controlnet"}  # fmt: skip
_SUFFIXES = (".safetensors", *PICKLES)
_SUBFOLDERS = (
    "checkpoints", "stable-diffusion", "stablediffusion", "vae", "controlnet", "animatediff_models",
    "motion_module", "motion_modules",
)  # fmt: skip
"""Folders into which the field's programs sort their files."""
_OF_A_BASE = ("unet", "vae", "text_encoder", "safety_checker", "image_encoder")
"""Parts of a folder of diffusers that are read with it, or not at all."""
_LORA_SCALE = 0.8


def is_weights(path: Path) -> bool:
    """Whether a path is a file of weights, told by its ending."""
    return path.suffix in _SUFFIXES and path.is_file()


def holds_weights(folder: Path) -> bool:
    """Whether files of weights or a base lie in a folder, where `load_collection` looks for them."""
    return any(path.is_file() or _is_base(path) for path in _inside(folder))


def load_file(path: Path, *, motion_modules: Path | None = None, weights: Path | None = None) -> Networks:
    """A base in a single file with motion modules from elsewhere; raises CheckpointError.

    The tokenizer is a folder `tokenizer` beside the file, else CLIP's, found as a preset's files are.
    """
    found = recognise(read_header(path).shapes, source=str(path))
    if found.kind != "single":
        raise CheckpointError(
            f"{path} is no model of pictures ({found.title}); give Stable Diffusion 1.5 in a single file"
        )
    roles = {"base": path.name}
    if (path.parent / "tokenizer").is_dir():
        roles["tokenizer"] = "tokenizer"
    return _load(path.parent, roles, motion_modules=motion_modules, weights=weights)


def load_collection(
    path: Path, *, motion_modules: Path | None = None, weights: Path | None = None
) -> Networks:
    """A folder of files, or a folder of diffusers with motion modules in it; raises CheckpointError."""
    roles: dict[str, list[str]] = {"base": [""]} if _is_base(path) else {}
    known = {"base", "tokenizer"} if roles else set()
    for found in _inside(path):
        if roles.get("base") == [""] and found.name in _OF_A_BASE:
            continue
        role = _role(found)
        if role is None:
            log.warning("%s is not used here", found)
        elif role not in known and not (role == "motion" and motion_modules is not None):
            roles.setdefault(role, []).append(str(found.relative_to(path)))
    for role, names in roles.items():
        if len(names) > 1:
            raise CheckpointError(
                f"{path} holds {len(names)} files for one part, the {role}: {', '.join(names)}; leave one of "
                f"them there"
            )
    alone = {role: names[0] for role, names in roles.items()}
    return _load(path, alone, motion_modules=motion_modules, weights=weights)


def put_together(folder: Folder, roles: Mapping[str, str]) -> Networks:
    """Networks of the parts that have these names in a folder; raises CheckpointError.

    `base`, `motion` and `tokenizer` must be named; `vae`, `controlnet` and `lora` (merged at 0.8, as its
    authors do) may be.
    """
    parts = _base_parts(folder, roles["base"])
    if "vae" in roles:
        parts["vae"] = _part(folder, roles["vae"], vae_part)
    if missing := sorted({"unet", "vae", "text_encoder"} - parts.keys()):
        raise CheckpointError(
            f"{folder.file(roles['base'])} holds no {' and no '.join(missing)}; give a file that is whole"
        )
    control = (roles["controlnet"],) if "controlnet" in roles else ()
    pieces = Pieces(
        unet=parts["unet"],
        vae=parts["vae"],
        text_encoder=parts["text_encoder"],
        tokenizer=folder.file(roles["tokenizer"]),
        motion=read_motion(folder, roles["motion"]),
        controlnets=control,
    )
    networks = assemble(pieces, folder)
    if "lora" in roles:
        tensors, file = folder.tensors(roles["lora"])
        merge_lora(networks, tensors, scale=_LORA_SCALE, source=str(file))
    return networks


def _base_parts(folder: Folder, name: str) -> dict[str, Part]:
    """The parts of a base: a single file, or a folder of diffusers, here where the name is empty."""
    if not folder.file(name).is_file():
        start = f"{name}/" if name else ""
        return {part: folder.part(f"{start}{part}") for part in ("unet", "vae", "text_encoder")}
    tensors, file = folder.tensors(name)
    found = recognise(tensors, source=str(file))
    if found.kind != "single":
        raise CheckpointError(f"{file} is a {found.title}; give Stable Diffusion 1.5 in a single file")
    return stable_parts(tensors, source=file)


def _load(
    path: Path, roles: dict[str, str], *, motion_modules: Path | None, weights: Path | None
) -> Networks:
    """Every network of files in `path` whose roles are known."""
    files: dict[str, Path] = {}
    if motion_modules is not None:
        roles["motion"] = name_elsewhere(motion_modules)
        files[roles["motion"]] = motion_modules
    if "base" not in roles:
        raise CheckpointError(
            f"{path} holds {', '.join(roles.values()) or 'nothing of use'} and no model of pictures; put "
            f"Stable Diffusion 1.5 there, as one file or as a folder of diffusers"
        )
    base = path / roles["base"]
    if "motion" not in roles:
        raise CheckpointError(
            f"{base} has no motion modules; put those of AnimateDiff beside it, or give --motion-modules"
        )
    if (base / "tokenizer").is_dir():
        roles["tokenizer"] = str((base / "tokenizer").relative_to(path))
    elif "tokenizer" not in roles:
        files |= obtain([TOKENIZER], name=f"{base}, a file without a tokenizer,", weights=weights)
        roles["tokenizer"] = "tokenizer"
    return put_together(Folder(path, files=files), roles)


def _part(folder: Folder, name: str, read: Callable[..., Part]) -> Part:
    """A part from its folder, or from a file of its own, which `read` makes sense of."""
    if folder.file(name).is_dir():
        return folder.part(name)
    tensors, file = folder.tensors(name)
    return read(tensors, source=file)


def _inside(folder: Path) -> Iterator[Path]:
    """Files of weights and folders of parts, in order; what may not be read is passed over."""
    for path in _listed(folder):
        if path.suffix in _SUFFIXES and path.is_file():
            yield path
        elif path.is_dir():
            if _is_part(path):
                yield path
            elif path.name.lower() in _SUBFOLDERS:
                yield from (each for each in _listed(path) if is_weights(each))


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _role(path: Path) -> str | None:
    """What a file or a part's folder is for; None where nothing here uses it."""
    if path.is_file():
        return _KINDS.get(recognise(read_header(path).shapes, source=str(path)).kind)
    if _is_base(path):
        return "base"
    if (path / "config.json").is_file():
        return _CLASSES.get(str(read_json(path / "config.json").get("_class_name")))
    return "tokenizer"


def _is_base(folder: Path) -> bool:
    return (folder / "unet" / "config.json").is_file()


def _is_part(folder: Path) -> bool:
    files = ("config.json", "vocab.json", "tokenizer.json")
    return _is_base(folder) or any((folder / name).is_file() for name in files)
