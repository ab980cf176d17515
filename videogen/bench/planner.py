"""The motion planner alone: is what it plans what the sentence says, judged on tracks and poses."""

from __future__ import annotations

from collections.abc import Callable

import torch

from videogen.bench.figures import MADE, TRIVIAL, TRUE, Evaluation
from videogen.bench.text import FPS, NUM_FRAMES
from videogen.engine import Engine
from videogen.planning import Plan
from videogen.world.analyse import classify_action, classify_motion
from videogen.world.caption import said
from videogen.world.clips import write_script
from videogen.world.script import Script


def evaluate_planner(
    engine: Engine, *, clips: int, progress: Callable[[], None] = lambda: None
) -> Evaluation:
    """Motions of things and actions of people, whole and as portraits, planned from held-out captions."""
    found = Evaluation()
    for kind, attribute in (("object", "motion"), ("person", "action"), ("portrait", "action")):
        script = write_script(kind, torch.arange(clips), num_frames=NUM_FRAMES, held_out=True, fps=FPS)
        before: str | None = None
        for number, (caption, label) in enumerate(zip(script.captions, script.labels, strict=True)):
            plan = engine.plan(caption, length=NUM_FRAMES, fps=FPS, seed=number)
            if plan is None:
                return found
            if attribute in said(caption, label):
                planned, name = _judge(kind, plan), f"planner: {attribute}, {kind}"
                found.add(name, MADE, planned == label[attribute])
                found.add(name, TRUE, _judge(kind, _true_plan(script, number)) == label[attribute])
                if before is not None:
                    found.add(name, TRIVIAL, before == label[attribute])
                found.asked(f"planned {attribute}, {kind}", label[attribute], planned)
                before = planned
            progress()
    return found


def _judge(kind: str, plan: Plan) -> str | None:
    """The motion or action of a plan; None where nobody and nothing is planned."""
    if kind == "object":
        seen = plan.tracks.state[0, :, 0]
        return classify_motion(seen[:, :4].numpy(), fps=FPS) if bool((seen[:, 4] > 0).any()) else None
    return None if plan.pose is None else classify_action(plan.pose.numpy(), fps=FPS)


def _true_plan(script: Script, number: int) -> Plan:
    """The world's own tracks and pose as a plan; frame 0 of a script is the reference's."""
    one = script.tracks.rows(slice(number, number + 1), frames=slice(1, None))
    points = script.points[number, 1:]
    return Plan(tracks=one, pose=points if bool((points[..., 2] > 0).any()) else None)
