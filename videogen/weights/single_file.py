"""Stable Diffusion 1.5 and its ControlNets from single files, as the parts of diffusers' folders.

In: the tensors of a file under the names of the first implementation (`model.diffusion_model.`,
`first_stage_model.`, `cond_stage_model.`, `control_model.`). Out: tensors under diffusers' names, renamed by
diffusers' own converters, and for the parts of a model settings that follow from their shapes. What shapes do
not say is that of Stable Diffusion 1.5: 8 heads, 32 groups, 64 channels in each head that reads words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from videogen.errors import CheckpointError
from videogen.weights.folder import Part
from videogen.weights.keymaps import OTHER_NAMES, rename
from videogen.weights.recognise import Shapes, shapes_of, unet_settings

_UNET, _VAE, _TEXT, _CONTROL = (
    "model.diffusion_model.",
    "first_stage_model.",
    "cond_stage_model.",
    "control_model.",
)
_HEAD_WIDTH = 64
_SCALE = 0.18215
_OTHERS = {
    f"{_UNET}label_emb.": "Stable Diffusion XL",
    "conditioner.": "Stable Diffusion XL or Stable Video Diffusion",
    f"{_TEXT}model.": "Stable Diffusion 2",
}


def stable_parts(tensors: Mapping[str, Tensor], *, source: Path) -> dict[str, Part]:
    """`unet`, and as far as the file holds them `vae` and `text_encoder`; raises CheckpointError."""
    for mark, name in _OTHERS.items():
        if any(key.startswith(mark) for key in tensors):
            raise CheckpointError(f"{source} is {name}; give a model that was made from Stable Diffusion 1.5")
    parts = {"unet": _unet(tensors, source=source)}
    if parts["unet"][0]["in_channels"] == 9:
        raise CheckpointError(f"{source} is for filling holes in pictures (inpainting); give a model without")
    if any(key.startswith(_VAE) for key in tensors):
        parts["vae"] = vae_part(tensors, source=source)
    if any(key.startswith(_TEXT) for key in tensors):
        parts["text_encoder"] = _text(tensors, source=source)
    return parts


def vae_part(tensors: Mapping[str, Tensor], *, source: Path) -> Part:
    """The autoencoder of a single file, or of a file of its own in either naming; raises CheckpointError."""
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

    if any(name.startswith("encoder.down_blocks.") for name in tensors):
        renamed = rename(tensors, OTHER_NAMES)
    else:
        levels = _count(tensors, r"encoder\.down\.(\d+)\.")
        given = {"down_block_types": [""] * levels, "up_block_types": [""] * levels}
        renamed = _converted(lambda: convert_ldm_vae_checkpoint(dict(tensors), given), source=source)
    shapes = shapes_of(renamed)
    levels = _count(renamed, r"^encoder\.down_blocks\.(\d+)\.")
    try:
        settings = {
            "block_out_channels": [
                shapes[f"encoder.down_blocks.{level}.resnets.0.conv1.weight"][0] for level in range(levels)
            ],
            "down_block_types": ["DownEncoderBlock2D"] * levels,
            "up_block_types": ["UpDecoderBlock2D"] * levels,
            "layers_per_block": _count(renamed, r"^encoder\.down_blocks\.0\.resnets\.(\d+)\."),
            "latent_channels": shapes["decoder.conv_in.weight"][1],
            "scaling_factor": _SCALE,
        }
    except KeyError as error:
        raise CheckpointError(
            f"{source} holds no autoencoder of Stable Diffusion's kind (no {error})"
        ) from error
    return settings, renamed, source


def controlnet_tensors(tensors: Mapping[str, Tensor], *, source: Path) -> dict[str, Tensor]:
    """A ControlNet's tensors from a file of its own, in either naming; raises CheckpointError."""
    from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint

    given = {"layers_per_block": _layers(tensors, start=_CONTROL)}
    return _converted(lambda: convert_controlnet_checkpoint(dict(tensors), given), source=source)


def _unet(tensors: Mapping[str, Tensor], *, source: Path) -> Part:
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    own = {name: tensor for name, tensor in tensors.items() if name.startswith(_UNET)}
    given = {"layers_per_block": _layers(own, start=_UNET)}
    renamed = _converted(lambda: convert_ldm_unet_checkpoint(own, given), source=source)
    return _unet_config(shapes_of(renamed), source=source), renamed, source


def _unet_config(shapes: Shapes, *, source: Path) -> dict[str, Any]:
    """Settings as in the `config.json` of diffusers' U-Net."""
    found = unet_settings(shapes, source=str(source))
    kinds = {True: "CrossAttnDownBlock2D", False: "DownBlock2D"}
    return {
        **{name: value for name, value in found.items() if name != "attention_levels"},
        "down_block_types": [kinds[attended] for attended in found["attention_levels"]],
        "attention_head_dim": 8,
        "sample_size": 64,
    }


def _text(tensors: Mapping[str, Tensor], *, source: Path) -> Part:
    from diffusers.loaders.single_file_utils import convert_ldm_clip_checkpoint

    renamed = convert_ldm_clip_checkpoint(dict(tensors))
    shapes = {name.removeprefix("text_model."): shape for name, shape in shapes_of(renamed).items()}
    try:
        words, width = shapes["embeddings.token_embedding.weight"]
        settings = {
            "vocab_size": words,
            "bos_token_id": words - 2,
            "eos_token_id": words - 1,
            "hidden_size": width,
            "intermediate_size": shapes["encoder.layers.0.mlp.fc1.weight"][0],
            "num_hidden_layers": _count(shapes, r"^encoder\.layers\.(\d+)\."),
            "num_attention_heads": max(1, width // _HEAD_WIDTH),
            "max_position_embeddings": shapes["embeddings.position_embedding.weight"][0],
        }
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{source} holds no text encoder of CLIP's kind (no {error})") from error
    return settings, renamed, source


def _layers(tensors: Mapping[str, Tensor], *, start: str) -> int:
    """Residual blocks of each size: those before the first that halves."""
    halving = re.compile(rf"^{re.escape(start)}input_blocks\.(\d+)\.0\.op\.")
    numbers = [int(found[1]) for name in tensors if (found := halving.match(name))]
    return max(1, min(numbers, default=3) - 1)


def _count(names: Mapping[str, Any], pattern: str) -> int:
    """One more than the largest number that a pattern finds in names."""
    found = (re.search(pattern, name) for name in names)
    return 1 + max((int(match[1]) for match in found if match), default=-1)


def _converted(convert: Callable[[], dict[str, Tensor | None]], *, source: Path) -> dict[str, Tensor]:
    """What a converter makes, without the names for which it found nothing."""
    try:
        return {name: tensor for name, tensor in convert().items() if tensor is not None}
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{source} is not whole (no {error}); get it again, or give its folder in diffusers' layout"
        ) from error
