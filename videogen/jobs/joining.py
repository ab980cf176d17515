"""A plan that goes on from another one: things and people are where they were, and do what is new.

Of the new plan the moment is taken that fits best, so that a ball that bounces goes on in its bounce; its
whole path is moved to where the thing was, as far as the picture lets it; what is left of the gap goes over
within half a second.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from videogen.planning import Plan

SECONDS = 0.5
_MARGIN = 0.1


def join_plan(plan: Plan, before: Plan, *, length: int, fps: float) -> Plan:
    """`length` frames of a plan that is longer, or as long, from the end of a plan of the same kind."""
    moved, last = plan.tracks.state, before.tracks.state
    skipped = _best_start(moved[0, :, :, :2], last[0, :, :, :2], choices=moved.shape[1] - length + 1)
    plan = plan.between(skipped, skipped + length)
    left = left_of_gap(length, fps=fps)
    tracks, state = plan.tracks, plan.tracks.state.clone()
    state[0, :, :, :2] = _moved(state[0, :, :, :2], last[0, :, :, :2], left)
    size, angle = state[0, :, :, 2], state[0, :, :, 3]
    grown = (last[0, -1, :, 2].clamp_min(1e-3) / size[0].clamp_min(1e-3)).log()
    state[0, :, :, 2] = size * (grown * left[:, None]).exp()
    turned = torch.remainder(last[0, -1, :, 3] - angle[0] + torch.pi, 2 * torch.pi) - torch.pi
    state[0, :, :, 3] = angle + turned * left[:, None]
    camera = tracks.camera - tracks.camera[:, :1] + before.tracks.camera[:, -1:]
    pose = plan.pose
    if pose is not None and before.pose is not None:
        pose = _posed(pose, before.pose[-1], left)
    return Plan(replace(tracks, state=state, camera=camera), pose)


def left_of_gap(length: int, *, fps: float) -> Tensor:
    """How much of a gap is left in each frame, from 1 to 0 within half a second, smoothly."""
    time = (torch.arange(length) / fps / SECONDS).clamp(0, 1)
    return 1 - time**2 * (3 - 2 * time)


def _best_start(places: Tensor, before: Tensor, *, choices: int) -> int:
    """The frame of `places` `t n 2` that goes on best, in place and pace, from the end of `before`."""
    if choices <= 1 or len(before) < 2 or len(places) < 2:
        return 0
    pace = places.diff(dim=0)
    pace = torch.cat([pace, pace[-1:]])
    gap = places - before[-1] - (before[-1] - before[-2])
    change = pace - (before[-1] - before[-2])
    cost = (gap**2 + change**2).sum((1, 2))[:choices]
    return int(cost.argmin())


def _moved(places: Tensor, before: Tensor, left: Tensor) -> Tensor:
    """Places `t n 2` moved so that they go on from the last of `before` `t n 2`, and stay in the picture.

    The step from one to the other may be of the old pace, of the new one, or of any between.
    """
    old, new = (
        each[at + 1] - each[at] if len(each) > 1 else torch.zeros_like(each[0])
        for each, at in ((before, len(before) - 2), (places, 0))
    )
    there = before[-1] - places[0]
    gap = torch.zeros_like(there).clamp(there + torch.minimum(old, new), there + torch.maximum(old, new))
    low, high = places.amin(0), places.amax(0)
    kept = gap.clamp((_MARGIN - low).clamp(max=0), (1 - _MARGIN - high).clamp(min=0))
    return places + kept + (gap - kept) * left[:, None, None]


def _posed(pose: Tensor, last: Tensor, left: Tensor) -> Tensor:
    """A pose `t k 3` that goes on from the points `last` `k 3`, each that is seen in both."""
    both = ((pose[0, :, 2] > 0) & (last[:, 2] > 0))[:, None]
    if not bool(both.any()):
        return pose
    seen = pose[..., 2:] > 0
    gap = torch.where(both, last[:, :2] - pose[0, :, :2], 0.0)
    middle = gap.sum(0) / both.sum()
    low = torch.where(seen, pose[..., :2], 1.0).amin((0, 1))
    high = torch.where(seen, pose[..., :2], 0.0).amax((0, 1))
    kept = middle.clamp((-low).clamp(max=0), (1 - high).clamp(min=0))
    rest = torch.where(both, gap - kept, 0.0)
    places = pose[..., :2] + kept + rest * left[:, None, None]
    return torch.cat([torch.where(seen, places, pose[..., :2]), pose[..., 2:]], -1)
