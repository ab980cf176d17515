"""What a text clip is told about motion: a pose that is given, or a plan, along a path if given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import torch

from videogen.conditions.route import Route, read_route
from videogen.errors import RequestError
from videogen.jobs.checks import picture_size
from videogen.jobs.driving import read_driving
from videogen.jobs.outline import Outline, calls_from_near, outlined
from videogen.jobs.planned import draw_plans, person_of, plan_words, things_of
from videogen.jobs.shapes import Shapes, check_control
from videogen.jobs.words import word_guidance
from videogen.planning import Plan
from videogen.schedule import read_prompt, texts_of
from videogen.skeleton_style import draw_maps
from videogen.tracks import Tracks

if TYPE_CHECKING:
    from torch import Tensor

    from videogen.engine import Engine, ModelSpec
    from videogen.jobs.text_to_video import TextToVideo
    from videogen.types import Pose

FIRST_FRAMES = 8
"""Frames that are drawn for the sake of a person's first one, which is better among others than alone."""


@dataclass(frozen=True)
class Guide:
    """Motion in a picture of some size: `maps` `1 3 t h w`, and what they show where that is known.

    A person's points `t k 3`, or `things`: their tracks in each stretch of the clip.
    """

    maps: Tensor
    person: Tensor | None
    things: tuple[Tracks, ...] = ()

    def at(self, frames: Tensor) -> Guide:
        """The motion of the frames with these numbers, int64 `n`, in order; things are of one stretch."""
        things: tuple[Tracks, ...] = ()
        if len(self.things) == 1:
            [all_] = self.things
            things = (Tracks(all_.state[:, frames], all_.outline, all_.camera[:, frames]),)
        person = None if self.person is None else self.person[frames]
        return Guide(self.maps[:, :, frames], person, things)


@dataclass(frozen=True)
class Motion:
    """The motion that a text clip is given, of `length` frames at `fps`: one of the others, or none."""

    length: int
    fps: Fraction
    pose: Pose | None
    path: Route | None
    shapes: Shapes | None = None

    @classmethod
    def of(cls, request: TextToVideo, *, fps: Fraction, default: int) -> Motion:
        """Read what the request names; the length is asked for, the pose's own, or `default`.

        Raises `RequestError` or `MediaError` where a file cannot be followed, as for a pose that is shorter.
        """
        if request.motion_prompt is not None and (request.pose is not None or not request.plan):
            raise RequestError("--motion-prompt plans the motion; leave it out with --pose or --no-plan")
        if request.pose is None:
            length = request.length(fps=fps, default=default)
            path = request.path
            route = None if path is None else read_route(path, num_frames=length, fps=float(fps))
            return cls(length=length, fps=fps, pose=None, path=route)
        asked = None if request.num_frames is None else float(request.num_frames / fps)
        seconds = asked or request.seconds
        if request.control != "pose":
            shapes = Shapes.of(request.pose, request.control, rate=fps, seconds=seconds)
            return cls(length=len(shapes.sources), fps=fps, pose=None, path=None, shapes=shapes)
        pose = read_driving(request.pose, rate=fps, smoothing=0.0, seconds=seconds)
        return cls(length=len(pose.points), fps=fps, pose=pose, path=None)

    def guide(self, request: TextToVideo, engine: Engine, *, size: tuple[int, int]) -> Guide | None:
        """The motion in a picture of `size` (height, width); what is not given is planned from words.

        None where nothing is planned, or not to be. Raises `RequestError` for a path that the model cannot
        follow, or that a person would have to.
        """
        if self.shapes is not None:
            check_control(engine, kind=self.shapes.kind)
            drawn = self.shapes.draw(*size, weights=request.weights, device=engine.device.type)
            return Guide(drawn, person=None)
        if self.pose is not None:
            points = torch.from_numpy(fit_to(self.pose, aspect=size[1] / size[0]).points)
            style = engine.spec.skeleton_style
            return Guide(draw_maps(points, height=size[0], width=size[1], style=style), person=points)
        if not request.plan:
            return None
        plans = self._plans(request, engine)
        if self.path is not None and not plans:
            raise RequestError(
                f"the model {engine.model} has no motion planner, so --path cannot be followed; leave it out"
            )
        if self.path is not None and any(plan.pose is not None for plan in plans):
            raise RequestError(
                "--path moves a thing, and the sentence tells of a person; name a thing, or give --pose"
            )
        maps = draw_plans(plans, height=size[0], width=size[1])
        if maps is None:
            return None
        return Guide(maps, person=person_of(plans), things=things_of(plans))

    def _plans(self, request: TextToVideo, engine: Engine) -> list[Plan]:
        """What the words say; from two prompts the motion of one and the shapes of the other."""
        looks, *moves = (
            plan_words(
                engine, read_prompt(words, length=self.length, fps=float(self.fps)),
                length=self.length, fps=self.fps, seed=request.chosen_seed(), path=self.path,
            )
            for words in (request.prompt, request.motion_prompt) if words is not None
        )  # fmt: skip
        if not moves:
            return looks
        if len(looks) != len(moves[0]):
            return moves[0]
        return [_in_the_shape_of(look, move) for look, move in zip(looks, moves[0], strict=True)]


def _in_the_shape_of(looks: Plan, moves: Plan) -> Plan:
    """A plan with the outlines of another, where both are of things."""
    if moves.pose is not None or looks.pose is not None:
        return moves
    same = (moves.tracks.outline > 0).any(-1) & (looks.tracks.outline > 0).any(-1)
    outline = torch.where(same[..., None], looks.tracks.outline, moves.tracks.outline)
    return replace(moves, tracks=replace(moves.tracks, outline=outline))


def outline_text(request: TextToVideo, spec: ModelSpec) -> Outline:
    """What will be made of a sentence; raises `RequestError` or `MediaError` as the job itself."""
    fps, size = request.rate(spec.fps), picture_size(request.height, request.width, spec=spec)
    scale = word_guidance(request.guidance_scale, negative_prompt=request.negative_prompt, spec=spec)
    length = Motion.of(request, fps=fps, default=spec.num_frames).length
    times = request.best_of
    outline = partial(outlined, request, spec, fps=fps, size=size, grid=size, scale=scale, times=times)
    made = outline(length=length)
    if request.has_close_ups:
        return replace(
            made,
            calls=made.calls + times * calls_from_near(request, texts_of(request.prompt), spec, scale=scale),
        )
    if request.pose is None or request.control != "pose" or spec.skeleton_style != "own":
        return made
    first = outline(length=min(length, FIRST_FRAMES))
    return replace(made, calls=made.calls + first.calls)


def fit_to(pose: Pose, *, aspect: float) -> Pose:
    """The pose in a picture of another `aspect` (width over height): whole, in the middle, unstretched."""
    ratio = 1.0 if pose.aspect is None else pose.aspect / aspect
    points = pose.points.copy()
    points[..., 0] = 0.5 + (points[..., 0] - 0.5) * min(ratio, 1.0)
    points[..., 1] = 0.5 + (points[..., 1] - 0.5) * min(1 / ratio, 1.0)
    return replace(pose, points=points, aspect=aspect)
