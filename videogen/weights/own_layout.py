"""A model folder in this project's layout: pocket's, and what training exports.

`model_index.json` names the parts and carries the spec; each part is a folder with its `config.json` and
safetensors file. A model that shares parts with another names that as its `base`, and holds its own alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers import AutoencoderTiny
from torch import nn

from videogen.errors import CheckpointError
from videogen.models.conditioned import ConditionedUNet
from videogen.models.motion_planner import MotionPlanner, MotionPlannerConfig
from videogen.models.temporal_unet import TemporalUNetConfig
from videogen.weights.formats import read_json, read_weights, sha256_of
from videogen.weights.installed import CLIP, ENHANCERS, INDEX
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
from videogen.weights.spec import ModelSpec

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

MODEL = "VideogenModel"
BASE = "base"
"""The entry of an index that names the model whose parts are shared."""
PARTS = {
    "denoiser": "diffusion_pytorch_model.safetensors",
    "vae": "diffusion_pytorch_model.safetensors",
    "text_encoder": "model.safetensors",
}
"""The parts of a model folder that hold weights, and the names of their files."""

OPTIONAL_PARTS = {
    "planner": "diffusion_pytorch_model.safetensors",
    **dict.fromkeys((*ENHANCERS, CLIP), "diffusion_pytorch_model.safetensors"),
}
"""Parts with weights that a model may lack; the index names those that it has.

`ENHANCERS` among them, for finished frames, and `CLIP` are loaded when they are asked for: by `enhancers` and
`text_video`.
"""


def load_own(folder: Path, index: dict[str, Any], *, base: Path | None = None) -> Networks:
    """Build every part that `index` names and load its weights, float32 on the CPU; raises CheckpointError.

    Parts that the folder does not hold are those of the model folder `base`.
    """
    home = _Home(folder, base)
    spec = ModelSpec.from_dict(index.get("videogen"), source=str(folder / INDEX))
    unet, vae, text = (read_json(home.of(part) / "config.json") for part in PARTS)
    check_class(unet, expected="ConditionedUNet", source=f"the denoiser of {folder}")
    check_class(vae, expected="AutoencoderTiny", source=f"the vae of {folder}")
    wanted = {part for part in OPTIONAL_PARTS if part in index and part not in (*ENHANCERS, CLIP)}
    parts = PARTS | {part: OPTIONAL_PARTS[part] for part in wanted}
    networks = Networks(
        spec=spec,
        denoiser=home.load("denoiser", lambda: _make_denoiser(plain(unet), spec)),
        vae=home.load("vae", lambda: _make_vae(plain(vae))),
        text_encoder=home.load("text_encoder", lambda: make_text_encoder(plain(text))),
        planner=_load_planner(home) if "planner" in parts else None,
        tokenizer=build(home.of("tokenizer"), lambda: read_tokenizer(home.of("tokenizer"))),
        **read_scheduler(home.of("scheduler") / "scheduler_config.json"),
        hashes={f"{part}/{file}": sha256_of(home.of(part) / file) for part, file in parts.items()},
    )
    _check_together(networks, folder)
    for network in (networks.denoiser, networks.vae):
        nn.Module.to(network, memory_format=torch.channels_last)
    return networks


@dataclass(frozen=True)
class _Home:
    """Where the parts of a model lie: in its folder, or in that of its base."""

    folder: Path
    base: Path | None

    def of(self, part: str) -> Path:
        """The folder of a part."""
        own = self.folder / part
        return own if self.base is None or own.is_dir() else self.base / part

    def load(self, part: str, make: Callable[[], Network]) -> Network:
        """Build a part and fill it from its file."""
        path = self.of(part) / (PARTS | OPTIONAL_PARTS)[part]
        return fill(make, read_weights(path), source=path)


def _make_denoiser(config: dict[str, Any], spec: ModelSpec) -> ConditionedUNet:
    return ConditionedUNet(TemporalUNetConfig.from_dict(config), latent_channels=spec.latent_channels)


def _make_vae(config: dict[str, Any]) -> AutoencoderTiny:
    """An autoencoder whose scale and shift are written down, whatever the default is."""
    return make_tiny_vae({**config, **{name: config[name] for name in ("scaling_factor", "shift_factor")}})


def _load_planner(home: _Home) -> MotionPlanner:
    config = read_json(home.of("planner") / "config.json")
    check_class(config, expected="MotionPlanner", source=f"the planner of {home.folder}")

    def make() -> MotionPlanner:
        values = plain(config)
        text = values.pop("text_encoder")
        return MotionPlanner(MotionPlannerConfig.from_dict(values), make_text_encoder(plain(text)))

    return home.load("planner", make)


def read_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer in a folder of its own."""
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


def check_class(config: dict[str, Any], *, expected: str, source: str) -> None:
    """Raise CheckpointError where a config is not one of the class `expected`."""
    found = config.get("_class_name")
    if found != expected:
        raise CheckpointError(
            f"{source} describes a {found!r}; this version runs models whose class is {expected!r}, "
            f"as pocket and what 'videogen train' exports"
        )
