"""The evaluation of pocket on what it was never shown: held-out things, characters, dances, photographs.

Every figure stands beside its ceiling (the same judge on true renders, and on those through the autoencoder)
and a trivial baseline; motions, shapes and actions also as confusion tables.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from videogen.bench.autoencoder import evaluate_autoencoder
from videogen.bench.builds import evaluate_builds
from videogen.bench.continuing import evaluate_continuing
from videogen.bench.figures import Evaluation
from videogen.bench.illusion import PAIRS, evaluate_illusions
from videogen.bench.planner import evaluate_planner
from videogen.bench.pose import evaluate_pose
from videogen.bench.text import evaluate_actors, evaluate_things
from videogen.engine import Engine

PARTS = ("autoencoder", "planner", "text", "people", "pose", "builds", "continuing", "illusion")


def evaluate(
    engine: Engine, *, clips: int, parts: Collection[str] = PARTS, progress: Callable[[], None] = lambda: None
) -> Evaluation:
    """All figures of one model, or those of some `PARTS`; `progress` is called `steps_of` times."""
    found = Evaluation()
    if "autoencoder" in parts:
        found.join(evaluate_autoencoder(engine, clips=clips))
    for part, run in _RUNS.items():
        if part in parts:
            found.join(run(engine, clips=min(clips, _MOST.get(part, clips)), progress=progress))
    return found


def steps_of(parts: Collection[str], *, clips: int) -> int:
    """How often `evaluate` reports progress: once a clip that is planned or made."""
    times = {
        "planner": 3,
        "text": 1,
        "people": 1,
        "pose": 1,
        "builds": 2,
        "continuing": 1,
        "illusion": len(PAIRS),
    }
    return sum(each * min(clips, _MOST.get(part, clips)) for part, each in times.items() if part in parts)


_MOST = {"continuing": 50, "illusion": 20}
"""Clips of parts that make many for each."""
_RUNS = {
    "planner": evaluate_planner, "text": evaluate_things, "people": evaluate_actors, "pose": evaluate_pose,
    "builds": evaluate_builds, "continuing": evaluate_continuing, "illusion": evaluate_illusions,
}  # fmt: skip
