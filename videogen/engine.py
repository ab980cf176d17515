"""The loaded networks: pictures to latents and back, and the innermost denoiser of a clip.

In: a model's name or folder, a device, a precision. Out: `encode`, `decode`, and `denoiser`, the one function
that reads frame numbers, to slice what is known frame by frame. Everything else about sampling is made of
functions around it. Rows of a batch go through the network one by one, so that the result does not depend
on how windows are batched; on a CPU batching gains nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from einops import rearrange
from torch import Tensor

from videogen.clip_conditions import Conditions, check_conditions
from videogen.conditions.reference import to_frame
from videogen.conditions.route import Route
from videogen.devices import find_device, keep_freed_memory
from videogen.errors import RequestError
from videogen.models.conditioned import ConditionedUNet, Inputs
from videogen.models.stable import StableUNet
from videogen.planning import Plan, make_plan
from videogen.sampling.steps import FrameStore, When, always
from videogen.sampling.timeline import Timeline
from videogen.types import Denoiser, Frame, Frames, Latents
from videogen.weights.load import load_model
from videogen.weights.spec import ModelSpec
from videogen.world.caption import simplify, words_of

__all__ = ["Conditions", "Engine", "ModelSpec"]

_Lender = Callable[[Tensor], Mapping[str, Tensor] | None]
_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Engine:
    """Networks of one model on one device, for any number of requests.

    `model` is `pocket`, a preset, a folder, a file, or `owner/name` on the hub; `device` auto, cpu, cuda or
    mps; `precision` auto (float32 on a CPU, else float16), float32, bfloat16 or float16. `weights` is a
    folder in which files are looked for first; `motion_modules` (a file) take the place of the model's own.
    Raises CheckpointError where the model cannot be found or loaded, RequestError where the device is absent,
    the precision unknown, or the model takes no motion modules.
    """

    def __init__(
        self, model: str | Path = "pocket", *, device: str = "auto", precision: str = "auto",
        weights: Path | None = None, motion_modules: Path | None = None,
    ) -> None:  # fmt: skip
        self.device = find_device(device)
        if self.device.type == "cpu":
            keep_freed_memory()
        if precision not in ("auto", *_PRECISIONS):
            raise RequestError(f"precision {precision!r} is not one of auto, {', '.join(_PRECISIONS)}")
        default = torch.float32 if self.device.type == "cpu" else torch.float16
        self.dtype = default if precision == "auto" else _PRECISIONS[precision]
        self.model = str(model)
        self.motion_modules = motion_modules
        self._networks = load_model(model, weights=weights, motion_modules=motion_modules)
        self.spec: ModelSpec = self._networks.spec
        self.hashes: dict[str, str] = self._networks.hashes
        found = self._networks
        for network in (found.denoiser, found.vae, found.text_encoder, found.image_encoder):
            if network is not None:
                torch.nn.Module.to(network, self.device, self.dtype)
        if self._networks.planner is not None:
            self._networks.planner.to(self.device)

    @property
    def known_words(self) -> list[str]:
        """The words of the captions that the model learnt from; empty where it has no such list."""
        return list(self.spec.known_words)

    def unknown_words(self, prompt: str) -> list[str]:
        """The words of `prompt` that the model was never taught, in order, each once."""
        if not self.spec.known_words:
            return []
        known = set(self.spec.known_words)
        return list(dict.fromkeys(word for word in words_of(simplify(prompt)) if word not in known))

    def scheduler(self) -> SchedulerMixin:
        """A fresh scheduler of the kind that the checkpoint names."""
        return self._networks.scheduler_class.from_config(self._networks.scheduler_config)

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
        pictures = pictures.to(self.device).contiguous(memory_format=torch.channels_last)
        chunks = pictures.split(self.spec.frames_at_once)
        latents = torch.cat([self._networks.encode(chunk) for chunk in chunks])
        return rearrange(latents, "t c h w -> 1 c t h w")

    @torch.inference_mode()
    def decode_video(self, latents: Latents) -> Iterator[Tensor]:
        """Latents `1 c t h w` to pictures −1…1, one `c h w` at a time, float32."""
        frames = rearrange(latents, "1 c t h w -> t c h w").to(self.device)
        for chunk in frames.split(self.spec.frames_at_once):
            yield from self._networks.decode(chunk)

    def decode(self, latents: Latents) -> Iterator[Frame]:
        """Latents `1 c t h w` to frames uint8 `h w c`, a few at a time."""
        for picture in self.decode_video(latents):
            yield to_frame(picture)

    @torch.inference_mode()
    def denoiser(self, conditions: Conditions, timeline: Timeline, *, whole: When = always) -> Denoiser:
        """The innermost denoiser of a clip.

        It slices what is given per frame by the frame numbers of each row, and runs the U-Net: all of it at
        the timesteps that `whole` names, at others with the deep features of the last one. Raises
        RequestError where a condition does not cover the timeline, or the model cannot be told a pose.
        """
        check_conditions(conditions, length=timeline.length)
        if conditions.pose_maps is not None and not self._networks.denoiser.reads_poses:
            raise RequestError(
                f"the model {self.model} does not read poses; give one that comes with a ControlNet for them"
            )
        if conditions.prompt is not None and not self.reads_words:
            raise RequestError(
                f"the model {self.model} reads a picture in place of words; leave the prompt out, or give a "
                f"model that reads words"
            )
        text = self._read(conditions)
        network = self._networks.denoiser
        if whole is not always and not isinstance(network, ConditionedUNet | StableUNet):
            raise RequestError(
                f"the model {self.model} is always run whole; leave --cache-interval out for it"
            )
        lend = self._lender(conditions, text)
        kept = FrameStore(timeline.length)

        @torch.inference_mode()
        def denoise(latents: Latents, timestep: Tensor, frames: Tensor) -> Latents:
            rows, lent = [], lend(timestep)
            for row, numbers in zip(latents.split(1), frames, strict=True):
                given = self._inputs(conditions, timeline, text, numbers, lent=lent)
                noisy, time = row.to(self.dtype), timestep.to(self.device)
                if whole is always or not isinstance(network, ConditionedUNet | StableUNet):
                    rows.append(network(noisy, time, given).float())
                    continue
                deep = None if whole(timestep) else kept.take(numbers)
                found, deep = network.evaluate(noisy, time, given, deep=deep)
                kept.put(numbers, deep)
                rows.append(found.float())
            return torch.cat(rows).to(latents)

        return denoise

    def without(self, conditions: Conditions) -> Conditions:
        """Without what guidance strengthens: the pose of a carried picture, else the reference."""
        if self.reads_carried:
            return replace(conditions, pose_maps=None, prompt=None)
        return replace(conditions, reference=None, picture=None, prompt=None)

    @property
    def reads_carried(self) -> bool:
        """Whether the model is shown the reference carried along the pose, and continues it."""
        return self._networks.denoiser.reads_carried

    @property
    def reads_words(self) -> bool:
        """Whether a prompt reaches the network."""
        return self._networks.text_encoder is not None

    @property
    def reads_pictures(self) -> bool:
        """Whether a picture reaches the network by an image encoder."""
        return self._networks.image_encoder is not None

    @property
    def reads_motion(self) -> bool:
        """Whether the model animates a picture by itself, told how much moves in place of words."""
        return self._networks.denoiser.reads_motion

    @property
    def needs_poses(self) -> bool:
        """Whether the model moves a picture by poses, and by nothing else."""
        return self._networks.denoiser.needs_poses

    def _lender(self, conditions: Conditions, text: Tensor) -> _Lender:
        """What a reference network lends at a timestep; the last answer is kept for the next window."""
        network, reference = self._networks.denoiser, conditions.reference
        if not isinstance(network, StableUNet) or reference is None:
            return lambda timestep: None
        latents = reference[:, :, 0].to(self.device, self.dtype)

        @lru_cache(maxsize=1)
        def lent(at: float) -> Mapping[str, Tensor] | None:
            return network.lend(latents, torch.tensor(at, device=self.device), text)

        return lambda timestep: lent(float(network.reading_time(timestep)))

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
        return make_plan(
            planner, self.scheduler(), tokens=self._tokens(self._meant(prompt)), empty=self._tokens(""),
            length=length, fps=rate, seed=seed, path=path,
        )  # fmt: skip

    def _meant(self, prompt: str) -> str:
        """A prompt with the words that the planner was never taught in those that it was."""
        for word, meaning in self.spec.aliases:
            prompt = re.sub(rf"\b(?:an? |the )?{re.escape(word)}\b", meaning, prompt, flags=re.IGNORECASE)
        return prompt

    def _tokens(self, prompt: str) -> Tensor:
        """The tokens of a prompt, as many as the model reads, `1 l`."""
        encoder, tokenizer = self._networks.language
        text = simplify(prompt) if self.spec.known_words else prompt
        length = min(tokenizer.model_max_length, encoder.config.max_position_embeddings)
        tokens: Tensor = tokenizer(
            [text], padding="max_length", truncation=True, max_length=length, return_tensors="pt"
        ).input_ids
        return tokens

    def _read(self, conditions: Conditions) -> Tensor:
        """The words of a clip as features, `1 l c`; of a model without words, what its reference shows."""
        if (pictures := self._networks.image_encoder) is not None:
            shape = 1, 1, pictures.config.projection_dim
            if conditions.picture is None:
                return torch.zeros(shape, device=self.device, dtype=self.dtype)
            side = pictures.vision_model.embeddings.image_size
            pixels = self._networks.see(conditions.picture.to(self.device), side=side)
            embedding: Tensor = pictures(pixels.to(self.dtype)).image_embeds
            return embedding.view(shape)
        encoder, _ = self._networks.language
        tokens = self._tokens(conditions.prompt or "").to(self.device)
        features: Tensor = encoder(tokens).last_hidden_state
        return features

    def _inputs(
        self, conditions: Conditions, timeline: Timeline, text: Tensor, numbers: Tensor, *,
        lent: Mapping[str, Tensor] | None,
    ) -> Inputs:  # fmt: skip
        """What the network is told about the frames `numbers` of a clip."""

        def pick(value: Tensor | None) -> Tensor | None:
            if value is None:
                return None
            return value[:, :, numbers.to(value.device)].to(self.device, self.dtype)

        reference, motion = conditions.reference, conditions.motion
        return Inputs(
            text=text,
            fps=torch.tensor([conditions.fps], device=self.device),
            known=pick(timeline.known),
            mask=pick(timeline.mask),
            carried=pick(conditions.carried),
            visibility=pick(conditions.visibility),
            reference=None if reference is None else reference[:, :, 0].to(self.device, self.dtype),
            pose=pick(conditions.pose_maps),
            lent=lent,
            motion=None if motion is None else torch.tensor([motion], device=self.device),
        )
