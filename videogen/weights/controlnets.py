"""ControlNets and SparseCtrl from files and folders, in every layout that people have.

A folder has diffusers' settings. A lone file has none: sizes follow from its tensors, and heads and groups,
which leave no trace there, are those of the U-Net that it goes with, whose way down it copies.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from videogen.errors import CheckpointError
from videogen.models.config import TemporalUNetConfig
from videogen.models.controlnet import ControlNet
from videogen.weights.folder import Folder, Part
from videogen.weights.keymaps import CONTROLNET, WRAPPERS, rename
from videogen.weights.parts import fill
from videogen.weights.recognise import config_of, hint_widths, recognise, shapes_of
from videogen.weights.single_file import controlnet_tensors
from videogen.weights.unet_config import unet_config

_HINT = "controlnet_cond_embedding."
_SPARSE_HINTS = {True: 5, False: 4}
"""Channels that SparseCtrl reads, a mask among them: of latents, and of pixels."""


def read_controlnet(path: Path, *, like: TemporalUNetConfig, sparse: bool) -> tuple[ControlNet, Folder]:
    """A ControlNet, or a `sparse` one, for a U-Net `like` that; also what was read, with its hashes.

    Raises CheckpointError for files of another kind and for those of another U-Net.
    """
    if not path.exists():
        raise CheckpointError(f"the ControlNet {path} is not there; give a file or folder of weights")
    folder, name = (Folder(path), "") if path.is_dir() else (Folder(path.parent), path.name)
    return controlnet_of(folder, name, like=like, sparse=sparse), folder


def controlnet_of(folder: Folder, name: str, *, like: TemporalUNetConfig, sparse: bool = False) -> ControlNet:
    """As `read_controlnet`, by its `name` in a model's folder."""
    if folder.file(name).is_dir():
        part = folder.part(name)
        made = _make_sparse_control(part) if sparse else _make_controlnet(part)
    else:
        made = _from_file(*folder.tensors(name), like=like, sparse=sparse)
    _check_controlnet(made, like=like, source=folder.file(name))
    return made


def _make_controlnet(part: Part) -> ControlNet:
    """A ControlNet of its settings and tensors."""
    config, tensors, file = part
    made = unet_config(config, source=str(file))
    widths = tuple(config.get("conditioning_embedding_out_channels") or (16, 32, 96, 256))
    hint = config.get("conditioning_channels", 3)
    return fill(lambda: ControlNet(made, hint_channels=hint, hint_widths=widths), tensors, source=file)


def _make_sparse_control(part: Part) -> ControlNet:
    """A SparseCtrl of diffusers' settings and tensors."""
    config, tensors, file = part
    if config.get("controlnet_conditioning_channel_order", "rgb") != "rgb":
        raise CheckpointError(
            f"{file.parent} reads pictures in another order than RGB, which is not read here; give another"
        )
    made = unet_config(
        config,
        source=str(file),
        motion_levels=(True,) * len(config.get("down_block_types", ())),
        motion_heads=config.get("motion_num_attention_heads", 8),
        motion_attentions=1,
        motion_num_groups=config.get("norm_num_groups", 32),
        motion_max_frames=config.get("motion_max_seq_length", 32),
    )
    return _fill(made, tensors, file)


def _check_controlnet(made: ControlNet, *, like: TemporalUNetConfig, source: Path) -> None:
    """Raise CheckpointError where a ControlNet is not for a U-Net `like` that."""
    found = made.config
    pairs = {
        "words": (found.cross_attention_dim, like.cross_attention_dim),
        "sizes": (found.block_out_channels, like.block_out_channels),
        "layers of each size": (found.layers_per_block, like.layers_per_block),
        "sizes with attention": (found.attention_levels, like.attention_levels),
    }
    for name, (has, expected) in pairs.items():
        if has != expected:
            raise CheckpointError(
                f"{source} is for another U-Net ({name}: {has}, expected {expected}); give one for this model"
            )


def _from_file(
    tensors: dict[str, Tensor], file: Path, *, like: TemporalUNetConfig, sparse: bool
) -> ControlNet:
    found = recognise(tensors, source=str(file))
    expected = ("sparsectrl",) if sparse else ("controlnet", "controlnet-single")
    if found.kind not in expected:
        raise CheckpointError(
            f"{file} is not what it was given as ({found.title}); --controlnet takes ControlNets, "
            f"--sparse-control SparseCtrl"
        )
    shared: dict[str, Any] = {
        "attention_heads": like.attention_heads,
        "norm_num_groups": like.norm_num_groups,
        "norm_eps": like.norm_eps,
    }
    if sparse:
        shared |= {"motion_heads": like.motion_heads, "motion_num_groups": like.motion_num_groups}
        shapes = shapes_of(rename(tensors, WRAPPERS))
        return _fill(config_of(shapes, shapes_of(tensors), source=str(file), **shared), tensors, file)
    bare = controlnet_tensors(rename(tensors, WRAPPERS), source=file)
    shapes = shapes_of(bare)
    if f"{_HINT}conv_in.weight" not in shapes:
        raise CheckpointError(f"{file} is no ControlNet that reads pictures (no {_HINT}conv_in.weight)")
    config = config_of(shapes, source=str(file), **shared)
    widths = hint_widths(shapes, start=_HINT)
    channels = shapes[f"{_HINT}conv_in.weight"][1]
    return fill(lambda: ControlNet(config, hint_channels=channels, hint_widths=widths), bare, source=file)


def _fill(config: TemporalUNetConfig, tensors: dict[str, Tensor], file: Path) -> ControlNet:
    """A SparseCtrl of these settings, filled."""
    bare = rename(tensors, CONTROLNET)
    latent = f"{_HINT}weight" in bare
    widths = () if latent else hint_widths(shapes_of(bare), start=_HINT)
    first = bare.get(f"{_HINT}weight" if latent else f"{_HINT}conv_in.weight")
    if first is None or first.shape[1] != _SPARSE_HINTS[latent]:
        raise CheckpointError(f"{file} is no SparseCtrl that reads pictures and a mask of where they are")
    return fill(
        lambda: ControlNet(config, hint_channels=_SPARSE_HINTS[latent], hint_widths=widths, blind=True),
        bare,
        source=file,
    )
