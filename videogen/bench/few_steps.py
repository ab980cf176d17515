"""What is lost with few steps: the figures of clips from words and from poses, at one number and at another.

The clips, their seeds and their judges are those of the parts named; nothing but the number of steps differs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from videogen.bench.figures import MADE, Evaluation
from videogen.bench.suite import evaluate
from videogen.engine import Engine
from videogen.errors import RequestError

PARTS = ("text", "pairs", "people", "pose")
STEPS = (16, 4)
"""The numbers of steps that are compared, the one that is measured against first."""


@contextmanager
def steps_taken(engine: Engine, steps: int) -> Iterator[Engine]:
    """Let an engine take so many steps where a request names none; raises RequestError for less than 1."""
    if steps < 1:
        raise RequestError(f"{steps} steps were given; give at least 1")
    own = engine.spec
    engine.spec = replace(own, num_inference_steps=steps)
    try:
        yield engine
    finally:
        engine.spec = own


def compare_steps(
    engine: Engine, *, clips: int, steps: Sequence[int] = STEPS, parts: Collection[str] = PARTS
) -> dict[int, Evaluation]:
    """What `evaluate` finds of `parts` at each number of steps."""
    found = {}
    for number in steps:
        with steps_taken(engine, number):
            found[number] = evaluate(engine, clips=clips, parts=parts)
    return found


def steps_table(found: dict[int, Evaluation], *, title: str) -> str:
    """A Markdown table: a row for each figure, a column for each number of steps, the last one's change."""
    numbers = list(found)
    heads = [f"{number} steps" for number in numbers]
    lines = [f"| {title} | {' | '.join(heads)} | change | clips |", "|---" * (len(numbers) + 3) + "|"]
    scores = [found[number].scores() for number in numbers]
    for name, columns in scores[0].items():
        values = [each[name][MADE] for each in scores]
        shown = " | ".join(f"{value:.3f}" for value in values)
        lines.append(f"| {name} | {shown} | {values[-1] - values[0]:+.3f} | {columns['clips']:.0f} |")
    return "\n".join(lines) + "\n"
