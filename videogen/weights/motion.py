"""AnimateDiff's motion modules from any file, and the schedule that each version was made for.

In: a file as it was published (AnimateDiff v1, v2, v3, AnimateLCM, AnimateDiff-Lightning, fine-tunes of
these), or the folder of a motion adapter of diffusers. Out: `Motion`, tensors under this project's names with
the settings of the U-Net that they belong to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from torch import Tensor

from videogen.errors import CheckpointError
from videogen.weights.folder import Folder, Part
from videogen.weights.formats import read_json
from videogen.weights.keymaps import MOTION_ADAPTER, Rules, rename
from videogen.weights.recognise import motion_settings, motion_version, recognise, shapes_of

_HEADS, _GROUPS = 8, 32
_ADAPTER = {
    "motion_num_attention_heads": "motion_heads",
    "motion_norm_num_groups": "motion_num_groups",
    "motion_max_seq_length": "motion_max_frames",
    "use_motion_mid_block": "motion_mid_block",
}
BETAS: Mapping[str, Any] = {
    "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "linear", "steps_offset": 1,
    "clip_sample": False,
}  # fmt: skip
"""The noise that AnimateDiff was trained with; the last two mean nothing to Euler's scheduler."""


@dataclass(frozen=True)
class Motion:
    """Motion modules: `settings` are fields of `TemporalUNetConfig`, `file` is where they are from."""

    tensors: Mapping[str, Tensor]
    settings: Mapping[str, Any]
    version: str
    file: Path


@dataclass(frozen=True)
class Schedule:
    """A scheduler of diffusers with its settings, how many steps it wants, and which guidance scale."""

    kind: type[SchedulerMixin]
    settings: Mapping[str, Any]
    num_inference_steps: int
    guidance_scale: float


def read_motion(folder: Folder, name: str) -> Motion:
    """The motion modules of a file, or of an adapter's folder; raises CheckpointError."""
    if folder.file(name).is_dir():
        part = folder.part(name)
        found = recognise(part[1], source=str(part[2]))
        if found.kind not in ("motion", "motion-unet"):
            raise CheckpointError(
                f"{folder.file(name)} is no motion adapter ({found.title}); give the folder of one"
            )
        return motion_of(part, rules=MOTION_ADAPTER)
    tensors, file = folder.tensors(name)
    found = recognise(tensors, source=str(file))
    if found.kind not in ("motion", "motion-unet"):
        raise CheckpointError(f"{file} is a {found.title}; give motion modules, as AnimateDiff's")
    beside = file.with_name("config.json")
    settings = read_json(beside) if beside.is_file() else {}
    adapter = settings if settings.get("_class_name") == "MotionAdapter" else {}
    return motion_of((adapter, tensors, file), rules=found.rules)


def motion_of(part: Part, *, rules: Rules) -> Motion:
    """Motion modules of an adapter's settings, if there are any, and a file's tensors."""
    config, tensors, file = part
    found = motion_settings(shapes_of(tensors), source=str(file))
    told = {own: _one(config[name], source=file) for name, own in _ADAPTER.items() if name in config}
    length = found["motion_max_frames"]
    if any(name.endswith(".pe") for name in tensors) and told.get("motion_max_frames", length) != length:
        raise CheckpointError(
            f"{file} knows clips of {length} frames, but its config.json says "
            f"{told['motion_max_frames']}; get both from the same place"
        )
    settings = {"motion_heads": _HEADS, "motion_num_groups": _GROUPS, **found, **told}
    settings["motion_mid_block"] = bool(settings["motion_mid_block"])
    version = motion_version(settings)
    if version == "AnimateLCM" and any(name.endswith(".pos_encoder.pe") for name in tensors):
        version = "v3"  # fine-tunes for longer clips hold their positions, AnimateLCM's file does not
    modules = {name: value for name, value in tensors.items() if "motion_modules." in name}
    return Motion(rename(modules, rules), settings | {"norm_over_frames": version == "v1"}, version, file)


def schedule_of(motion: Motion) -> Schedule:
    """The schedule that motion modules were made for; Lightning is told by its file's name.

    AnimateDiff: DDIM (Guo et al. 2023). AnimateLCM: LCM (Wang et al. 2024). Lightning: Euler's method over
    trailing timesteps, as many as its name says (Lin & Yang 2024).
    """
    name = motion.file.name.lower()
    if "lightning" in name:
        steps = re.search(r"(\d)[-_ ]?step", name)
        settings = {key: BETAS[key] for key in ("beta_start", "beta_end", "beta_schedule")}
        settings["timestep_spacing"] = "trailing"
        return Schedule(diffusers.EulerDiscreteScheduler, settings, int(steps[1]) if steps else 4, 1.0)
    if motion.version == "AnimateLCM":
        return Schedule(diffusers.LCMScheduler, BETAS, 6, 2.0)
    return Schedule(diffusers.DDIMScheduler, BETAS, 25, 7.5)


def _one(value: Any, *, source: Path) -> int:
    """A number that may come once for each size."""
    values = set(value) if isinstance(value, list | tuple) else {value}
    if len(values) != 1 or type(next(iter(values))) not in (int, bool):
        raise CheckpointError(
            f"{source} comes with settings of {sorted(map(str, values))}; expected one number"
        )
    return int(values.pop())
