"""The parts of a model, each built from settings and filled from a file, whoever's layout they come in.

Settings are foreign: nothing is built that the file of weights does not fill, and whatever a constructor
cannot do with them is a CheckpointError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import diffusers
import torch
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from torch import Tensor, nn

from videogen.errors import CheckpointError
from videogen.models.conditioned import ConditionedUNet
from videogen.models.image_prompt import ImagePrompt
from videogen.models.motion_planner import MotionPlanner
from videogen.models.stable import StableUNet
from videogen.weights.formats import assign_weights, check_fit, first_line, read_json
from videogen.weights.presets import ModelSpec

if TYPE_CHECKING:
    from transformers import CLIPTextModel, CLIPVisionModelWithProjection, PreTrainedTokenizerFast

SCHEDULERS = (
    "DPMSolverMultistepScheduler", "UniPCMultistepScheduler", "FlowMatchEulerDiscreteScheduler",
    "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "DDIMScheduler", "DDPMScheduler",
    "LCMScheduler", "HeunDiscreteScheduler",
)  # fmt: skip

_TEXT_MODEL = "text_model."

Network = TypeVar("Network", bound=nn.Module)
Made = TypeVar("Made")


@dataclass
class Networks:
    """The loaded parts of a model; `hashes` are the SHA-256 of their files by relative path.

    `planner` is None where the model has no motion planner; an `image_encoder` reads the reference picture in
    place of words, an `image_prompt` beside them.
    """

    spec: ModelSpec
    denoiser: ConditionedUNet | StableUNet
    vae: diffusers.AutoencoderTiny | diffusers.AutoencoderKL
    text_encoder: CLIPTextModel | None
    planner: MotionPlanner | None
    tokenizer: PreTrainedTokenizerFast | None
    scheduler_class: type[SchedulerMixin]
    scheduler_config: dict[str, Any]
    hashes: dict[str, str]
    image_encoder: CLIPVisionModelWithProjection | None = None
    image_prompt: ImagePrompt | None = None

    @property
    def pocket(self) -> ConditionedUNet:
        """The network, where it is one of pocket's kind; raises CheckpointError for others."""
        if not isinstance(self.denoiser, ConditionedUNet):
            raise CheckpointError(
                "this model is of Stable Diffusion's kind; training takes one of pocket's kind"
            )
        return self.denoiser

    @property
    def language(self) -> tuple[CLIPTextModel, PreTrainedTokenizerFast]:
        """The text encoder and its tokenizer; raises CheckpointError for models that read no words."""
        if self.text_encoder is None or self.tokenizer is None:
            raise CheckpointError("this model reads pictures in place of words; give one that reads words")
        return self.text_encoder, self.tokenizer


def check_pairs(pairs: Mapping[str, tuple[int, int]], folder: Path) -> None:
    """Raise CheckpointError naming the first number, found and expected, at which parts do not agree."""
    for name, (found, expected) in pairs.items():
        if found != expected:
            problem = f"{name}: {found}, expected {expected}"
            raise CheckpointError(f"the parts of {folder} do not fit together ({problem}); get it again")


def fill(make: Callable[[], Network], tensors: dict[str, Tensor], *, source: Path) -> Network:
    """Build a network and fill it, ready for use; `source` is the file of the weights.

    It is built without memory first: settings of impossible sizes do not fit the file, and cost nothing.
    """
    with torch.device("meta"):
        shapes = build(source.parent, make).state_dict()
    tensors = _named_like(shapes, tensors)
    check_fit(shapes, tensors, source=source)
    network = build(source.parent, make)
    assign_weights(network, tensors, source=source)
    return network.eval().requires_grad_(False)


def _named_like(own: Mapping[str, Tensor], tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors under the names that this version of transformers uses: it calls the text model one or not."""
    names = {name.replace(_TEXT_MODEL, "", 1): name for name in own}
    bare = {name: name.replace(_TEXT_MODEL, "", 1) for name in tensors}
    return {names.get(bare[name], bare[name]): tensor for name, tensor in tensors.items()}


def build(source: Path, make: Callable[[], Made]) -> Made:
    """Call a constructor with settings from a file; whatever it cannot do with them is a CheckpointError."""
    try:
        return make()
    # Settings are foreign, and each library has its own errors for them, bare Exception among them.
    except Exception as error:
        raise CheckpointError(
            f"the settings of {source} cannot be used ({first_line(error)[:300]})"
        ) from error


def make_text_encoder(config: dict[str, Any]) -> CLIPTextModel:
    """A text encoder of CLIP's kind."""
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(CLIPTextConfig(**config))


def make_image_encoder(config: dict[str, Any]) -> CLIPVisionModelWithProjection:
    """An encoder of pictures of CLIP's kind."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    return CLIPVisionModelWithProjection(CLIPVisionConfig(**config))


def plain(config: dict[str, Any]) -> dict[str, Any]:
    """A config without the names that say which class and version wrote it."""
    hidden = ("architectures", "model_type", "transformers_version", "dtype", "torch_dtype")
    return {name: value for name, value in config.items() if not name.startswith("_") and name not in hidden}


def read_scheduler(path: Path) -> dict[str, Any]:
    """The scheduler's class and its settings, tried once."""
    config = read_json(path)
    name = config.get("_class_name")
    if name not in SCHEDULERS:
        raise CheckpointError(f"{path} names the scheduler {name!r}; expected one of {', '.join(SCHEDULERS)}")
    kind = getattr(diffusers, name)
    settings = {key: value for key, value in config.items() if not key.startswith("_")}
    build(path, lambda: kind.from_config(settings))
    return {"scheduler_class": kind, "scheduler_config": settings}
