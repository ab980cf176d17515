"""The evaluation of illusions counts clips that are read in both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from videogen.bench import illusion
from videogen.bench.figures import MADE, TRIVIAL
from videogen.bench.frames import to_frames
from videogen.bench.illusion import PAIRS, Told, evaluate_illusions, seen_under
from videogen.bench.suite import steps_of
from videogen.sampling import VIEWS
from videogen.world.clips import render_clips


def test_every_view_has_pairs_of_sentences() -> None:
    assert PAIRS.keys() == VIEWS.keys()
    assert Told("red", "ball", "left", "night").sentence == "a red ball moves left at night"
    assert Told("red", "ball").sentence == "a red ball on a grey background"


def test_a_render_is_read_as_what_it_shows_and_as_nothing_else() -> None:
    batch = render_clips("object", torch.arange(1), size=64, num_frames=16, held_out=True, fps=8)
    label, frames = batch.labels[0], to_frames(batch.video[0])
    told = {name: label[name] for name in ("colour", "shape", "motion", "scene")}
    assert Told(**told).is_read(frames)
    assert not Told(**told | {"colour": "black" if label["colour"] != "black" else "white"}).is_read(frames)


def test_what_a_view_shows_of_frames() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    np.testing.assert_array_equal(seen_under("flip", frames), frames[:, ::-1])
    np.testing.assert_array_equal(seen_under("reverse", frames), frames[::-1])
    np.testing.assert_array_equal(seen_under("negate", frames), 255 - frames)


def test_each_view_is_counted_as_a_whole_and_by_its_sides(
    make_fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(illusion, "PAIRS", {view: PAIRS[view] for view in ("flip", "negate")})
    engine, calls = make_fake_engine(), []
    engine.spec.width = engine.spec.height = 64
    found = evaluate_illusions(engine, clips=1, progress=lambda: calls.append(None))
    scores = found.scores()
    for view in ("flip", "negate"):
        assert scores[f"illusion: {view}"] == {MADE: 0, TRIVIAL: 0, "clips": 1}
        assert scores[f"illusion: {view}, as it is"].keys() == {MADE, "clips"}
    assert len(calls) == 2
    assert len(found.sheets["illusion"]) == 4
    assert steps_of(["illusion"], clips=3) == 3 * len(VIEWS)
