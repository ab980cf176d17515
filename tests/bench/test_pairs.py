"""The evaluation of two things reads true renders right, and wrong ones wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from videogen.bench.figures import CODED, MADE, TRIVIAL, TRUE
from videogen.bench.frames import to_frames
from videogen.bench.pairs import evaluate_pairs, judge_pair
from videogen.bench.suite import steps_of
from videogen.world.analyse import Reading, Seen, analyse
from videogen.world.caption import said
from videogen.world.clips import render_clips

LABEL = {
    "colour": "red", "shape": "ball", "motion": "bounce", "colour2": "blue", "shape2": "star",
    "motion2": "up", "scene": "snow", "count": "2",
}  # fmt: skip
NAMED = frozenset(LABEL)


def reading(*things: tuple[str, str, str], scene: str = "snow") -> Reading:
    seen = tuple(Seen(*thing, texture="plain", track=np.zeros((1, 4))) for thing in things)
    return Reading("object", scene, "still", count=len(seen), things=seen)


def test_both_things_are_right_in_any_order() -> None:
    found = judge_pair(reading(("blue", "star", "up"), ("red", "ball", "bounce")), LABEL, named=NAMED)
    assert all(found.values())
    assert len(found) == 7


@pytest.mark.parametrize(
    ("things", "right"),
    [
        (
            [("red", "ball", "bounce"), ("blue", "star", "down")],
            {"one thing at least", "both things", "colours of both", "shapes of both"},
        ),
        ([("red", "ball", "bounce"), ("red", "star", "up")], {"one thing at least", "shapes of both"}),
        ([("red", "ball", "bounce"), ("blue", "ball", "up")], {"one thing at least", "colours of both"}),
        ([("red", "star", "up"), ("blue", "ball", "bounce")], {"colours of both", "shapes of both"}),
        ([("red", "ball", "bounce")], {"one thing at least"}),
        ([], set()),
    ],
)
def test_a_wrong_motion_colour_or_pairing_counts_as_wrong(
    things: list[tuple[str, str, str]], right: set[str]
) -> None:
    found = judge_pair(reading(*things, scene="sea"), LABEL, named=NAMED)
    assert {name for name, value in found.items() if value} == right


def test_only_what_the_sentence_names_is_asked_for() -> None:
    clip = reading(("red", "ball", "bounce"), ("blue", "star", "up"))
    looks = {"colour", "shape", "colour2", "shape2"}
    found = judge_pair(clip, LABEL, named=frozenset(looks))
    assert found.keys() == {"one thing at least", "both things", "colours of both", "shapes of both"}
    assert judge_pair(clip, LABEL, named=frozenset({"colour", "shape"})) == {}


def test_most_true_renders_of_two_things_are_read_right_and_never_as_another_clip() -> None:
    clips = render_clips("object", torch.arange(8), size=64, num_frames=16, held_out=True, fps=8, share=1.0)
    right, other = [], []
    for number, (label, caption) in enumerate(zip(clips.labels, clips.captions, strict=True)):
        seen = analyse(to_frames(clips.video[number]), fps=8, kind="object")
        named = said(caption, label)
        right.append(judge_pair(seen, label, named=named)["both things"])
        wrong = clips.labels[number - 1]
        other.append(judge_pair(seen, wrong, named=said(clips.captions[number - 1], wrong))["both things"])
    assert np.mean(right) >= 0.75
    assert not any(other)


def test_every_figure_comes_with_its_ceilings_and_its_baseline(make_fake_engine: Any) -> None:
    engine, calls = make_fake_engine(), []
    engine.spec.width = engine.spec.height = 64
    found = evaluate_pairs(engine, clips=2, progress=lambda: calls.append(None))
    columns = found.scores()["pairs: both things"]
    assert columns.keys() == {MADE, CODED, TRUE, TRIVIAL, "clips"}
    assert columns[MADE] == columns[TRIVIAL] == 0
    assert columns[TRUE] == 1
    assert len(calls) == steps_of(["pairs"], clips=2) == 2
    assert len(found.sheets["pairs"]) == 4
