"""The outline of a portrait that is driven: as long as its pose, as large as its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from videogen.conditions.reference import Canvas
from videogen.jobs.checks import output_size
from videogen.jobs.driving import read_driving
from videogen.jobs.outline import Outline, outlined
from videogen.jobs.shapes import Shapes
from videogen.media.image import read_image

if TYPE_CHECKING:
    from videogen.jobs.animate import Animate
    from videogen.weights.spec import ModelSpec


def outline_driven(request: Animate, spec: ModelSpec) -> Outline:
    """Say what will be made; raises `RequestError` or `MediaError` as the job itself."""
    rate = request.rate(spec.fps)
    size = output_size(request.height, request.width, picture=read_image(request.portrait).shape[:2])
    grid = Canvas.fit(*size, side=min(spec.height, spec.width), multiple=spec.size_multiple)
    if request.control == "pose":
        length = len(read_driving(
            request.pose, rate=rate, smoothing=request.smoothing, seconds=request.seconds, by=request.smooth,
            person=request.person,
        ).points)  # fmt: skip
        shown = 3 if request.side_by_side else 1
    else:
        length = len(Shapes.of(request.pose, request.control, rate=rate, seconds=request.seconds).sources)
        shown = 1
    scale = spec.pose_guidance if request.guidance_scale is None else request.guidance_scale
    times = 2 if spec.skeleton_style == "own" else 1  # whole, and the face from near
    return outlined(
        request, spec, length=length, fps=rate, size=(size[0], shown * size[1]),
        grid=(grid.height, grid.width), scale=scale, times=times,
    )  # fmt: skip
