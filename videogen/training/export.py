"""Trained networks to a model folder in diffusers' layout, in half precision, with its training record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import torch
from diffusers import AutoencoderTiny, DPMSolverMultistepScheduler
from safetensors.torch import save
from torch import Tensor, nn
from transformers import CLIPTextConfig, PreTrainedTokenizerFast

from videogen.models.conditioned import ConditionedUNet
from videogen.models.motion_planner import MotionPlanner
from videogen.models.temporal_unet import TemporalUNetConfig
from videogen.models.text_video import TextVideoEncoder
from videogen.training.autoencoder import LATENT_CHANNELS
from videogen.training.distill import STEPS
from videogen.weights.formats import read_json
from videogen.weights.installed import CLIP, ENHANCERS, INDEX
from videogen.weights.own_layout import BASE, MODEL, OPTIONAL_PARTS, PARTS
from videogen.weights.spec import ModelSpec
from videogen.world.caption import WORDS

TRAINING = "training"
"""The name of the record in the header of a file of weights."""
SPEC = ModelSpec(
    width=64,
    height=64,
    num_frames=16,
    fps=Fraction(8),
    window=16,
    overlap=6,
    num_inference_steps=12,
    guidance_scale=2.25,
    pose_guidance=1.0,
    latent_channels=LATENT_CHANNELS,
    vae_scale_factor=4,
    size_multiple=16,
    known_words=tuple(sorted(WORDS)),
    few_steps_shift=2.0,
)


@dataclass(frozen=True)
class Trained:
    """What training leaves: weights (running averages) and configs of the parts."""

    vae: AutoencoderTiny
    networks: Mapping[str, Tensor]
    """State of `PocketNetworks`."""
    unet_config: TemporalUNetConfig
    text_config: CLIPTextConfig
    tokenizer: PreTrainedTokenizerFast
    record: Mapping[str, object]


def export(trained: Trained, folder: Path) -> None:
    """Write the model folder; parts that exist are replaced."""
    states = {
        "denoiser": _part(trained.networks, "denoiser."),
        "text_encoder": _part(trained.networks, "text_encoder."),
        "vae": dict(trained.vae.state_dict()),
    }
    for name, state in states.items():
        _save(state, folder / name / PARTS[name], trained.record)
    config = {"_class_name": "ConditionedUNet", **trained.unet_config.to_dict()}
    _write(folder / "denoiser" / "config.json", config)
    trained.vae.save_config(folder / "vae")
    trained.text_config.save_pretrained(folder / "text_encoder")
    trained.tokenizer.save_pretrained(folder / "tokenizer")
    _scheduler().save_config(folder / "scheduler")
    _write(
        folder / INDEX,
        {
            "_class_name": MODEL,
            "denoiser": ["videogen", "ConditionedUNet"],
            "vae": ["diffusers", "AutoencoderTiny"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
            "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
            "videogen": SPEC.to_dict(),
        },
    )
    _write(folder / "training.json", dict(trained.record))


def export_student(
    denoiser: nn.Module, folder: Path, *, teacher: str, spec: ModelSpec, record: Mapping[str, object]
) -> None:
    """Write a model folder that holds a denoiser for `STEPS` steps; all else is that of the model `teacher`.

    `spec` is the teacher's, `denoiser` a `ConditionedUNet`; see `distill`.
    """
    assert isinstance(denoiser, ConditionedUNet)
    _save(denoiser.state_dict(), folder / "denoiser" / PARTS["denoiser"], record)
    config = {"_class_name": "ConditionedUNet", **denoiser.unet.config.to_dict()}
    _write(folder / "denoiser" / "config.json", config)
    _scheduler(solver_order=1).save_config(folder / "scheduler")
    spec = replace(
        spec, num_inference_steps=STEPS, guidance_scale=1.0, pose_guidance=1.0, few_steps_shift=0.0
    )
    index = {
        "_class_name": MODEL,
        BASE: teacher,
        "denoiser": ["videogen", "ConditionedUNet"],
        "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
        "videogen": spec.to_dict(),
    }
    _write(folder / INDEX, index)
    _write(folder / "training.json", record)


def _scheduler(*, solver_order: int = 2) -> DPMSolverMultistepScheduler:
    """The scheduler of flow matching; of the first order, and so Euler's, for students."""
    return DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=1.0, solver_order=solver_order
    )


def export_planner(planner: MotionPlanner, folder: Path, *, record: Mapping[str, object]) -> None:
    """Add a motion planner to a model folder, or replace it; `record` says how it was trained.

    Its words must be those of the folder's tokenizer. Raises CheckpointError where the folder is no model.
    """
    index = read_json(folder / INDEX)
    _save(planner.state_dict(), folder / "planner" / OPTIONAL_PARTS["planner"], record)
    text = planner.text_encoder.config.to_diff_dict()
    config = {"_class_name": "MotionPlanner", **planner.config.to_dict(), "text_encoder": text}
    _write(folder / "planner" / "config.json", config)
    _write(folder / "planner" / "training.json", record)
    _write(folder / INDEX, {**index, "planner": ["videogen", "MotionPlanner"]})


def export_clip(encoder: TextVideoEncoder, folder: Path, *, record: Mapping[str, object]) -> None:
    """Write the text-video encoder into a folder, and tell the index of a model there of it.

    Its words must be those of the model's tokenizer.
    """
    _save(encoder.state_dict(), folder / CLIP / OPTIONAL_PARTS[CLIP], record)
    text, name = encoder.text_encoder.config.to_diff_dict(), type(encoder).__name__
    config = {"_class_name": name, **encoder.config.to_dict(), "text_encoder": text}
    _write(folder / CLIP / "config.json", config)
    _write(folder / CLIP / "training.json", record)
    if (folder / INDEX).exists():
        _write(folder / INDEX, {**read_json(folder / INDEX), CLIP: ["videogen", name]})


def export_enhancer(
    network: nn.Module, folder: Path, *, part: str, config: Mapping[str, object], record: Mapping[str, object]
) -> None:
    """Write the `part` interpolator or upscaler into a folder, and tell the index of a model there of it."""
    _save(network.state_dict(), folder / part / OPTIONAL_PARTS[part], record)
    _write(folder / part / "config.json", {"_class_name": ENHANCERS[part], **config})
    _write(folder / part / "training.json", record)
    if (folder / INDEX).exists():
        _write(folder / INDEX, {**read_json(folder / INDEX), part: ["videogen", ENHANCERS[part]]})


def _save(state: Mapping[str, Tensor], path: Path, record: Mapping[str, object]) -> None:
    """Write weights in half precision, with the record of their training in the file's header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    halves = {key: _half(value) for key, value in state.items()}
    path.write_bytes(_ordered(save(halves, metadata={"format": "pt", TRAINING: json.dumps(record)})))


def _ordered(file: bytes) -> bytes:
    """A file of safetensors with its notes in order, which the library writes in one by chance."""
    length = 8 + int.from_bytes(file[:8], "little")
    header = json.loads(file[8:length])
    notes = dict(sorted(header.pop("__metadata__").items()))
    text = json.dumps({"__metadata__": notes, **header}, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + file[length:]


def _part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _half(value: Tensor) -> Tensor:
    value = value.detach().cpu()
    return value.to(torch.float16).contiguous() if value.is_floating_point() else value.contiguous()


def _write(path: Path, values: Mapping[str, object]) -> None:
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
