"""What a file of weights is, told from the names and shapes of its tensors alone.

One ordered table of formats: the first whose marks all stand among the names, and whose absences do not, is
it. Sizes follow from shapes; what shapes cannot say (heads, groups) is that of Stable Diffusion 1.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from videogen.errors import CheckpointError
from videogen.models.config import TemporalUNetConfig
from videogen.weights import keymaps

Shapes = Mapping[str, tuple[int, ...]]

_MODULES = r"^(?:down|mid|up)_blocks?\.(?:\d\.)?motion_modules\."
_WITHOUT_PE = {False: 64, True: 32}
"""Frames that modules know whose file holds no positions: AnimateLCM's, and v2, which has a middle block."""


@dataclass(frozen=True)
class Format:
    """A layout: `kind` of part, its `title` for people, marks and absences as regular expressions, rules."""

    kind: str
    title: str
    marks: tuple[str, ...]
    absent: tuple[str, ...] = ()
    rules: keymaps.Rules = keymaps.WRAPPERS


FORMATS = (
    Format("single", "Stable Diffusion in a single file", (r"^model\.diffusion_model\.",)),
    Format(
        "svd-vae", "autoencoder of Stable Video Diffusion", (r"^decoder\..*\.temporal_res_block\.",),
    ),
    Format("svd", "U-Net of Stable Video Diffusion", (r"\.temporal_res_block\.",)),
    Format("modelscope", "U-Net of ModelScope text-to-video", (r"\.temp_convs\.",)),
    Format("mimicmotion", "MimicMotion", (r"^pose_net\.",)),
    Format("ip-adapter", "IP-Adapter", (r"^(image_proj|ip_adapter)\.",)),
    Format("motion-lora", "LoRA of AnimateDiff", (r"\.processor\.to_\w+_lora\.", r"motion_modules\.")),
    Format("lora", "domain adapter of AnimateDiff", (r"\.processor\.to_\w+_lora\.",)),
    Format("lora", "LoRA in kohya's layout", (r"^lora_(unet|te)\w*\.",)),
    Format(
        "lora", "LoRA in diffusers' layout",
        (r"\.lora_[AB]\.(default\.)?weight$|\.lora(_linear_layer)?\.(up|down)\.weight$",),
    ),
    Format(
        "sparsectrl", "SparseCtrl", (r"^controlnet_cond_embedding\.", r"motion_modules\."),
        rules=keymaps.CONTROLNET,
    ),
    Format("controlnet-single", "ControlNet in its first layout", (r"^control_model\.",)),
    Format("controlnet", "ControlNet", (r"^controlnet_cond_embedding\.",)),
    Format("pose-guider", "pose guider of AnimateAnyone", (r"^blocks\.\d", r"^conv_in\."), (r"^down_",)),
    Format(
        "motion", "motion modules of AnimateDiff", (_MODULES + r".*\.temporal_transformer\.",),
        rules=keymaps.MOTION_MODULES,
    ),
    Format(
        "motion", "motion adapter of diffusers", (_MODULES,), (r"^conv_in\.",),
        rules=keymaps.MOTION_ADAPTER,
    ),
    Format("motion-unet", "motion U-Net of diffusers", (_MODULES,), rules=keymaps.MOTION_ADAPTER),
    Format(
        "reference", "reference network", (r"^conv_in\.", r"^down_", r"^up_blocks\."), (r"^conv_out",),
        rules=keymaps.REFERENCE_UNET,
    ),
    Format("unet", "U-Net of Stable Diffusion", (r"^conv_in\.", r"^down_blocks\.", r"^time_embedding\.")),
    Format("image-encoder", "image encoder of CLIP", (r"^vision_model\.embeddings\.",)),
    Format("text-encoder", "text encoder of CLIP", (r"^(text_model\.)?embeddings\.token_embedding\.",)),
    Format("interpolator", "frame interpolator of videogen", (r"^finest\.", r"^fusion\.")),
    Format("upscaler", "upscaler of videogen", (r"^stem\.", r"^body\.\d+\.first\.", r"^head\.")),
    Format(
        "rife", "RIFE", (r"^(flownet\.)?block0\.conv0\.", r"^(flownet\.)?block0\.lastconv\."),
        rules=keymaps.RIFE,
    ),
    Format("vae", "autoencoder", (r"^encoder\.", r"^decoder\.")),
)  # fmt: skip


def recognise(names: Iterable[str], *, source: str) -> Format:
    """The format of a file with these names; raises CheckpointError where none fits."""
    bare = [str(keymaps.follow(name, keymaps.WRAPPERS)) for name in names]
    for each in FORMATS:
        if all(_any(mark, bare) for mark in each.marks) and not any(_any(mark, bare) for mark in each.absent):
            return each
    shown = ", ".join(sorted(bare)[:3]) or "no tensors at all"
    raise CheckpointError(
        f"{source} is of no known format ({shown}); give weights of Stable Diffusion's family"
    )


def _any(pattern: str, names: Iterable[str]) -> bool:
    found = re.compile(pattern)
    return any(found.search(name) for name in names)


def motion_settings(shapes: Shapes, *, source: str) -> dict[str, Any]:
    """What `TemporalUNetConfig` says of motion modules, from a file's own names and shapes."""
    positions = {shape[1] for name, shape in shapes.items() if name.endswith((".pe", ".positional_encoding"))}
    if len(positions) > 1:
        raise CheckpointError(
            f"{source} knows clips of {sorted(positions)} frames at once; expected one length"
        )
    renamed = keymaps.rename(shapes, recognise(shapes, source=source).rules)
    levels = {
        int(name.split(".")[1]) for name in renamed if re.match(r"down_blocks\.\d+\.motion_modules\.", name)
    }
    if max(levels, default=3) < 3 and not any(name.startswith("down_blocks.3.") for name in renamed):
        raise CheckpointError(
            f"{source} holds motion modules for {max(levels) + 1} sizes, as for SDXL; give those for Stable "
            f"Diffusion 1.5, which has 4"
        )
    middle = any(name.startswith("mid_block.motion_modules.") for name in renamed)
    return {
        "motion_levels": tuple(level in levels for level in range(4)),
        "motion_mid_block": middle,
        "motion_attentions": 2
        if any(".attn2." in name and "motion_modules" in name for name in renamed)
        else 1,
        "motion_max_frames": positions.pop() if positions else _WITHOUT_PE[middle],
    }


def motion_version(settings: Mapping[str, Any]) -> str:
    """Which of AnimateDiff's modules have these settings."""
    if settings["motion_mid_block"]:
        return "v2"
    return {24: "v1", 32: "v3"}.get(settings["motion_max_frames"], "AnimateLCM")


def unet_settings(shapes: Shapes, *, source: str) -> dict[str, Any]:
    """What `TemporalUNetConfig` says of a spatial U-Net or ControlNet, from its names and shapes."""
    try:
        levels = 1 + max(int(name.split(".")[1]) for name in shapes if name.startswith("down_blocks."))
        widths = tuple(shapes[f"down_blocks.{level}.resnets.0.conv1.weight"][0] for level in range(levels))
        layers = 1 + max(int(n.split(".")[3]) for n in shapes if re.match(r"down_blocks\.0\.resnets\.", n))
        words = next(shape[1] for name, shape in shapes.items() if name.endswith("attn2.to_k.weight"))
        attended = tuple(
            any(name.startswith(f"down_blocks.{level}.attentions.") for name in shapes)
            for level in range(levels)
        )
        return {
            "in_channels": shapes["conv_in.weight"][1],
            "block_out_channels": widths,
            "attention_levels": attended,
            "layers_per_block": layers,
            "cross_attention_dim": words,
        }
    except (KeyError, StopIteration, ValueError, IndexError) as error:
        raise CheckpointError(f"{source} is no U-Net of Stable Diffusion's kind (no {error})") from error


def config_of(
    shapes: Shapes, motion: Shapes | None = None, *, source: str, **more: Any
) -> TemporalUNetConfig:
    """The config of a U-Net of these shapes, with motion modules of those."""
    moving = {} if motion is None else motion_settings(motion, source=source)
    try:
        return TemporalUNetConfig(**{**unet_settings(shapes, source=source), **moving, **more})
    except ValueError as error:
        raise CheckpointError(f"{source}: {error}") from error


def hint_widths(shapes: Shapes, *, start: str = "") -> tuple[int, ...]:
    """Channels of the layers that read a hint: the first, and every second of those that halve it."""
    widths = [shapes[f"{start}conv_in.weight"][0]] if f"{start}conv_in.weight" in shapes else []
    number = 1
    while f"{start}blocks.{number}.weight" in shapes:
        widths.append(shapes[f"{start}blocks.{number}.weight"][0])
        number += 2
    return tuple(widths)


def shapes_of(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """The shapes of tensors by name."""
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}
