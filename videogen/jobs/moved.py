"""The request fields of a clip from words that say how it moves: a path, a pose, or words to plan from."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from videogen.generative import Control
from videogen.jobs.showing import ShownRequest
from videogen.request import Prompt


class MovedRequest(ShownRequest):
    """The fields of jobs that are told how things move."""

    path: str | None = Field(
        default=None,
        min_length=1,
        description="Where the first thing moves: points '0.2,0.5 0.8,0.5' in fractions of the picture, or a "
        "JSON file of points with x, y and, if wanted, time or frame, size (half extent), angle (degrees).",
    )
    pose: Path | None = Field(
        default=None, description="How a person moves: a video or pose as for animate; needs no portrait."
    )
    control: Control = "pose"
    plan: bool = Field(
        default=True, description="Plan the motion from the words first; or leave it to the network."
    )
    close_ups: bool = Field(
        default=True,
        description="Draw each thing that is planned once more from near, by itself, and lay it along its "
        "track; or leave it as the whole clip shows it, small.",
    )
    motion_prompt: Prompt | None = Field(
        default=None,
        description="Words to plan the motion from in place of the prompt, which says the looks.",
    )

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if self.path is not None and self.pose is not None:
            raise ValueError("--path moves things and --pose people; give one of them")
        if not self.plan and (self.path is not None or self.pose is not None):
            raise ValueError("--no-plan leaves motion to the network, --path or --pose fixes it; drop one")
        if self.controlnet and self.pose is None:
            raise ValueError("--controlnet reads a pose; give one with --pose")
        if self.control != "pose" and self.pose is None:
            raise ValueError(f"--control {self.control} is drawn from a video; give it with --pose")
        return self

    @property
    def leaves_motion(self) -> bool:
        """Whether nothing names the motion, and it may be made out."""
        return self.plan and self.pose is None and self.path is None and self.motion_prompt is None

    @property
    def has_close_ups(self) -> bool:
        """Whether things that are planned are drawn from near too; keyframes come back as they are."""
        return self.close_ups and self.plan and self.pose is None and not self.keyframe

    def rate(self, default: Fraction) -> Fraction:
        """Return the frames per second of the output: asked for, the pose's own, or `default`."""
        from videogen.jobs.driving import driving_rate

        return self.fps or (None if self.pose is None else driving_rate(self.pose)) or default
