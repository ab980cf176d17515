"""What `image-to-video` tells a model about the picture that a clip begins with, each kind in its own way.

Stable Video Diffusion is shown the picture beside every frame. Every other model finds it as the first frame,
which is known; pocket is also shown it as a reference, and where things move as the words say. A person whose
keypoints are known is carried along the planned pose, as `animate` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from torch import Tensor

from videogen.conditions.reference import Canvas, to_frame, to_picture
from videogen.engine import Conditions
from videogen.errors import RequestError
from videogen.jobs.acting import act
from videogen.jobs.beginning import begun, word_scale
from videogen.jobs.beside import beside
from videogen.jobs.checks import check_amount, output_size
from videogen.jobs.drawing import LATER_WORDS
from videogen.jobs.driving import is_there, read_portrait
from videogen.jobs.outline import Outline, outlined
from videogen.media.image import read_image
from videogen.sampling import Scale, Timeline
from videogen.schedule import read_prompt
from videogen.types import Frame

if TYPE_CHECKING:
    from videogen.engine import Engine
    from videogen.jobs.image_to_video import ImageToVideo
    from videogen.weights.spec import ModelSpec


@dataclass(frozen=True)
class Told:
    """What the model is told: the timeline, conditions without and with what guidance strengthens, its scale.

    `canvas` is the network's grid; `show` makes a frame of its number and what the network drew, `c h w`.
    """

    timeline: Timeline
    chain: tuple[Conditions, Conditions]
    scale: Scale
    canvas: Canvas
    show: Callable[[int, Tensor], Frame]


def check_told(request: ImageToVideo, engine: Engine) -> None:
    """Raise `RequestError` where the model cannot be told what the request says."""
    model = f"the model {engine.model}"
    if engine.needs_poses:
        raise RequestError(f"{model} moves a picture by poses; use videogen animate with --pose")
    if request.prompt is not None and not engine.reads_words:
        raise RequestError(f"{model} reads no words; leave --prompt out, or give a model that does")
    for name, read in (
        ("motion_bucket", engine.reads_motion),
        ("noise_augmentation", engine.reads_motion),
        ("keypoints", engine.reads_carried),
    ):
        if getattr(request, name) is not None and not read:
            option = name.replace("_", "-")
            raise RequestError(f"--{option} has no effect on {model}, which does not read it; leave it out")
    if request.guidance_scale not in (None, 1) and request.prompt is None and not engine.reads_pictures:
        raise RequestError("--guidance-scale strengthens words, and there are none; give --prompt too")


def tell(request: ImageToVideo, engine: Engine, *, length: int, fps: Fraction) -> Told:
    """What the model is told about a clip of `length` frames that begins with the request's picture.

    Raises `RequestError` or `MediaError` where the picture, or its keypoints, cannot be used.
    """
    keypoints = request.keypoints
    if engine.reads_carried and (keypoints is not None or is_there(request.picture.with_suffix(".json"))):
        told = _acted(request, engine, length=length, fps=fps)
        if told is not None:
            return told
        if keypoints is not None:
            raise RequestError("--keypoints move a person, and the words tell of none; name one in --prompt")
    frame = read_image(request.picture)
    canvas = _canvas(request, engine.spec, picture=frame.shape[:2])
    check_amount(length, canvas.height, canvas.width)
    picture = canvas.place(to_picture(frame))
    make = beside if engine.reads_motion else begun
    timeline, chain, scale = make(request, engine, picture, length, fps)
    return Told(timeline, chain, scale, canvas, lambda _, drawn: to_frame(canvas.crop(drawn)))


def outline_pictured(request: ImageToVideo, spec: ModelSpec) -> Outline:
    """What will be made of the request; the size is that of a person who moves where there are keypoints."""
    fps = request.rate(spec.fps)
    picture = read_image(request.picture).shape[:2]
    acts = spec.skeleton_style == "own" and request.prompt is not None
    if acts and (request.keypoints is not None or is_there(request.picture.with_suffix(".json"))):
        size = output_size(request.height, request.width, picture=picture)
        canvas = Canvas.fit(*size, side=min(spec.height, spec.width), multiple=spec.size_multiple)
    else:
        canvas = _canvas(request, spec, picture=picture)
        size = canvas.rows, canvas.columns
    scale = spec.guidance_scale if request.guidance_scale is None else request.guidance_scale
    return outlined(
        request, spec, length=request.length(fps=fps, default=spec.num_frames), fps=fps, size=size,
        grid=(canvas.height, canvas.width), scale=1.0 if request.prompt is None else scale, known=range(1),
    )  # fmt: skip


def _canvas(request: ImageToVideo, spec: ModelSpec, *, picture: tuple[int, ...]) -> Canvas:
    """The grid for a picture at the size asked for, or with the shorter side of the model's own."""
    asked = request.height is not None or request.width is not None
    size = output_size(request.height, request.width, picture=(picture[0], picture[1]))
    side = min(size) if asked else min(spec.height, spec.width)
    return Canvas.fit(*size, side=side, multiple=spec.size_multiple)


def _acted(request: ImageToVideo, engine: Engine, *, length: int, fps: Fraction) -> Told | None:
    """A person carried along the pose that the words plan; None where they plan nobody."""
    spec = engine.spec
    frame, points = read_portrait(request.picture, request.keypoints)
    size = output_size(request.height, request.width, picture=frame.shape[:2])
    grid = Canvas.fit(*size, side=min(spec.height, spec.width), multiple=spec.size_multiple)
    check_amount(length, grid.height, grid.width)
    seed = request.chosen_seed()
    words = request.prompt
    prompt = None if words is None else read_prompt(words, length=length, fps=float(fps))
    carried = act(frame, points, prompt, engine, length=length, fps=fps, seed=seed, size=size)
    if carried is None:
        return None
    first = engine.encode_video(carried.reference)
    told = Conditions(
        fps=float(fps),
        prompt=prompt,
        reference=first,
        carried=engine.encode_video(carried.frames),
        visibility=carried.visibility,
        pose_maps=carried.pose_maps,
    )
    timeline = Timeline.line(length).with_known(first, frames=[0])
    scale = 1 + (word_scale(request, engine) - 1) * LATER_WORDS
    return Told(timeline, (replace(told, prompt=None), told), scale, carried.canvas, carried.sharpen)
