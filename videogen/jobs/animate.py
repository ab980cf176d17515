"""Animate: a still portrait moves as a pose sequence says.

Comes in: a picture with its keypoints, and a pose per frame. The picture is carried along the motion field;
the network, told the pose, the carried picture and where it can be trusted, draws every frame; the result
keeps the picture's own sharpness where it can be seen. Long clips are denoised in overlapping windows, all
anchored to the same reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from videogen.clip import as_function
from videogen.jobs import Progress, silent
from videogen.jobs.checks import check_amount, output_size
from videogen.jobs.driven import DrivenRequest
from videogen.jobs.words import warn_of_unknown_words
from videogen.request import Prompt

if TYPE_CHECKING:
    from videogen.engine import Engine
    from videogen.types import Frame


class Animate(DrivenRequest):
    """Animate a still portrait by a pose sequence."""

    job: ClassVar[str] = "animate"

    portrait: Path = Field(kw_only=False, description="Picture of a person or character: PNG, JPEG or WebP.")
    keypoints: Path | None = Field(
        default=None, description="The portrait's own keypoints; the JSON file beside it if not given."
    )
    prompt: Prompt | None = Field(
        default=None, description="What the picture shows, in a sentence; may be left out."
    )


def generate(request: Animate, engine: Engine, *, progress: Progress = silent) -> Iterator[Frame]:
    """Yield the clip's frames at the portrait's size; raises `RequestError` or `MediaError`."""
    from videogen.carried import CarriedPicture
    from videogen.conditions.reference import Canvas
    from videogen.engine import Conditions
    from videogen.jobs.denoising import denoise
    from videogen.jobs.driving import read_driving, read_portrait
    from videogen.jobs.side_by_side import side_by_side
    from videogen.sampling import Timeline

    spec = engine.spec
    rate = request.rate(spec.fps)
    picture, points = read_portrait(request.portrait, request.keypoints)
    size = output_size(request.height, request.width, picture=picture.shape[:2])
    driving = read_driving(
        request.pose, rate=rate, smoothing=request.smoothing, seconds=request.seconds, by=request.smooth
    )
    grid = Canvas.fit(*size, side=min(spec.height, spec.width), multiple=spec.size_multiple)
    check_amount(len(driving.points), grid.height, grid.width)
    carried = CarriedPicture.make(
        picture, points, driving, motion=request.motion, scale=request.motion_scale, size=size, spec=spec
    )
    if request.prompt is not None:
        warn_of_unknown_words(request.prompt, engine)
    conditions = Conditions(
        fps=float(rate),
        prompt=request.prompt,
        reference=engine.encode_video(carried.reference),
        carried=engine.encode_video(carried.frames),
        visibility=carried.visibility,
        pose_maps=carried.pose_maps,
        picture=carried.reference,
    )
    latents = denoise(
        request, engine, Timeline.line(carried.num_frames), [engine.without(conditions), conditions],
        scale=spec.pose_guidance if request.guidance_scale is None else request.guidance_scale,
        size=(grid.height, grid.width), progress=progress,
    )  # fmt: skip
    drawn = enumerate(engine.decode_video(latents))
    frames = (carried.sharpen(*one) if engine.reads_carried else carried.as_drawn(one[1]) for one in drawn)
    yield from side_by_side(frames, picture, driving) if request.side_by_side else frames


animate = as_function(Animate)
