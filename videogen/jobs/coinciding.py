"""Two plans that coincide: what one sentence tells of moves where the other's does, seen through a view.

The first sentence leads. Its thing's path, seen through the view, is the path of the other sentence's thing,
and one camera films both. Their outlines meet half-way, so that both readings have one shape to agree on.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import torch

from videogen.conditions.route import Route
from videogen.errors import RequestError
from videogen.planning import Plan
from videogen.tracks import OUTLINE, Tracks

if TYPE_CHECKING:
    from torch import Tensor

    from videogen.engine import Engine

_MATRICES = {
    "flip": ((1, 0), (0, -1)), "mirror": ((-1, 0), (0, 1)), "rotate-180": ((-1, 0), (0, -1)),
    "rotate-90": ((0, -1), (1, 0)),
}  # fmt: skip
"""Where a view takes right and down; the others leave them."""
_LARGEST = 0.15
_MARGIN = 0.01
"""The largest half extent of a thing within a quarter of the picture, and how far it stays from the cuts."""


def plan_together(
    engine: Engine, prompts: tuple[str, str], *, view: str, length: int, fps: Fraction, seed: int
) -> tuple[Plan, Plan] | None:
    """Plans of a clip of `length` frames as it is, and as the view named `view` shows it.

    None where the model has no motion planner, or plans no thing for one of the `prompts`. Raises
    `RequestError` where one of them tells of a person, who has no outline that another could share.
    """
    leading = engine.plan(prompts[0], length=length, fps=fps, seed=seed)
    if leading is None or leading.is_empty:
        return None
    tracks = leading.tracks
    if view == "jigsaw":
        tracks = replace(tracks, state=_within_a_quarter(tracks.state))
    seen = seen_through(view, tracks)
    values = seen.state[0, :, 0, :4].double().numpy()
    path = Route(seconds=np.arange(length) / float(fps), values=values)
    other = engine.plan(prompts[1], length=length, fps=fps, seed=seed, path=path)
    if other is None or other.is_empty:
        return None
    if leading.pose is not None or other.pose is not None:
        raise RequestError(
            "people cannot be planned to look like others; let both sentences tell of things, or give "
            "--no-plan"
        )
    return _met(tracks, replace(other.tracks, camera=seen.camera), view=view)


def seen_through(view: str, tracks: Tracks) -> Tracks:
    """Tracks as a view shows them; outlines stay, as each thing is upright to whoever sees it."""
    matrix = _matrix(view)
    place = (tracks.state[..., :2] - 0.5) @ matrix.T + 0.5
    if view == "jigsaw":
        place = torch.remainder(place + 0.5, 1.0)
    angle = tracks.state[..., 3:4] * torch.linalg.det(matrix)
    state = torch.cat([place, tracks.state[..., 2:3], angle, tracks.state[..., 4:]], -1)
    camera = torch.cat([tracks.camera[..., :2] @ matrix.T, tracks.camera[..., 2:]], -1)
    if view == "reverse":
        state, camera = state.flip(1), camera.flip(1)
    return Tracks(state=state, outline=tracks.outline, camera=camera)


def _met(one: Tracks, other: Tracks, *, view: str) -> tuple[Plan, Plan]:
    """Both plans, with the outlines of the first things half-way between what they were."""
    mine, yours, matrix = one.outline[:, :1], other.outline[:, :1], _matrix(view)
    shared = torch.lerp(mine, _turned(yours, matrix.T), 0.5), torch.lerp(yours, _turned(mine, matrix), 0.5)
    first, second = (
        replace(tracks, outline=torch.cat([outline, tracks.outline[:, 1:]], 1))
        for tracks, outline in zip((one, other), shared, strict=True)
    )
    return Plan(tracks=first, pose=None), Plan(tracks=second, pose=None)


def _turned(outline: Tensor, matrix: Tensor) -> Tensor:
    """An outline `… OUTLINE+1` as a view with this matrix shows it."""
    angle = torch.arange(OUTLINE) * (2 * math.pi / OUTLINE)
    across, down = (torch.stack([angle.cos(), angle.sin()], -1) @ matrix).unbind(-1)
    numbers = (torch.atan2(down, across) * (OUTLINE / (2 * math.pi))).round().long() % OUTLINE
    return torch.cat([outline[..., numbers], outline[..., OUTLINE:]], -1)


def _within_a_quarter(state: Tensor) -> Tensor:
    """The state `b t n 5` of things, each made smaller and moved so that it stays in the quarter it is in."""
    size = state[..., 2:3]
    size = size * (_LARGEST / size.amax(1, keepdim=True)).clamp_max(1.0)
    room = 0.25 - _MARGIN - size.amax(1, keepdim=True)
    low, high = state[..., :2].amin(1, keepdim=True), state[..., :2].amax(1, keepdim=True)
    middle, reach = (low + high) / 2, (high - low) / 2
    share = (room / reach.clamp_min(1e-6)).clamp_max(1.0)
    quarter = torch.where(middle < 0.5, 0.25, 0.75)
    free = room - reach * share
    place = (state[..., :2] - middle) * share + quarter + (middle - quarter).clamp(-free, free)
    return torch.cat([place, size, state[..., 3:]], -1)


def _matrix(view: str) -> Tensor:
    return torch.tensor(_MATRICES.get(view, ((1, 0), (0, 1))), dtype=torch.float32)
