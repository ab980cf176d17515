"""The loaded networks: pictures to latents and back, and the innermost denoiser of a clip.

In: a model's name or folder, a device, a precision, and what is added to the model. Out: `encode`, `decode`,
and `denoiser`, as `telling` makes it. Everything else about sampling is made of functions around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from einops import rearrange
from torch import Tensor

from videogen.agreement import Agreement
from videogen.clip_conditions import Conditions, check_conditions
from videogen.conditions.reference import to_frame
from videogen.conditions.route import Route
from videogen.devices import (
    Placement,
    find_device,
    free_memory,
    give_back_freed_memory,
    keep_freed_memory,
    windows_that_fit,
)
from videogen.errors import RequestError
from videogen.extras import NOTHING, Extras
from videogen.models.conditioned import ConditionedUNet
from videogen.planning import Plan, make_plan
from videogen.reading import meant, tokens_of, unknown_words
from videogen.sampling.steps import When, always
from videogen.sampling.timeline import Timeline
from videogen.seeing import check_reads, keyframe_hint, reads_keyframes
from videogen.telling import LIKE_OURS, compile_network, make_denoisers
from videogen.types import Denoiser, Frame, Frames, Latents
from videogen.weights.extras import add_extras
from videogen.weights.load import load_model
from videogen.weights.spec import FEW_STEPS, ModelSpec

__all__ = ["Conditions", "Engine", "ModelSpec"]

_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Engine:
    """Networks of one model on one device, for any number of requests.

    `model` is `pocket`, a preset, a folder, a file, or `owner/name` on the hub; `device` auto, cpu, cuda or
    mps; `precision` auto (float32 on a CPU, else float16), float32, bfloat16 or float16. `weights` is a
    folder in which files are looked for first; `motion_modules` (a file) take the place of the model's own;
    `extras` are added to the model; with `offload` only the part in use lies on the device; `compile` makes
    the network ready for many clips. Raises CheckpointError where the model cannot be found or loaded,
    RequestError where the device is absent, the precision unknown, or the model takes none of these.
    """

    def __init__(
        self, model: str | Path = "pocket", *, device: str = "auto", precision: str = "auto",
        weights: str | Path | None = None, motion_modules: str | Path | None = None, extras: Extras = NOTHING,
        offload: bool = False, compile: bool = False,
    ) -> None:  # fmt: skip
        self.device = find_device(device)
        for option, asked in {"offload": offload, "compile": compile}.items():
            if asked and self.device.type == "cpu":
                raise RequestError(f"--{option} is for a GPU, and this is computed on the CPU; leave it out")
        if precision not in ("auto", *_PRECISIONS):
            raise RequestError(f"precision {precision!r} is not one of auto, {', '.join(_PRECISIONS)}")
        default = torch.float32 if self.device.type == "cpu" else torch.float16
        self.dtype = default if precision == "auto" else _PRECISIONS[precision]
        self.model = str(model)
        self.motion_modules = None if motion_modules is None else Path(motion_modules)
        self.extras = extras
        folder = None if weights is None else Path(weights)
        loaded = load_model(model, weights=folder, motion_modules=self.motion_modules)
        self._networks = add_extras(loaded, extras, folder=Path(model))
        self.spec: ModelSpec = self._networks.spec
        self.hashes: dict[str, str] = self._networks.hashes
        self._placement = Placement(self.device, self.dtype, offload=offload)
        found = self._networks
        for part in (found.denoiser, found.vae, found.text_encoder, found.image_encoder, found.image_prompt):
            self._placement.settle(part)
        self._placement.settle(found.planner, dtype=torch.float32)
        if compile:
            compile_network(found.denoiser)
        if self.device.type == "cpu":
            keep_freed_memory()  # from here on: what loading has freed goes back

    @property
    def settings(self) -> dict[str, object]:
        """What a request must agree with that is given these networks."""
        return {"model": self.model, "motion_modules": self.motion_modules}

    @property
    def known_words(self) -> list[str]:
        """The words of the captions that the model learnt from; empty where it has no such list."""
        return list(self.spec.known_words)

    def unknown_words(self, prompt: str) -> list[str]:
        """The words of `prompt` that the model was never taught, in order, each once."""
        return unknown_words(self.spec, prompt)

    def scheduler(self, num_inference_steps: int | None = None) -> SchedulerMixin:
        """A fresh scheduler of the kind that the checkpoint names, for so many steps; see `ModelSpec`."""
        config, shift = self._networks.scheduler_config, self.spec.few_steps_shift
        if shift and num_inference_steps is not None and num_inference_steps <= FEW_STEPS:
            config = {**config, "flow_shift": shift}
        return self._networks.scheduler_class.from_config(config)

    @torch.inference_mode()
    def encode(self, frames: Frames) -> Latents:
        """Frames uint8 `t h w c` to latents float32 `1 c t h w`.

        Raises RequestError where height or width is no multiple of `spec.size_multiple`.
        """
        step = self.spec.size_multiple
        if frames.ndim != 4 or frames.shape[3] != 3 or frames.shape[1] % step or frames.shape[2] % step:
            raise RequestError(f"frames have shape {frames.shape}; give t h w 3, h and w multiples of {step}")
        pixels = torch.from_numpy(np.ascontiguousarray(frames)).to(self.device)
        return self.encode_video(rearrange(pixels, "t h w c -> t c h w") / 127.5 - 1)

    @torch.inference_mode()
    def encode_video(self, pictures: Tensor) -> Latents:
        """Pictures −1…1 `t c h w` to latents float32 `1 c t h w`."""
        self._placement.use(self._networks.vae)
        pictures = pictures.to(self.device).contiguous(memory_format=torch.channels_last)
        chunks = pictures.split(self.spec.frames_at_once)
        latents = torch.cat([self._networks.encode(chunk) for chunk in chunks])
        return rearrange(latents, "t c h w -> 1 c t h w")

    @torch.inference_mode()
    def decode_video(self, latents: Latents) -> Iterator[Tensor]:
        """Latents `1 c t h w` to pictures −1…1, one `c h w` at a time, float32."""
        frames = rearrange(latents, "1 c t h w -> t c h w").to(self.device)
        give_back_freed_memory()
        for chunk in frames.split(self.spec.frames_at_once):
            self._placement.use(self._networks.vae)
            yield from self._networks.decode(chunk)

    def decode(self, latents: Latents) -> Iterator[Frame]:
        """Latents `1 c t h w` to frames uint8 `h w c`, a few at a time."""
        for picture in self.decode_video(latents):
            yield to_frame(picture)

    @cached_property
    def agreement(self) -> Agreement:
        """What says how well clips agree with words, loaded when it is first asked for."""
        return Agreement(self.device)

    def similarity(self, latents: Latents, words: Tensor) -> Tensor:
        """How well latents `1 c t h w` agree with words `1 d` of `agreement`, −1…1, for autograd."""
        self._placement.use(self._networks.vae)
        pictures = self._networks.decode(rearrange(latents, "1 c t h w -> t c h w").to(self.device))
        return self.agreement.similarity(rearrange(pictures, "t c h w -> 1 c t h w"), words)

    @torch.inference_mode()
    def denoiser(self, conditions: Conditions, timeline: Timeline, *, whole: When = always) -> Denoiser:
        """The innermost denoiser of a clip.

        It slices what is given per frame by the frame numbers of each row, and runs the U-Net: all of it at
        the timesteps that `whole` names, at others with the deep features of the last one. Raises
        RequestError where a condition does not cover the timeline, or the model cannot be told a pose.
        """
        return self.denoisers([conditions], timeline, whole=whole)[0]

    @torch.inference_mode()
    def denoisers(
        self, chain: Sequence[Conditions], timeline: Timeline, *, whole: When = always
    ) -> list[Denoiser]:
        """As `denoiser`, one for each of the conditions; what they have alike is computed once."""
        for conditions in chain:
            check_conditions(conditions, length=timeline.length)
            check_reads(self._networks, conditions, model=self.model)
        if whole is not always and not isinstance(self._networks.denoiser, LIKE_OURS):
            raise RequestError(
                f"the model {self.model} is always run whole; leave --cache-interval out for it"
            )
        return make_denoisers(self._networks, chain, timeline, placement=self._placement, whole=whole)

    @property
    def longest_window(self) -> int:
        """The most frames that the network takes at once."""
        network = self._networks.denoiser
        longest: int = (
            network.unet.config.motion_max_frames if isinstance(network, LIKE_OURS) else self.spec.window
        )
        return longest

    def windows_at_once(self, height: int, width: int, *, window: int | None = None) -> int:
        """How many windows of so many pixels go through the network together: as many as fit.

        Of `window` frames each, or the model's own number. On a CPU one, or of a small network one for each
        core.
        """
        free, spec = free_memory(self.device), self.spec
        if free is None:
            return torch.get_num_threads() if isinstance(self._networks.denoiser, ConditionedUNet) else 1
        return windows_that_fit(
            free,
            frames=window or spec.window,
            places=height * width // spec.vae_scale_factor**2,
            width=self._networks.denoiser.unet.config.block_out_channels[0],
            bytes_each=self.dtype.itemsize,
        )

    def without(self, conditions: Conditions) -> Conditions:
        """Without what guidance strengthens: the pose of a carried picture, else the reference."""
        if self.reads_carried:
            return replace(conditions, pose_maps=None, prompt=None)
        return replace(
            conditions, reference=None, picture=None, prompt=None, control_prompt=conditions.prompt
        )

    def without_words(self, conditions: Conditions) -> Conditions:
        """Without the words alone, which guidance then strengthens."""
        return replace(conditions, prompt=None, control_prompt=conditions.prompt)

    @property
    def reads_pictures(self) -> bool:
        """Whether the model looks at a picture in place of words or beside them."""
        return self._networks.image_prompt is not None or self._networks.image_encoder is not None

    @property
    def reads_keyframes(self) -> bool:
        """Whether the model is told what frames are like that it need not repeat, by a SparseCtrl."""
        return reads_keyframes(self._networks)

    def keyframe_hint(self, pictures: Tensor, *, frames: Sequence[int], length: int) -> Tensor:
        """Pictures −1…1 `n c h w` at the numbers `frames` as `Conditions.keyframes` of `length` frames."""
        return keyframe_hint(self._networks, pictures, frames=frames, length=length, encode=self.encode_video)

    @property
    def reads_carried(self) -> bool:
        """Whether the model is shown the reference carried along the pose, and continues it."""
        return self._networks.denoiser.reads_carried

    @property
    def reads_words(self) -> bool:
        """Whether a prompt reaches the network."""
        return self._networks.text_encoder is not None

    @property
    def reads_motion(self) -> bool:
        """Whether the model animates a picture by itself, told how much moves in place of words."""
        return self._networks.denoiser.reads_motion

    @property
    def reads_poses(self) -> bool:
        """Whether pose maps, or what else a ControlNet reads of every frame, reach the network."""
        return bool(self._networks.denoiser.reads_poses)

    @property
    def needs_poses(self) -> bool:
        """Whether the model moves a picture by poses, and by nothing else."""
        return self._networks.denoiser.needs_poses

    def plan(
        self, prompt: str, *, length: int, fps: Fraction | float, seed: int, path: Route | None = None
    ) -> Plan | None:
        """What moves where in a clip of `length` frames, the first thing along `path` if one is given.

        None where the model has no motion planner. Raises RequestError for a length or rate below 1 or 0.
        """
        planner, rate = self._networks.planner, Fraction(fps).limit_denominator(1001)
        if length < 1 or not rate > 0:
            raise RequestError(f"a plan of {length} frames at {fps} frames per second; give more than 0")
        if planner is None:
            return None
        self._placement.use(planner)
        return make_plan(
            planner, self.scheduler(),
            tokens=tokens_of(self._networks, meant(self.spec, prompt)), empty=tokens_of(self._networks, ""),
            length=length, fps=rate, seed=seed, path=path,
        )  # fmt: skip
