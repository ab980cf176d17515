"""The evaluation of pocket on what it was never shown: held-out things, characters, dances, photographs.

Every figure stands beside its ceiling (the same judge on true renders, and on those through the autoencoder)
and a trivial baseline; motions, shapes and actions also as confusion tables.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from videogen.bench.agreement import evaluate_agreement
from videogen.bench.autoencoder import evaluate_autoencoder
from videogen.bench.between import evaluate_between
from videogen.bench.builds import evaluate_builds
from videogen.bench.continuing import evaluate_continuing
from videogen.bench.enlarging import evaluate_upscaling
from videogen.bench.figures import Evaluation
from videogen.bench.illusion import PAIRS, evaluate_illusions
from videogen.bench.interpolation import SIDES, evaluate_interpolation
from videogen.bench.pairs import evaluate_pairs
from videogen.bench.photographs import SETS, evaluate_photographs
from videogen.bench.planner import evaluate_planner
from videogen.bench.pose import evaluate_pose
from videogen.bench.text import evaluate_actors, evaluate_things
from videogen.engine import Engine

PARTS = (
    "autoencoder", "planner", "text", "pairs", "people", "agreement", "pose", "builds", "photographs",
    "between", "continuing", "illusion", "interpolation", "upscaling",
)  # fmt: skip
TRAINED = ("autoencoder", "planner", "text", "pairs", "people", "pose")
"""Parts that say most of a model that is being trained in the least time."""


def evaluate(
    engine: Engine,
    *,
    clips: int,
    parts: Collection[str] = PARTS,
    media: Path | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Evaluation:
    """All figures of one model, or those of some `PARTS`; `progress` is called `steps_of` times.

    `media` is a folder of real clips for interpolation and upscaling (see `interpolation.CLIPS`).
    """
    found = Evaluation()
    if "autoencoder" in parts:
        found.join(evaluate_autoencoder(engine, clips=clips))
    for part, run in _RUNS.items():
        if part in parts:
            found.join(run(engine, clips=min(clips, _MOST.get(part, clips)), progress=progress))
    if "interpolation" in parts:
        count = min(clips, _MOST["interpolation"])
        found.join(evaluate_interpolation(engine, clips=count, media=media, progress=progress))
    if "upscaling" in parts and media is not None:
        found.join(evaluate_upscaling(engine, media=media))
    return found


def steps_of(parts: Collection[str], *, clips: int) -> int:
    """How often `evaluate` reports progress: once a clip that is planned or made."""
    times = {
        "planner": 3,
        "text": 1,
        "pairs": 1,
        "people": 1,
        "agreement": 1,
        "pose": 1,
        "builds": 2,
        "photographs": len(SETS),
        "between": 1,
        "continuing": 1,
        "illusion": len(PAIRS),
        "interpolation": len(SIDES),
    }
    return sum(each * min(clips, _MOST.get(part, clips)) for part, each in times.items() if part in parts)


_MOST = {
    "agreement": 32, "photographs": 32, "between": 50, "continuing": 50, "illusion": 20, "interpolation": 48,
}  # fmt: skip
"""Clips of parts that make many for each."""
_RUNS = {
    "planner": evaluate_planner, "text": evaluate_things, "pairs": evaluate_pairs, "people": evaluate_actors,
    "agreement": evaluate_agreement, "pose": evaluate_pose, "builds": evaluate_builds,
    "photographs": evaluate_photographs, "between": evaluate_between, "continuing": evaluate_continuing,
    "illusion": evaluate_illusions,
}  # fmt: skip
