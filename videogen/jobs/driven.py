"""The request fields of jobs that a pose drives: which, how it is followed, and what goes beside the clip."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from videogen.generative import PosedRequest
from videogen.jobs.sounding import sound_beside
from videogen.sound import Sound


class DrivenRequest(PosedRequest):
    """The fields of jobs that a pose drives."""

    pose: Path = Field(
        description="How to move: a video of a person, a skeleton video, or OpenPose or ControlNet JSON."
    )
    person: int = Field(
        default=1, ge=1, le=100, description="Who of several people in the pose; 1 is the largest."
    )
    seconds: float | None = Field(
        default=None, gt=0, le=600, description="Stop after so long; the whole pose if not given."
    )
    smoothing: float = Field(
        default=0.0, ge=0, le=1, description="How strongly jitter is taken out of the pose."
    )
    smooth: Literal["savgol", "one-euro", "spline"] = Field(
        default="savgol",
        description="What takes it out: polynomials that keep even motion (Savitzky-Golay), a filter that "
        "lets fast motion pass (One-Euro), or a spline that holds the first and the last place.",
    )
    motion: Literal["relative", "absolute"] = Field(
        default="relative",
        description="What is followed: the pose's change since it starts, from where the portrait is, or its "
        "places and turns themselves, brought to the portrait's size and place as a whole.",
    )
    motion_scale: float = Field(
        default=1.0,
        ge=0,
        le=3,
        description="How much of the pose's change: 0 stands still, 2 goes twice as far.",
    )
    audio: str = Field(
        default="keep",
        min_length=1,
        description="Sound: 'keep' (the driving video's), 'none', or a FILE's; cut to the clip's length.",
    )
    side_by_side: bool = Field(
        default=False, description="Show portrait, pose and result beside one another."
    )

    @model_validator(mode="after")
    def _something_to_smooth(self) -> Self:
        if self.smooth != "savgol" and self.smoothing == 0:
            raise ValueError(
                f"--smooth {self.smooth} has no effect at --smoothing 0; give --smoothing 0.5, or up to 1"
            )
        return self

    def rate(self, default: Fraction) -> Fraction:
        """Return the frames per second of the output: asked for, the pose's own, or `default`."""
        from videogen.jobs.driving import driving_rate

        return self.fps or driving_rate(self.pose) or default

    def sound(self) -> Sound | None:
        """Return the sound that goes with the output, None for silence; raises `MediaError` for bad files."""
        return sound_beside(self.audio, self.pose)
