"""The loaded networks: pictures to latents and back, and the innermost denoiser of a clip.

In: a model's name or folder, a device, a precision. Out: `encode`, `decode`, and `denoiser`, the one function
that reads frame numbers, to slice what is known frame by frame. Everything else about sampling is made of
functions around it. Rows of a batch go through the network one by one, so that the result does not depend
on how windows are batched; on a CPU batching gains nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

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
from videogen.extras import NOTHING, Extras
from videogen.models.conditioned import Inputs
from videogen.models.stable import StableUNet
from videogen.planning import Plan, make_plan
from videogen.sampling.timeline import Timeline
from videogen.seeing import (
    check_reads,
    keyframe_hint,
    look_beside_words,
    look_in_place_of_words,
    reads_keyframes,
)
from videogen.types import Denoiser, Frame, Frames, Latents
from videogen.weights.extras import add_extras
from videogen.weights.load import find_model, load_networks
from videogen.weights.presets import ModelSpec
from videogen.world.caption import simplify, words_of

__all__ = ["Conditions", "Engine", "ModelSpec"]

_FRAMES_AT_ONCE = 4
_Lender = Callable[[Tensor], Mapping[str, Tensor] | None]
_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Engine:
    """Networks of one model on one device, for any number of requests.

    `model` is `pocket`, a folder, or `owner/name` on the hub; `device` auto, cpu, cuda or mps; `precision`
    auto (float32 on a CPU, else float16), float32, bfloat16 or float16; `extras` are added to the model.
    Raises CheckpointError where the model cannot be found or loaded, RequestError where the device is absent,
    the precision unknown, or nothing can be added to such a model.
    """

    def __init__(
        self, model: str | Path = "pocket", *, device: str = "auto", precision: str = "auto",
        extras: Extras = NOTHING,
    ) -> None:  # fmt: skip
        self.device = find_device(device)
        if self.device.type == "cpu":
            keep_freed_memory()
        if precision not in ("auto", *_PRECISIONS):
            raise RequestError(f"precision {precision!r} is not one of auto, {', '.join(_PRECISIONS)}")
        default = torch.float32 if self.device.type == "cpu" else torch.float16
        self.dtype = default if precision == "auto" else _PRECISIONS[precision]
        self.model = str(model)
        self.extras = extras
        folder = find_model(model)
        self._networks = add_extras(load_networks(folder), extras, folder=folder)
        self.spec: ModelSpec = self._networks.spec
        self.hashes: dict[str, str] = self._networks.hashes
        found = self._networks
        parts = (found.denoiser, found.vae, found.text_encoder, found.image_encoder, found.image_prompt)
        for network in parts:
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
        video = rearrange(pixels, "t h w c -> t c h w").to(self.dtype) / 127.5 - 1
        return self.encode_video(video)

    @torch.inference_mode()
    def encode_video(self, pictures: Tensor) -> Latents:
        """Pictures −1…1 `t c h w` to latents float32 `1 c t h w`."""
        vae = self._networks.vae
        pictures = pictures.to(self.device, self.dtype).contiguous(memory_format=torch.channels_last)
        chunks = pictures.split(_FRAMES_AT_ONCE)
        latents: Tensor = torch.cat([_encoded(vae.encode(chunk)).float() for chunk in chunks])
        latents = (latents - (vae.config.shift_factor or 0)) * vae.config.scaling_factor
        return rearrange(latents, "t c h w -> 1 c t h w")

    @torch.inference_mode()
    def decode_video(self, latents: Latents) -> Iterator[Tensor]:
        """Latents `1 c t h w` to pictures −1…1, one `c h w` at a time, float32."""
        vae = self._networks.vae
        frames = rearrange(latents, "1 c t h w -> t c h w").to(self.device, torch.float32)
        for chunk in frames.split(_FRAMES_AT_ONCE):
            scaled = chunk / vae.config.scaling_factor + (vae.config.shift_factor or 0)
            yield from vae.decode(scaled.to(self.dtype)).sample.float().clamp(-1, 1)

    def decode(self, latents: Latents) -> Iterator[Frame]:
        """Latents `1 c t h w` to frames uint8 `h w c`, a few at a time."""
        for picture in self.decode_video(latents):
            yield to_frame(picture)

    @torch.inference_mode()
    def denoiser(self, conditions: Conditions, timeline: Timeline) -> Denoiser:
        """The innermost denoiser of a clip.

        It slices what is given per frame by the frame numbers of each row, and runs the U-Net. Raises
        RequestError where a condition does not cover the timeline, or the model cannot be told a pose.
        """
        check_conditions(conditions, length=timeline.length)
        check_reads(self._networks, conditions, model=self.model)
        network = self._networks.denoiser
        told = Inputs(
            text=(text := self._read(conditions)),
            fps=torch.tensor([conditions.fps], device=self.device),
            image=look_beside_words(self._networks, conditions.picture),
            control_text=self._control_words(conditions),
        )
        lend = self._lender(conditions, text)

        @torch.inference_mode()
        def denoise(latents: Latents, timestep: Tensor, frames: Tensor) -> Latents:
            rows, lent = [], lend(timestep)
            for row, numbers in zip(latents.split(1), frames, strict=True):
                given = self._inputs(conditions, timeline, told, numbers, lent=lent)
                rows.append(network(row.to(self.dtype), timestep.to(self.device), given).float())
            return torch.cat(rows).to(latents)

        return denoise

    def without(self, conditions: Conditions) -> Conditions:
        """Without what guidance strengthens: the pose of a carried picture, else the reference."""
        if self.reads_carried:
            return replace(conditions, pose_maps=None, prompt=None)
        return replace(
            conditions, reference=None, picture=None, prompt=None, control_prompt=conditions.prompt
        )

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
        if (seen := look_in_place_of_words(self._networks, conditions.picture)) is not None:
            return seen
        encoder, _ = self._networks.language
        tokens = self._tokens(conditions.prompt or "").to(self.device)
        features: Tensor = encoder(tokens).last_hidden_state
        return features

    def _control_words(self, conditions: Conditions) -> Tensor | None:
        """What ControlNets read, `1 l c`, where it is not the prompt."""
        network = self._networks.denoiser
        shares = isinstance(network, StableUNet) and network.share_words
        if conditions.control_prompt is None or not shares:
            return None
        return self._read(replace(conditions, prompt=conditions.control_prompt))

    def _inputs(
        self, conditions: Conditions, timeline: Timeline, told: Inputs, numbers: Tensor, *,
        lent: Mapping[str, Tensor] | None,
    ) -> Inputs:  # fmt: skip
        """What the network is told about the frames `numbers` of a clip, beside what holds for all."""

        def pick(value: Tensor | None) -> Tensor | None:
            if value is None:
                return None
            return value[:, :, numbers.to(value.device)].to(self.device, self.dtype)

        reference = conditions.reference
        return replace(
            told,
            known=pick(timeline.known),
            mask=pick(timeline.mask),
            carried=pick(conditions.carried),
            visibility=pick(conditions.visibility),
            reference=None if reference is None else reference[:, :, 0].to(self.device, self.dtype),
            pose=pick(conditions.pose_maps),
            keyframes=pick(conditions.keyframes),
            lent=lent,
        )


def _encoded(output: Any) -> Tensor:
    """The latents of an autoencoder's output; of a distribution, its mode."""
    latents: Tensor = output.latents if hasattr(output, "latents") else output.latent_dist.mode()
    return latents
