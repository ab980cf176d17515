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
from videogen.generative import Control
from videogen.jobs import Progress, silent
from videogen.jobs.checks import check_amount, drawing_style, output_size
from videogen.jobs.driven import DrivenRequest
from videogen.jobs.ledger import Ledger
from videogen.jobs.words import warn_of_unknown_words
from videogen.request import Prompt

if TYPE_CHECKING:
    from videogen.engine import Engine, ModelSpec
    from videogen.jobs.outline import Outline
    from videogen.types import Frame


class Animate(DrivenRequest):
    """Animate a still portrait by a pose sequence."""

    job: ClassVar[str] = "animate"

    portrait: Path = Field(kw_only=False, description="Picture of a person or character: PNG, JPEG or WebP.")
    keypoints: Path | None = Field(
        default=None, description="The portrait's own keypoints; the JSON file beside it, or found in it."
    )
    mask: Path | None = Field(
        default=None, description="A picture that is white where the person is; found if not given."
    )
    control: Control = "pose"
    prompt: Prompt | None = Field(
        default=None, description="What the picture shows, in a sentence; may be left out."
    )


def generate(
    request: Animate, engine: Engine, *, progress: Progress = silent, ledger: Ledger | None = None
) -> Iterator[Frame]:
    """Yield the clip's frames at the portrait's size; raises `RequestError` or `MediaError`."""
    from videogen.carried import CarriedPicture
    from videogen.conditions.reference import Canvas
    from videogen.jobs.cutting_out import find_ground, find_person
    from videogen.jobs.driving import read_driving, read_portrait
    from videogen.jobs.portraying import portray
    from videogen.jobs.shapes import follow_shapes
    from videogen.jobs.side_by_side import side_by_side

    ledger = ledger or Ledger()
    if request.control != "pose":
        yield from follow_shapes(request, engine, progress=progress, ledger=ledger)
        return
    rate = request.rate(engine.spec.fps)
    picture, points = read_portrait(request.portrait, request.keypoints)
    style = drawing_style(request.skeleton_style, engine)
    size = output_size(request.height, request.width, picture=picture.shape[:2])
    driving = read_driving(
        request.pose, rate=rate, smoothing=request.smoothing, seconds=request.seconds, by=request.smooth,
        person=request.person, progress=progress,
    )  # fmt: skip
    spec = engine.spec
    grid = Canvas.fit(*size, side=min(spec.height, spec.width), multiple=spec.size_multiple)
    check_amount(len(driving.points), grid.height, grid.width)
    mask = find_person(picture, points, request.mask) if engine.reads_carried else None
    carried = CarriedPicture.make(
        picture, points, driving, motion=request.motion, scale=request.motion_scale, size=size, spec=spec,
        mask=mask, ground=find_ground(picture, points, mask), style=style,
    )  # fmt: skip
    if request.prompt is not None:
        warn_of_unknown_words(request.prompt, engine)
    frames = portray(request, engine, carried, fps=float(rate), progress=progress, ledger=ledger)
    yield from side_by_side(frames, picture, driving) if request.side_by_side else frames


def outline(request: Animate, spec: ModelSpec) -> Outline:
    """Say what will be made, with no network loaded."""
    from videogen.jobs.driving_ahead import outline_driven

    return outline_driven(request, spec)


animate = as_function(Animate)
