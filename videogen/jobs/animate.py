"""Animate: a still portrait moves as a pose sequence says.

Comes in: a picture with its keypoints, and a pose per frame. The picture is carried along the motion field;
the network, told the pose, the carried picture and where it can be trusted, draws every frame; the result
keeps the picture's own sharpness where it can be seen. Long clips are denoised in overlapping windows, all
anchored to the same reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from videogen.clip import as_function
from videogen.generative import Control, GenerativeRequest
from videogen.jobs import Progress, silent
from videogen.jobs.checks import output_size
from videogen.jobs.words import warn_of_unknown_words
from videogen.request import Prompt

if TYPE_CHECKING:
    from videogen.engine import Engine
    from videogen.types import Frame


class Animate(GenerativeRequest):
    """Animate a still portrait by a pose sequence."""

    job: ClassVar[str] = "animate"

    portrait: Path = Field(kw_only=False, description="Picture of a person or character: PNG, JPEG or WebP.")
    pose: Path = Field(
        description="How to move: a video of a person, a skeleton video, or OpenPose or ControlNet JSON."
    )
    keypoints: Path | None = Field(
        default=None, description="The portrait's own keypoints; the JSON file beside it, or found in it."
    )
    control: Control = "pose"
    prompt: Prompt | None = Field(
        default=None, description="What the picture shows, in a sentence; may be left out."
    )
    seconds: float | None = Field(
        default=None, gt=0, le=600, description="Stop after so long; the whole pose if not given."
    )
    smoothing: float = Field(
        default=0.0, ge=0, le=1, description="How strongly jitter is taken out of the pose."
    )

    def rate(self, default: Fraction) -> Fraction:
        """Return the frames per second of the output: asked for, the pose's own, or `default`."""
        from videogen.jobs.driving import driving_rate

        return self.fps or driving_rate(self.pose) or default


def generate(request: Animate, engine: Engine, *, progress: Progress = silent) -> Iterator[Frame]:
    """Yield the clip's frames at the portrait's size; raises `RequestError` or `MediaError`."""
    from videogen.carried import CarriedPicture
    from videogen.engine import Conditions
    from videogen.jobs.denoising import denoise
    from videogen.jobs.driving import read_driving, read_portrait
    from videogen.jobs.shapes import follow_shapes
    from videogen.sampling import Timeline

    if request.control != "pose":
        yield from follow_shapes(request, engine, progress=progress)
        return
    spec = engine.spec
    rate = request.rate(spec.fps)
    picture, points = read_portrait(request.portrait, request.keypoints)
    height, width = output_size(request.height, request.width, picture=picture.shape[:2])
    driving = read_driving(
        request.pose, rate=rate, smoothing=request.smoothing, seconds=request.seconds, progress=progress
    )
    carried = CarriedPicture.make(picture, points, driving, size=(height, width), spec=spec)
    if request.prompt is not None:
        warn_of_unknown_words(request.prompt, engine)
    timeline = Timeline.line(carried.num_frames)
    conditions = Conditions(
        fps=float(rate), prompt=request.prompt, picture=carried.reference, pose_maps=carried.pose_maps,
        reference=engine.encode_video(carried.reference), carried=engine.encode_video(carried.frames),
        visibility=carried.visibility,
    )  # fmt: skip
    scale = spec.pose_guidance if request.guidance_scale is None else request.guidance_scale
    latents = denoise(
        request, engine, timeline, [engine.without(conditions), conditions],
        scale=scale, size=(carried.canvas.height, carried.canvas.width), progress=progress,
    )  # fmt: skip
    for number, drawn in enumerate(engine.decode_video(latents)):
        yield carried.sharpen(number, drawn) if engine.reads_carried else carried.as_drawn(drawn)


animate = as_function(Animate)
