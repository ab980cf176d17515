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
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers import AutoencoderTiny
from torch import nn

from videogen.errors import CheckpointError, RequestError
from videogen.models.conditioned import ConditionedUNet
from videogen.models.motion_planner import MotionPlanner, MotionPlannerConfig
from videogen.models.temporal_unet import TemporalUNetConfig
from videogen.weights import modelscope, svd
from videogen.weights.animators import (
    is_animate_anyone,
    is_magic_animate,
    load_animate_anyone,
    load_magic_animate,
)
from videogen.weights.catalogue import PRESETS
from videogen.weights.diffusers_folder import PIPELINES, STILL, load_diffusers
from videogen.weights.formats import first_line, read_json, read_weights, sha256_of
from videogen.weights.installed import ENHANCERS, INDEX, POCKET
from videogen.weights.loose_files import holds_weights, is_weights, load_collection, load_file
from videogen.weights.parts import (
    Network,
    Networks,
    build,
    check_pairs,
    fill,
    make_text_encoder,
    make_tiny_vae,
    plain,
    read_scheduler,
)
from videogen.weights.places import check_folder
from videogen.weights.presets import load_preset, preset_folder
from videogen.weights.spec import ModelSpec

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

__all__ = ["Networks", "find_model", "load_model", "load_networks"]

MODEL = "VideogenModel"
PARTS = {
    "denoiser": "diffusion_pytorch_model.safetensors",
    "vae": "diffusion_pytorch_model.safetensors",
    "text_encoder": "model.safetensors",
}
"""The parts of a model folder that hold weights, and the names of their files."""

OPTIONAL_PARTS = {
    "planner": "diffusion_pytorch_model.safetensors",
    **dict.fromkeys(ENHANCERS, "diffusion_pytorch_model.safetensors"),
}
"""Parts with weights that a model may lack; the index names those that it has.

`ENHANCERS` among them are for finished frames: `enhancers` loads them when they are asked for.
"""

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
    _check_class(read_json(folder / INDEX), expected=MODEL, source=f"the {INDEX} of the hub's {name}")
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
    return _load_own(folder, index)


def _load_own(folder: Path, index: dict[str, Any]) -> Networks:
    """A model in this project's layout."""
    _check_class(index, expected=MODEL, source=str(folder / INDEX))
    spec = ModelSpec.from_dict(index.get("videogen"), source=str(folder / INDEX))
    unet = read_json(folder / "denoiser" / "config.json")
    vae = read_json(folder / "vae" / "config.json")
    text = read_json(folder / "text_encoder" / "config.json")
    _check_class(unet, expected="ConditionedUNet", source=f"the denoiser of {folder}")
    _check_class(vae, expected="AutoencoderTiny", source=f"the vae of {folder}")
    wanted = {part for part in OPTIONAL_PARTS if part in index and part not in ENHANCERS}
    parts = PARTS | {part: OPTIONAL_PARTS[part] for part in wanted}
    networks = Networks(
        spec=spec,
        denoiser=_load(folder, "denoiser", lambda: _make_denoiser(plain(unet), spec)),
        vae=_load(folder, "vae", lambda: _make_vae(plain(vae))),
        text_encoder=_load(folder, "text_encoder", lambda: make_text_encoder(plain(text))),
        planner=_load_planner(folder) if "planner" in parts else None,
        tokenizer=build(folder / "tokenizer", lambda: _read_tokenizer(folder / "tokenizer")),
        **read_scheduler(folder / "scheduler" / "scheduler_config.json"),
        hashes={f"{part}/{file}": sha256_of(folder / part / file) for part, file in parts.items()},
    )
    _check_together(networks, folder)
    for network in (networks.denoiser, networks.vae):
        nn.Module.to(network, memory_format=torch.channels_last)
    return networks


def _load(folder: Path, part: str, make: Callable[[], Network]) -> Network:
    """Build a part and fill it from its file."""
    path = folder / part / (PARTS | OPTIONAL_PARTS)[part]
    return fill(make, read_weights(path), source=path)


def _make_denoiser(config: dict[str, Any], spec: ModelSpec) -> ConditionedUNet:
    return ConditionedUNet(TemporalUNetConfig.from_dict(config), latent_channels=spec.latent_channels)


def _make_vae(config: dict[str, Any]) -> AutoencoderTiny:
    """An autoencoder whose scale and shift are written down, whatever the default is."""
    return make_tiny_vae({**config, **{name: config[name] for name in ("scaling_factor", "shift_factor")}})


def _load_planner(folder: Path) -> MotionPlanner:
    config = read_json(folder / "planner" / "config.json")
    _check_class(config, expected="MotionPlanner", source=f"the planner of {folder}")

    def make() -> MotionPlanner:
        values = plain(config)
        text = values.pop("text_encoder")
        return MotionPlanner(MotionPlannerConfig.from_dict(values), make_text_encoder(plain(text)))

    return _load(folder, "planner", make)


def _read_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(
        folder, local_files_only=True
    )
    return tokenizer


def _check_together(networks: Networks, folder: Path) -> None:
    """Raise CheckpointError where parts that are sound by themselves do not belong together."""
    spec, unet, vae = networks.spec, networks.denoiser.unet.config, networks.vae.config
    encoder, words = networks.language
    text = encoder.config
    halvings = len(vae.encoder_block_out_channels) - 1
    pairs = {
        "channels of the vae's latents": (vae.latent_channels, spec.latent_channels),
        "pixels of the vae's latents": (2**halvings, spec.vae_scale_factor),
        "steps of the pose encoder": (len(unet.pose_widths) - 1, halvings),
        "channels of the prediction": (unet.out_channels, spec.latent_channels),
        "width of the text encoder": (text.hidden_size, unet.cross_attention_dim),
        "words of the tokenizer": (min(len(words), text.vocab_size), len(words)),
        "length of the tokenizer": (
            min(words.model_max_length, text.max_position_embeddings),
            words.model_max_length,
        ),
    }
    if networks.planner is not None:
        planner = networks.planner.text_encoder.config
        pairs["words of the planner"] = (planner.vocab_size, text.vocab_size)
        pairs["length of the planner's sentences"] = (
            planner.max_position_embeddings,
            text.max_position_embeddings,
        )
    check_pairs(pairs, folder)


def _check_class(config: dict[str, Any], *, expected: str, source: str) -> None:
    found = config.get("_class_name")
    if found != expected:
        raise CheckpointError(
            f"{source} describes a {found!r}; this version runs models whose class is {expected!r}, "
            f"as pocket and what 'videogen train' exports"
        )
