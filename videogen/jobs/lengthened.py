"""The request fields of the jobs that put new frames beside those of a video."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from videogen.errors import RequestError
from videogen.generative import PoselessRequest, TimelineRequest
from videogen.jobs.keeping import KeepingRequest
from videogen.request import Prompt

if TYPE_CHECKING:
    from videogen.engine import Engine, ModelSpec
    from videogen.jobs.given import GivenVideo


class LengthenedRequest(KeepingRequest, PoselessRequest, TimelineRequest):
    """The fields of jobs that put new frames beside given ones."""

    prompt: Prompt | None = Field(default=None, description="What happens in the new frames, in a sentence.")
    carry: bool = Field(
        default=True,
        description="Carry on what the frames show: things along their paths, other motion to and fro, the "
        "ground where it is; the network draws what is uncovered. Or leave all of it to the network.",
    )
    audio: str = Field(
        default="keep",
        min_length=1,
        description="Sound: 'keep' (the video's own beside its own frames, silence beside new ones), 'loop' "
        "(the same again until the clip is full), 'none', or a FILE's.",
    )

    @model_validator(mode="after")
    def _words_to_strengthen(self) -> Self:
        if self.guidance_scale not in (None, 1) and self.prompt is None:
            raise ValueError("--guidance-scale strengthens words, and there are none; give --prompt too")
        return self

    def rate_of(self, video: Path) -> Fraction:
        """Return the frames per second of the output: asked for, or a video's own."""
        from videogen.media.video import probe

        return self.fps or probe(video).fps

    def length_of(self, video: Path) -> Fraction:
        """Return how long a video's pictures last, in seconds; raises `MediaError` for what is none."""
        from videogen.media.video import probe, read_video

        info = probe(video)
        if info.num_frames is not None:
            return info.num_frames / info.fps
        with read_video(video) as frames:
            return sum(1 for _ in frames) / info.fps

    def given(self, video: Path, spec: ModelSpec) -> GivenVideo:
        """Read a video through once, at the size and rate asked for; raises as `GivenVideo.read`."""
        from videogen.jobs.given import GivenVideo

        return GivenVideo.read(video, spec, rate=self.fps, height=self.height, width=self.width)

    def check(self, given: GivenVideo, engine: Engine) -> None:
        """Raise `RequestError` where the model cannot make new frames beside given ones."""
        if engine.needs_poses or engine.reads_motion:
            raise RequestError(
                f"the model {engine.model} cannot go on from a video; use pocket, or one of Stable "
                f"Diffusion's kind with motion modules"
            )
        if self.prompt is not None and not engine.reads_words:
            raise RequestError(f"the model {engine.model} reads no words; leave --prompt out")
        if not self.carry and not engine.reads_carried:
            raise RequestError(f"--no-carry has no effect on {engine.model}, which carries nothing; drop it")
