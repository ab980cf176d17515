"""What a model is at home with: the sizes, rates and settings that requests fall back on.

A model folder in diffusers' layout carries these numbers as `videogen` in its `model_index.json`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from typing import Any, TypedDict

from videogen.errors import CheckpointError
from videogen.skeleton_style import STYLES, SkeletonStyle

_LARGEST = 1 << 16
_OPTIONAL = {"aliases", "few_steps_shift", "frames_at_once", "skeleton_style"}
FEW_STEPS = 6
"""Up to so many steps are few."""


class Grid(TypedDict):
    """The fields of a `ModelSpec` that say how pixels become latents."""

    latent_channels: int
    vae_scale_factor: int
    size_multiple: int


def grid_of(vae: Any) -> Grid:
    """What of a `ModelSpec` follows from the settings of an autoencoder of Stable Diffusion's kind."""
    factor = 2 ** (len(vae.block_out_channels) - 1)
    return {"latent_channels": vae.latent_channels, "vae_scale_factor": factor, "size_multiple": factor}


@dataclass(frozen=True)
class ModelSpec:
    """Native sizes in pixels and frames, and the settings that the weights were made for.

    `size_multiple` is the step of widths and heights. `window` and `overlap` are in frames. `pose_guidance`
    is the guidance scale for poses, `guidance_scale` that for words. `known_words` is the vocabulary of the
    training captions, empty where there is none. `aliases` are words that a motion planner reads as others,
    (word, meaning). `frames_at_once` go through the autoencoder together. `skeleton_style` is how the poses
    are drawn that it reads. With `FEW_STEPS` or fewer a flow's scheduler takes `few_steps_shift`, if that is
    not 0: above 1 its steps lie closer where there is more noise. Raises ValueError for what is impossible.
    """

    width: int
    height: int
    num_frames: int
    fps: Fraction
    window: int
    overlap: int
    num_inference_steps: int
    guidance_scale: float
    pose_guidance: float
    latent_channels: int
    vae_scale_factor: int
    size_multiple: int
    known_words: tuple[str, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    frames_at_once: int = 4
    skeleton_style: SkeletonStyle = "own"
    few_steps_shift: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == "int":
                least = 0 if field.name == "overlap" else 1
                if type(value) is not int or not least <= value <= _LARGEST:
                    raise ValueError(f"{field.name} is {value!r}, expected {least} to {_LARGEST}")
            if field.type == "float" and not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{field.name} is {value!r}, expected 0 or more")
        if not 0 < self.fps <= _LARGEST:
            raise ValueError(f"fps is {self.fps}, expected more than 0")
        if self.skeleton_style not in STYLES:
            raise ValueError(f"skeleton_style is {self.skeleton_style!r}, expected {' or '.join(STYLES)}")
        if self.overlap >= self.window:
            raise ValueError(f"overlap {self.overlap} is not below window {self.window}")
        if self.width % self.size_multiple or self.height % self.size_multiple:
            raise ValueError(f"{self.width}x{self.height} are not multiples of {self.size_multiple}")

    @classmethod
    def from_dict(cls, values: object, *, source: str) -> ModelSpec:
        """A spec from JSON; raises CheckpointError where a number is missing, extra or impossible."""
        expected = {field.name for field in fields(cls)} - _OPTIONAL
        if not isinstance(values, Mapping) or set(values) - _OPTIONAL != expected:
            found = {str(name) for name in values} if isinstance(values, Mapping) else set()
            wrong = ", ".join(sorted((found - _OPTIONAL) ^ expected))
            raise CheckpointError(f"{source}: the section 'videogen' is missing or has too much: {wrong}")
        try:
            apart = ("fps", "known_words", "aliases")
            made = {name: value for name, value in values.items() if name not in apart}
            words, aliases = values["known_words"], values.get("aliases", {})
            if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
                raise TypeError("known_words is not a list of words")
            if not isinstance(aliases, dict) or not all(isinstance(word, str) for word in aliases.values()):
                raise TypeError("aliases are not words and their meanings")
            return cls(
                **made, fps=Fraction(str(values["fps"])), known_words=tuple(words),
                aliases=tuple(aliases.items()),
            )  # fmt: skip
        except (TypeError, ValueError, ArithmeticError) as error:
            raise CheckpointError(f"{source}: the section 'videogen' cannot be read ({error})") from error

    def to_dict(self) -> dict[str, object]:
        """The spec as JSON values."""
        plain = {"fps": str(self.fps), "known_words": list(self.known_words), "aliases": dict(self.aliases)}
        return {**asdict(self), **plain}
