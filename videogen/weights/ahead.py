"""What a model is at home with, found in its small files, before any weight is loaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from videogen.errors import CheckpointError
from videogen.weights.catalogue import PRESETS
from videogen.weights.formats import read_json
from videogen.weights.installed import INDEX
from videogen.weights.places import choose
from videogen.weights.spec import ModelSpec

_VAE = SimpleNamespace(block_out_channels=(128, 256, 512, 512), latent_channels=4)
_MOTION_FRAMES = 32
_ANIMATORS: dict[str, dict[str, Any]] = {
    "magicanimate": {"pose_guidance": 7.5},
    "animate-anyone": {"pose_guidance": 3.5, "window": 24, "skeleton_style": "dwpose"},
}
"""What the loaders of `animators` change of that of motion modules on Stable Diffusion 1.5."""


@dataclass(frozen=True)
class Ahead:
    """A model's spec, the channels of its network's largest maps, and the bytes of its weights."""

    spec: ModelSpec
    width: int
    size: int


def look_ahead(model: str, *, weights: Path | None = None) -> Ahead:
    """Read or know what a model is at home with; raises `CheckpointError` where that takes its weights."""
    from videogen.weights import modelscope, svd
    from videogen.weights.diffusers_folder import PIPELINES
    from videogen.weights.load import find_model
    from videogen.weights.own_layout import BASE, MODEL

    preset = PRESETS.get(model)
    if preset is not None and preset.layout != "folder":
        found = [one for need in preset.needs for one in choose(need, weights=weights)]
        spec = replace(_of_stable_diffusion({}), **_ANIMATORS.get(preset.layout, {}))
        return Ahead(spec, width=320, size=sum(one.file.size for one in found))
    if preset is not None:
        found = [one for need in preset.needs for one in choose(need, weights=weights)]
        index = next((one.path for one in found if one.path and one.path.name == INDEX), None)
        if index is None:
            raise _unknown(model, "its files are not on this machine")
        folder = index.parent
    else:
        folder = find_model(model, weights=weights)
    if not (folder / INDEX).is_file():
        raise _unknown(model, f"it has no {INDEX}")
    settings = read_json(folder / INDEX)
    kind, size = (
        settings.get("_class_name"),
        sum(file.stat().st_size for file in folder.rglob("*.safetensors")),
    )
    if kind == MODEL:
        spec = ModelSpec.from_dict(settings.get("videogen"), source=str(folder / INDEX))
        if BASE in settings:
            size += look_ahead(str(settings[BASE]), weights=weights).size
        return Ahead(spec, width=_width(_settings(folder, "denoiser")), size=size)
    if kind not in (*PIPELINES, svd.PIPELINE, modelscope.PIPELINE):
        raise _unknown(model, f"it is a {kind}")
    unet, vae = _settings(folder, "unet"), SimpleNamespace(**_settings(folder, "vae"))
    if kind in PIPELINES:
        spec = _of_stable_diffusion(unet, vae)
    else:
        make = svd.spec_of if kind == svd.PIPELINE else modelscope.spec_of
        spec = make(SimpleNamespace(**{"sample_size": None, **unet}), vae)
    return Ahead(spec, width=_width(unet), size=size)


def _of_stable_diffusion(settings: dict[str, Any], vae: SimpleNamespace = _VAE) -> ModelSpec:
    """That of motion modules on Stable Diffusion 1.5."""
    from videogen.weights.diffusers_folder import spec_of

    motion: Any = SimpleNamespace(config=SimpleNamespace(motion_max_frames=_MOTION_FRAMES))
    autoencoder: Any = SimpleNamespace(config=vae)
    return spec_of(motion, autoencoder, settings)


def _settings(folder: Path, part: str) -> dict[str, Any]:
    return read_json(folder / part / "config.json")


def _width(settings: dict[str, Any]) -> int:
    widths = settings.get("block_out_channels") or settings.get("unet", {}).get("block_out_channels") or [320]
    return int(widths[0])


def _unknown(model: str, why: str) -> CheckpointError:
    return CheckpointError(
        f"what the model {model} is at home with is not known before its weights are read: {why}; leave "
        "--dry-run out, or give pocket, a folder in diffusers' layout, or a preset"
    )
