"""A model's name or folder to its networks.

A name is `pocket` (inside the package), a folder, or `owner/name` on the Hugging Face hub. A model folder
has diffusers' layout: `model_index.json`, a folder per part with its `config.json` and safetensors file.
Only the classes named here are ever built, whatever a file says, and nothing is built that the file of
weights does not fill.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import diffusers
import torch
from torch import nn

from videogen.errors import CheckpointError
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
from videogen.weights.diffusers_folder import PIPELINES, load_diffusers
from videogen.weights.formats import first_line, read_json, read_weights, sha256_of
from videogen.weights.installed import INDEX, POCKET
from videogen.weights.parts import (
    Network,
    Networks,
    build,
    check_pairs,
    fill,
    make_text_encoder,
    plain,
    read_scheduler,
)
from videogen.weights.presets import ModelSpec

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

__all__ = ["Networks", "find_model", "load_networks"]

MODEL = "VideogenModel"
PARTS = {
    "denoiser": "diffusion_pytorch_model.safetensors",
    "vae": "diffusion_pytorch_model.safetensors",
    "text_encoder": "model.safetensors",
}
"""The parts of a model folder that hold weights, and the names of their files."""

OPTIONAL_PARTS = {"planner": "diffusion_pytorch_model.safetensors"}
"""Parts with weights that a model may lack; the index names those that it has."""

_ALL_PARTS = (*PARTS, *OPTIONAL_PARTS, "tokenizer", "scheduler")
_DOWNLOADED = [INDEX, *(f"{part}/*.{kind}" for part in _ALL_PARTS for kind in ("json", "txt", "safetensors"))]


def find_model(name: str | Path) -> Path:
    """The folder of a model; raises CheckpointError that says what was looked for and what to do."""
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
    except (OSError, RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"the model {text[:80]!r} cannot be looked for ({first_line(error)[:120]})"
        ) from error
    if is_folder:
        raise CheckpointError(
            f"the folder {text!r} has no {INDEX}; give the folder of a model in diffusers' layout"
        )
    if re.fullmatch(r"[\w.-]+/[\w.-]+", text):
        return _download(text)
    raise CheckpointError(f"no model is called {text!r}; give 'pocket', a folder, or 'owner/name' on the hub")


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


def load_networks(folder: Path) -> Networks:
    """Build every part of a model folder and load its weights, float32 on the CPU; raises CheckpointError."""
    if is_animate_anyone(folder):
        return load_animate_anyone(folder)
    if is_magic_animate(folder):
        return load_magic_animate(folder)
    index = read_json(folder / INDEX)
    if index.get("_class_name") in PIPELINES:
        return load_diffusers(folder, index)
    if index.get("_class_name") == svd.PIPELINE:
        return svd.load_svd(folder)
    if index.get("_class_name") == modelscope.PIPELINE:
        return modelscope.load_modelscope(folder)
    _check_class(index, expected=MODEL, source=str(folder / INDEX))
    spec = ModelSpec.from_dict(index.get("videogen"), source=str(folder / INDEX))
    unet = read_json(folder / "denoiser" / "config.json")
    vae = read_json(folder / "vae" / "config.json")
    text = read_json(folder / "text_encoder" / "config.json")
    _check_class(unet, expected="ConditionedUNet", source=f"the denoiser of {folder}")
    _check_class(vae, expected="AutoencoderTiny", source=f"the vae of {folder}")
    parts = PARTS | {part: file for part, file in OPTIONAL_PARTS.items() if part in index}
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


def _make_vae(config: dict[str, Any]) -> diffusers.AutoencoderTiny:
    config.pop("block_out_channels", None)  # diffusers writes it, and does not take it back
    if not (0 < config["scaling_factor"] < math.inf and math.isfinite(config["shift_factor"])):
        raise ValueError(
            f"scale {config['scaling_factor']} and shift {config['shift_factor']} of the latents"
        )
    return diffusers.AutoencoderTiny(**config)


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
