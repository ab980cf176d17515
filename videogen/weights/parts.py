"""The parts of a model, each built from settings and filled from a file, whoever's layout they come in.

Settings are foreign: nothing is built that the file of weights does not fill, and whatever a constructor
cannot do with them is a CheckpointError.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import diffusers
import torch
from diffusers.models.modeling_utils import no_init_weights
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from torch import Tensor, nn

from videogen.conditions.reference import seen_by_clip
from videogen.errors import CheckpointError
from videogen.models.conditioned import ConditionedUNet
from videogen.models.image_prompt import ImagePrompt
from videogen.models.modelscope import ModelScopeUNet
from videogen.models.motion_planner import MotionPlanner
from videogen.models.stable import StableUNet
from videogen.models.svd import SvdUNet
from videogen.weights.formats import assign_weights, check_fit, first_line, read_json
from videogen.weights.keymaps import OTHER_NAMES, follow
from videogen.weights.recognise import recognise
from videogen.weights.spec import ModelSpec

if TYPE_CHECKING:
    from transformers import CLIPTextModel, CLIPVisionModelWithProjection, PreTrainedTokenizerFast

SCHEDULERS = (
    "DPMSolverMultistepScheduler", "UniPCMultistepScheduler", "FlowMatchEulerDiscreteScheduler",
    "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "DDIMScheduler", "DDPMScheduler",
    "LCMScheduler", "HeunDiscreteScheduler",
)  # fmt: skip

Network = TypeVar("Network", bound=nn.Module)
Made = TypeVar("Made")
Autoencoder: TypeAlias = (
    diffusers.AutoencoderTiny | diffusers.AutoencoderKL | diffusers.AutoencoderKLTemporalDecoder
)


class See(Protocol):
    """Pictures −1…1 `b c h w` as an image encoder takes them, `b c side side`."""

    def __call__(self, picture: Tensor, *, side: int) -> Tensor: ...


@dataclass
class Networks:
    """The loaded parts of a model; `hashes` are the SHA-256 of their files by relative path.

    `planner` is None where the model has no motion planner; an `image_encoder` reads the reference picture in
    place of words, as `see` makes it from pictures −1…1 `b c h w` and its `side` in pixels; an `image_prompt`
    reads it beside them.
    """

    spec: ModelSpec
    denoiser: ConditionedUNet | StableUNet | SvdUNet | ModelScopeUNet
    vae: Autoencoder
    text_encoder: CLIPTextModel | None
    planner: MotionPlanner | None
    tokenizer: PreTrainedTokenizerFast | None
    scheduler_class: type[SchedulerMixin]
    scheduler_config: dict[str, Any]
    hashes: dict[str, str]
    image_encoder: CLIPVisionModelWithProjection | None = None
    see: See = seen_by_clip
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

    def encode(self, pictures: Tensor) -> Tensor:
        """Pictures −1…1 `t c h w` to latents about unit variance, `t c h w`, float32."""
        vae, own = self.vae, self.vae.dtype
        temporal = isinstance(vae, diffusers.AutoencoderKLTemporalDecoder)
        if temporal and own == torch.float16 and vae.config.force_upcast:  # its encoder overflows float16
            latents = _encoded(vae.to(torch.float32), pictures)
            vae.to(own)
        else:
            latents = _encoded(vae, pictures)
        return (latents - (vae.config.get("shift_factor") or 0)) * float(vae.config.scaling_factor)

    def decode(self, latents: Tensor) -> Tensor:
        """Latents `t c h w` of neighbouring frames to pictures −1…1, float32."""
        vae = self.vae
        latents = latents.float() / vae.config.scaling_factor + (vae.config.get("shift_factor") or 0)
        temporal = isinstance(vae, diffusers.AutoencoderKLTemporalDecoder)
        more = {"num_frames": len(latents)} if temporal else {}
        pictures: Tensor = vae.decode(latents.to(vae.dtype), **more).sample.float().clamp(-1, 1)
        return pictures


def _encoded(vae: Any, pictures: Tensor) -> Tensor:
    """The latents that an autoencoder gives, float32; of a distribution, its mode."""
    output = vae.encode(pictures.to(vae.dtype))
    latents: Tensor = output.latents if hasattr(output, "latents") else output.latent_dist.mode()
    return latents.float()


def check_pairs(pairs: Mapping[str, tuple[int, int]], folder: Path) -> None:
    """Raise CheckpointError naming the first number, found and expected, at which parts do not agree."""
    for name, (found, expected) in pairs.items():
        if found != expected:
            problem = f"{name}: {found}, expected {expected}"
            raise CheckpointError(f"the parts of {folder} do not fit together ({problem}); get it again")


def fill(make: Callable[[], Network], tensors: dict[str, Tensor], *, source: Path) -> Network:
    """Build a network and fill it, ready for use; `source` is the file of the weights.

    It is built without memory first: settings of impossible sizes do not fit the file, and cost nothing. Then
    it takes the tensors as they are, in float32, so that none is drawn at random before.
    """
    with torch.device("meta"):
        shapes = build(source.parent, make).state_dict()
    tensors, names = _named_like(shapes, tensors), list(tensors)
    try:
        check_fit(shapes, tensors, source=source)
    except CheckpointError as error:
        raise CheckpointError(f"{error} ({_recognised(names, source)})") from None
    with no_init_weights():
        network = build(source.parent, make)
    assign_weights(network, tensors, source=source)
    return network.eval().requires_grad_(False)


def _recognised(names: list[str], source: Path) -> str:
    """What a file that does not fit looks like, for people; motion modules may be from another file."""
    still = [name for name in names if ".motion_modules." not in name]
    try:
        return f"the file looks like: {recognise(still or names, source=str(source)).title}"
    except CheckpointError:
        return "the file is of no known format"


def _named_like(own: Mapping[str, Tensor], tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors under the names that these versions of the libraries use; others say the same otherwise."""
    names = {follow(name, OTHER_NAMES): name for name in own}
    renamed = {}
    for old, tensor in tensors.items():
        if old in own:
            renamed[old] = tensor
        elif (new := follow(old, OTHER_NAMES)) is not None:
            renamed[names.get(new, new)] = tensor
    return renamed


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


def make_tiny_vae(config: dict[str, Any]) -> diffusers.AutoencoderTiny:
    """An autoencoder of few layers (TAESD's kind); raises ValueError for impossible scales."""
    scale, shift = config.get("scaling_factor", 1.0), config.get("shift_factor", 0.0)
    if not (0 < scale < math.inf and math.isfinite(shift)):
        raise ValueError(f"scale {scale} and shift {shift} of the latents")
    # diffusers writes block_out_channels, and does not take it back
    return diffusers.AutoencoderTiny(**{k: v for k, v in config.items() if k != "block_out_channels"})


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
