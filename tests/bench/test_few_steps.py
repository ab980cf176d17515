"""Figures at one number of steps beside those at another."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from videogen.bench import few_steps
from videogen.bench.few_steps import compare_steps, steps_table, steps_taken
from videogen.bench.figures import MADE, TRUE, Evaluation
from videogen.engine import Engine
from videogen.errors import RequestError
from videogen.training.export import SPEC


@pytest.fixture
def engine() -> Any:
    """What stands in for an engine: nothing but a spec."""
    return SimpleNamespace(spec=SPEC)


def test_an_engine_takes_the_steps_it_is_told_and_then_its_own(engine: Any) -> None:
    own = engine.spec
    with steps_taken(engine, 3) as told:
        assert told.spec.num_inference_steps == 3
    assert engine.spec is own


def test_an_engine_has_its_own_steps_again_after_an_error(engine: Any) -> None:
    own = engine.spec

    def fail() -> None:
        with steps_taken(engine, 3):
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert engine.spec is own


def test_no_steps_are_refused(engine: Any) -> None:
    with pytest.raises(RequestError, match="give at least 1"), steps_taken(engine, 0):
        pass


def test_each_number_of_steps_is_measured_on_the_same_clips(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int, Any]] = []

    def measure(engine: Engine, *, clips: int, parts: Any) -> Evaluation:
        seen.append((engine.spec.num_inference_steps, clips, parts))
        made = Evaluation()
        for value in (0.0, engine.spec.num_inference_steps / 10):
            made.add("text: colour", MADE, value)
            made.add("text: colour", TRUE, 1.0)
        return made

    monkeypatch.setattr(few_steps, "evaluate", measure)
    found = compare_steps(engine, clips=5, steps=(16, 4), parts=("text",))
    assert seen == [(16, 5, ("text",)), (4, 5, ("text",))]
    assert steps_table(found, title="Two clips") == (
        "| Two clips | 16 steps | 4 steps | change | clips |\n"
        "|---|---|---|---|---|\n"
        "| text: colour | 0.800 | 0.200 | -0.600 | 2 |\n"
    )
