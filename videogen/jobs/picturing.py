"""What `image-to-video` tells a model about the picture that a clip begins with, each kind in its own way.

Stable Video Diffusion is shown the picture beside every frame. Every other model finds it as the first frame,
which is known; pocket is also shown it as a reference, and where things move as the words say. A person whose
keypoints are known is carried along the planned pose, as `animate` does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from videogen.conditions.reference import Canvas, to_frame, to_picture
from videogen.engine import Conditions
from videogen.errors import RequestError
from videogen.jobs.acting import act
from videogen.jobs.checks import check_amount, output_size
from videogen.jobs.drawing import LATER_WORDS
from videogen.jobs.driving import is_there, read_portrait
from videogen.media.image import read_image
from videogen.planning import draw_plan
from videogen.sampling import Scale, Timeline, draw_noise
from videogen.types import Frame

if TYPE_CHECKING:
    from videogen.engine import Engine
    from videogen.jobs.image_to_video import ImageToVideo

log = logging.getLogger(__name__)

USUAL_BUCKET, USUAL_NOISE = 127, 0.02


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
    canvas = _canvas(request, engine, picture=frame.shape[:2])
    check_amount(length, canvas.height, canvas.width)
    picture = canvas.place(to_picture(frame))
    make = _beside if engine.reads_motion else _begun
    timeline, chain, scale = make(request, engine, picture, length, fps)
    return Told(timeline, chain, scale, canvas, lambda _, drawn: to_frame(canvas.crop(drawn)))


def _canvas(request: ImageToVideo, engine: Engine, *, picture: tuple[int, ...]) -> Canvas:
    """The grid for a picture at the size asked for, or with the shorter side of the model's own."""
    spec, asked = engine.spec, request.height is not None or request.width is not None
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
    carried = act(frame, points, request.prompt, engine, length=length, fps=fps, seed=seed, size=size)
    if carried is None:
        return None
    first = engine.encode_video(carried.reference)
    told = Conditions(
        fps=float(fps),
        prompt=request.prompt,
        reference=first,
        carried=engine.encode_video(carried.frames),
        visibility=carried.visibility,
        pose_maps=carried.pose_maps,
    )
    timeline = Timeline.line(length).with_known(first, frames=[0])
    scale = 1 + (_word_scale(request, engine) - 1) * LATER_WORDS
    return Told(timeline, (replace(told, prompt=None), told), scale, carried.canvas, carried.sharpen)


def _begun(
    request: ImageToVideo, engine: Engine, picture: Tensor, length: int, fps: Fraction
) -> tuple[Timeline, tuple[Conditions, Conditions], Scale]:
    """The picture as the first frame, which is known."""
    latents = engine.encode_video(picture)
    timeline = Timeline.line(length).with_known(latents, frames=[0])
    told = Conditions(fps=float(fps), prompt=request.prompt, picture=picture)
    without = engine.without(told)
    if engine.reads_carried:
        if request.prompt is None:
            raise RequestError(
                f"the model {engine.model} needs words or keypoints to move a picture; give --prompt or "
                f"--keypoints"
            )
        maps = _planned(request.prompt, request, engine, length=length, fps=fps, size=picture.shape[-2:])
        told = Conditions(fps=float(fps), prompt=request.prompt, reference=latents, pose_maps=maps)
        without = replace(told, prompt=None)
    return timeline, (without, told), _word_scale(request, engine)


def _word_scale(request: ImageToVideo, engine: Engine) -> float:
    """How strongly words, or the picture that an image encoder reads, are followed; 1 without either."""
    if request.prompt is None and not engine.reads_pictures:
        return 1.0
    return engine.spec.guidance_scale if request.guidance_scale is None else request.guidance_scale


def _planned(
    prompt: str, request: ImageToVideo, engine: Engine, *, length: int, fps: Fraction, size: torch.Size
) -> Tensor | None:
    """Maps of what moves where, as the words say; None where nothing is planned."""
    plan = engine.plan(prompt, length=length, fps=fps, seed=request.chosen_seed())
    if plan is not None and plan.pose is not None:
        log.warning(
            "%s has no keypoints, so the person is drawn anew after the first frame; give --keypoints",
            request.picture.name,
        )
    return None if plan is None or plan.is_empty else draw_plan(plan, height=size[0], width=size[1])


def _beside(
    request: ImageToVideo, engine: Engine, picture: Tensor, length: int, fps: Fraction
) -> tuple[Timeline, tuple[Conditions, Conditions], Scale]:
    """The picture beside every frame, slightly noisy, followed the more the later the frame."""
    if length > engine.spec.window:
        log.warning(
            "the model makes %d frames of a picture; a clip of %d frames comes back to it every so often",
            engine.spec.window,
            length,
        )
    bucket = USUAL_BUCKET if request.motion_bucket is None else request.motion_bucket
    amount = USUAL_NOISE if request.noise_augmentation is None else request.noise_augmentation
    noise = draw_noise(
        channels=3, frames=1, height=picture.shape[-2], width=picture.shape[-1],
        seed=request.chosen_seed() + 2**63,  # the clip's own noise comes from the seed itself
    )  # fmt: skip
    reference = engine.encode_video(picture + amount * noise[:, :, 0])
    told = Conditions(fps=float(fps), reference=reference, picture=picture, motion=(bucket, amount))
    rising = torch.linspace(1, _word_scale(request, engine), length)
    return Timeline.line(length), (engine.without(told), told), rising
