"""The motion that words plan for a clip, also where the words change: stretch by stretch, each from the last.

What moves goes on from where it was and does what the new words say. Where they tell of something else (a
person after a thing, two after one) there is nothing to go on from: it begins anew, with a warning.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from videogen.jobs.joining import join_plan
from videogen.planning import Plan, draw_plan
from videogen.schedule import Schedule

if TYPE_CHECKING:
    from videogen.conditions.route import Route
    from videogen.engine import Engine
    from videogen.tracks import Tracks

log = logging.getLogger(__name__)

SEARCHED = 2
"""Seconds of a plan within which the moment is looked for that fits what was before."""


def plan_words(
    engine: Engine, prompt: str | Schedule, *,
    length: int, fps: Fraction, seed: int, path: Route | None = None,
) -> list[Plan]:  # fmt: skip
    """A plan for each stretch of a clip of `length` frames; none where the model has no motion planner.

    Along a `path` things go on by themselves.
    """
    if not isinstance(prompt, Schedule):
        plan = engine.plan(prompt, length=length, fps=fps, seed=seed, path=path)
        return [] if plan is None else [plan]
    plans: list[Plan] = []
    for text, start, stop in prompt.stretches(length):
        more = 0 if path is not None else min(start, round(SEARCHED * fps))
        planned = length if path is not None else more + stop - start
        plan = engine.plan(text, length=planned, fps=fps, seed=seed, path=path)
        if plan is None:
            return []
        if path is not None:
            plan = plan.between(start, stop)
        elif plans and plan.kind == plans[-1].kind:
            plan = join_plan(plan, plans[-1], length=stop - start, fps=float(fps))
        elif plans:
            log.warning(
                "'%s' tells of something else than the words before it, so motion begins anew at %.3g s",
                text,
                start / fps,
            )
        plans.append(plan.between(0, stop - start))
    return plans


def draw_plans(plans: Sequence[Plan], *, height: int, width: int) -> Tensor | None:
    """Maps of all stretches, 0…1 `1 3 t height width`; None where nothing is planned."""
    if all(plan.is_empty for plan in plans):
        return None
    return torch.cat([draw_plan(plan, height=height, width=width) for plan in plans], 2)


def person_of(plans: Sequence[Plan]) -> Tensor | None:
    """The pose of one person throughout, `t k 3`; None where that is not planned in every stretch."""
    poses = [plan.pose for plan in plans if plan.pose is not None]
    same = len(poses) == len(plans) > 0 and len({plan.kind for plan in plans}) == 1
    return torch.cat(poses) if same else None


def things_of(plans: Sequence[Plan]) -> tuple[Tracks, ...]:
    """The tracks of each stretch of a clip of things alone, as many in each; none of any other clip."""
    if any(plan.is_empty or plan.pose is not None or plan.kind != plans[0].kind for plan in plans):
        return ()
    return tuple(plan.tracks for plan in plans)
