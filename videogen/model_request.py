"""The fields of the jobs that draw noise and have a model make a clip of it, and how that is finished."""

from __future__ import annotations

import secrets
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from pydantic import Field, field_validator

from videogen.request import Folder, Rate, Request, one_two_or_four


class ModelRequest(Request):
    """The fields of the jobs that draw noise and have a model denoise it."""

    seed: int | None = Field(
        default=None,
        ge=0,
        lt=2**63,
        description="Number that fixes the noise: the same request with the same seed gives the same clip. "
        "Drawn, and stored in the output, if not given.",
    )
    fps: Rate | None = Field(
        default=None,
        gt=0,
        le=240,
        description="Frames per second, such as 8, 23.976 or 30000/1001; if not given, the pose's own, "
        "else the model's.",
    )
    model: str = Field(
        default="pocket",
        min_length=1,
        description="Weights to use: 'pocket' (inside the package), a preset, a name on the hub, a folder or "
        "a file; 'videogen models' lists what there is.",
    )
    weights: Folder | None = Field(
        default=None,
        description="Folder where files of a preset are looked for before the hub's cache and the hub.",
    )
    motion_modules: Path | None = Field(
        default=None,
        description="Motion modules in place of the model's own: a file, as AnimateDiff's, or an adapter's "
        "folder; for models of Stable Diffusion 1.5.",
    )
    offload: bool = Field(
        default=False,
        description="Keep the parts of a model in main memory, and only the one in use on the GPU.",
    )
    compile: bool = Field(
        default=False,
        description="Compile the network for the GPU first: a minute or more, and each clip then takes less.",
    )
    interpolate: int = Field(
        default=1,
        ge=1,
        le=8,
        description="Show so many times as many frames a second as are denoised; a network draws those "
        "between.",
    )
    upscale: int = Field(
        default=1,
        ge=1,
        le=4,
        description="Make the finished frames so many times as wide and high: 1, 2 or 4.",
    )

    _checked_scale = field_validator("upscale")(one_two_or_four)

    def rate(self, default: Fraction) -> Fraction:
        """Return the frames per second that the job makes; `default` is the model's own rate."""
        return self.fps if self.fps is not None else default

    def output_rate(self, default: Fraction) -> Fraction:
        """Return the frames per second of the output."""
        return self.rate(default) * self.interpolate

    def rate_ahead(self) -> Fraction:
        """Return the rate of the output as far as the request alone says it, 1 where it says nothing."""
        return self.interpolate * (self.fps or Fraction(1))

    def chosen_seed(self) -> int:
        """Return the seed, or draw one below 2³¹ (short enough to type again)."""
        return self.seed if self.seed is not None else secrets.randbelow(2**31)

    @property
    def noise_seed(self) -> int | None:
        """The number that fixes the noise, None where it is not yet known."""
        return self.seed

    def with_seed(self, seed: int | None) -> Self:
        """Return this request with this seed."""
        return self.model_copy(update={"seed": seed})

    def seeded(self) -> Self:
        """Return this request with its seed set."""
        return self if self.seed is not None else self.with_seed(self.chosen_seed())

    @property
    def stem(self) -> str:
        """What an output is named after where nobody says: the job and its seed."""
        return f"{self.job}-{'SEED' if self.seed is None else self.seed}"

    def networks(self) -> dict[str, Any]:
        """Return what chooses the networks, by the names of the settings."""
        names = ("model", "weights", "motion_modules", "offload", "compile")
        chosen = {name: getattr(self, name) for name in names}
        return {**super().networks(), **chosen, "extras": self.extras}
