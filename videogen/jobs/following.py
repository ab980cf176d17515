"""Where things and people are in a video that is drawn again, for a model that is told so by maps.

What the words name looks as a plan made from them says, and is where the video has it: things and people's
joints are found in it by image analysis. In a region where the video has nothing, a thing goes where the
region is.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from videogen.conditions.reference import Canvas
from videogen.planning import Plan, draw_plan
from videogen.skeleton import KEYPOINTS, draw_poses
from videogen.tracks import Tracks
from videogen.world.analyse import Seen, analyse
from videogen.world.vocabulary import SHAPE_WORDS

if TYPE_CHECKING:
    from torch import Tensor

    from videogen.engine import Engine
    from videogen.jobs.edit import Edit
    from videogen.types import Frame

log = logging.getLogger(__name__)
_SIDE = 64
_MOST_FRAMES = 160
"""Frames above which not every one is analysed."""
_FILLS = 0.7
"""How much of a region's extent a new thing takes up."""


@dataclass(frozen=True)
class Glimpse:
    """A video made small: its frames uint8 `64 64 3`, and where each may change, 0…1 `64 64`, if masked."""

    frames: list[Frame]
    masks: list[Tensor]

    @staticmethod
    def of(picture: Tensor) -> Tensor:
        """A picture or mask `c h w` as it is kept: made square by its last row or column, never stretched."""
        height, width = picture.shape[-2:]
        padding = (0, max(height - width, 0), 0, max(width - height, 0))
        return F.interpolate(F.pad(picture[None], padding, mode="replicate"), (_SIDE, _SIDE), mode="area")[0]


def follow(
    request: Edit, engine: Engine, glimpse: Glimpse, *, canvas: Canvas, rate: Fraction
) -> Tensor | None:
    """Maps `1 3 t h w` on the network's grid; None where the model plans nothing, or nobody is found."""
    length = len(glimpse.frames)
    if not engine.reads_carried:
        return None
    plan = engine.plan(request.prompt, length=length, fps=rate, seed=request.chosen_seed())
    if plan is None or plan.is_empty:
        return None
    if plan.pose is not None:
        return _follow_person(glimpse, canvas, fps=float(rate))
    plan = _in_a_square(plan, canvas)
    tracks = _follow_things(plan, request.prompt, glimpse, fps=float(rate))
    return _draw_round(replace(plan, tracks=tracks), canvas)


def _in_a_square(plan: Plan, canvas: Canvas) -> Plan:
    """A plan in fractions of the picture as one in fractions of the square that a `Glimpse` is of."""
    side = max(canvas.rows, canvas.columns)
    rows, columns = canvas.rows / side, canvas.columns / side
    scale = torch.tensor([columns, rows, (rows * columns) ** 0.5, 1.0, 1.0])
    return replace(plan, tracks=replace(plan.tracks, state=plan.tracks.state * scale))


def _draw_round(plan: Plan, canvas: Canvas) -> Tensor:
    """A plan in a square as maps on the grid, where a ball is round however wide the picture is."""
    side = max(canvas.height, canvas.width)
    part = max(canvas.rows, canvas.columns) / side
    scale = torch.tensor([part, part, part, 1.0, 1.0])
    tracks = replace(plan.tracks, state=plan.tracks.state * scale)
    square = draw_plan(replace(plan, tracks=tracks), height=side, width=side)
    return square[..., : canvas.height, : canvas.width].contiguous()


def _follow_person(glimpse: Glimpse, canvas: Canvas, *, fps: float) -> Tensor | None:
    """A drawing of who is in the video; None where it shows things alone."""
    length = len(glimpse.frames)
    step = -(-length // _MOST_FRAMES)
    joints = analyse(np.stack(glimpse.frames[::step]), fps=fps / step).joints
    if joints is None:
        log.warning("nobody is found in the video, so the person is drawn where the network likes")
        return None
    points = np.zeros((length, KEYPOINTS, 3), np.float32)
    side = max(canvas.rows, canvas.columns)
    joints = joints * [side / canvas.columns, side / canvas.rows, 1]
    points[:, : joints.shape[1]] = joints[
        np.rint(np.arange(length) / step).astype(int).clip(max=len(joints) - 1)
    ]
    return draw_poses(canvas.points(points), height=canvas.height, width=canvas.width)


def _follow_things(plan: Plan, prompt: str, glimpse: Glimpse, *, fps: float) -> Tracks:
    """The plan's things where the video has them; those that it has not stay away, or fill the region."""
    state = plan.tracks.state.clone()
    found = _find(glimpse, fps=fps)
    region = _middle_of(glimpse.masks)
    if not found and region is None:
        return plan.tracks
    for number in range(state.shape[2]):
        if not bool((state[0, :, number, 4] > 0).any()):
            continue
        track = _take(found, prompt) if found else region
        region = None
        if track is None:
            state[0, :, number, 4] = 0
            continue
        seen = torch.from_numpy(np.isfinite(track).all(1))
        state[0, :, number, :4] = torch.from_numpy(_filled(track)).to(state)
        state[0, :, number, 4] *= seen.to(state)
    return replace(plan.tracks, state=state, camera=torch.zeros_like(plan.tracks.camera))


def _find(glimpse: Glimpse, *, fps: float) -> list[Seen]:
    """The things in a video, of a masked one those in its region, each with a place for every frame."""
    length = len(glimpse.frames)
    step = -(-length // _MOST_FRAMES)
    reading = analyse(np.stack(glimpse.frames[::step]), fps=fps / step, kind="object")
    numbers = np.arange(length) / step
    things = []
    for thing in reading.things:
        track = thing.track[np.rint(numbers).astype(int).clip(max=len(thing.track) - 1)]
        if not glimpse.masks or _share_inside(track, glimpse.masks) > 0.5:
            things.append(replace(thing, track=track))
    return things


def _share_inside(track: NDArray[np.float64], masks: Sequence[Tensor]) -> float:
    """In how many of the frames that show a thing its middle lies in the region."""
    inside = []
    for place, mask in zip(track, masks, strict=True):
        if np.isfinite(place).all():
            column, row = (place[:2] * _SIDE).astype(int).clip(0, _SIDE - 1)
            inside.append(float(mask[row, column]) > 0.5)
    return float(np.mean(inside)) if inside else 0.0


def _take(found: list[Seen], prompt: str) -> NDArray[np.float64]:
    """Take out the thing whose shape the words name, else the clearest one."""
    words = set(re.findall(r"\w+", prompt.lower()))
    named = [thing for thing in found if words & set(SHAPE_WORDS.get(thing.shape, ()))]
    thing = (named or found)[0]
    found.remove(thing)
    return thing.track


def _middle_of(masks: Sequence[Tensor]) -> NDArray[np.float64] | None:
    """A region as a track `t 4`: its middle and its extent; None where there is none."""
    if not masks:
        return None
    axis = (torch.arange(_SIDE) + 0.5) / _SIDE
    rows = []
    for mask in masks:
        area = float(mask.sum())
        if area < 1:
            rows.append([np.nan] * 4)
            continue
        x, y = float((mask.sum(0) * axis).sum() / area), float((mask.sum(1) * axis).sum() / area)
        rows.append([x, y, _FILLS * (area / np.pi) ** 0.5 / _SIDE, 0.0])
    return np.array(rows)


def _filled(track: NDArray[np.float64]) -> NDArray[np.float64]:
    """A track without gaps: straight over them, and as at its ends beyond."""
    numbers, filled = np.arange(len(track)), track.copy()
    for channel in filled.T:
        known = np.isfinite(channel)
        channel[:] = np.interp(numbers, numbers[known], channel[known]) if known.any() else 0.5
    return filled
