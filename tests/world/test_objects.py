"""Clips of things: what is cast, where it goes, and that labels and tracks tell it."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from videogen.world.clips import render_clips, write_script
from videogen.world.creatures import SHAPES
from videogen.world.objects import HELD_OUT
from videogen.world.script import Script
from videogen.world.shapes import OBJECT_SHAPES


@cache
def scripts(*, held_out: bool = False) -> Script:
    return write_script("object", torch.arange(3000), num_frames=8, held_out=held_out, fps=8.0)


def share(key: str, value: str) -> float:
    labels = scripts().labels
    return sum(label.get(key) == value for label in labels) / len(labels)


def test_shares_are_as_agreed() -> None:
    assert 0.2 < share("count", "2") < 0.24
    assert 0.72 < share("texture", "plain") < 0.78
    assert 0.82 < share("camera", "still") < 0.9
    basic = sum(share("shape", name) for name in OBJECT_SHAPES)
    assert 0.67 < basic < 0.73
    assert all(share("shape", name) > 0.03 for name in SHAPES)
    assert 0.04 < share("speed", "slowly") < 0.12
    assert share("speed", "normal") == 0


def test_a_second_thing_differs_in_colour_and_shape_and_lies_apart() -> None:
    script = scripts()
    for label in script.labels:
        second = {key for key in label if key.endswith("2")}
        assert second == ({"colour2", "shape2", "motion2"} if label["count"] == "2" else set())
        if second:
            assert label["colour"] != label["colour2"]
            assert label["shape"] != label["shape2"]
            assert (label["colour2"], label["shape2"], label["motion2"]) not in HELD_OUT
        else:
            assert "relation" not in label
    two = torch.tensor([label["count"] == "2" for label in script.labels])
    assert torch.equal(script.tracks.state[:, 0, 1, 4] > 0, two)


@pytest.mark.parametrize("held_out", [False, True])
def test_as_many_clips_show_two_things_as_is_asked_for(held_out: bool) -> None:
    def asked(share: float | None) -> list[dict[str, str]]:
        indices = torch.arange(60)
        return write_script("object", indices, num_frames=3, held_out=held_out, share=share).labels

    assert {label["count"] for label in asked(1.0)} == {"2"}
    assert {label["count"] for label in asked(0.0)} == {"1"}
    assert asked(0.0 if held_out else 0.22) == asked(None)
    if held_out:
        assert all((label["colour"], label["shape"], label["motion"]) in HELD_OUT for label in asked(1.0))


def test_a_relation_says_where_the_first_thing_lies() -> None:
    script, found = scripts(), set()
    for row, label in enumerate(script.labels):
        if "relation" in label:
            dx, dy = (script.tracks.state[row, 5, 0, :2] - script.tracks.state[row, 5, 1, :2]).tolist()
            truth = {"left": dx < 0, "right": dx > 0, "above": dy < 0, "below": dy > 0}
            assert truth[label["relation"]]
            assert (abs(dx) > abs(dy)) == (label["relation"] in ("left", "right"))
            found.add(label["relation"])
    assert found == {"left", "right", "above", "below"}


def test_round_things_that_spin_bear_a_texture() -> None:
    labels = scripts().labels
    for label in labels:
        if label["motion"] == "spin" and label["shape"] in ("ball", "ring"):
            assert label["texture"] != "plain"
        assert not (label.get("motion2") == "spin" and label.get("shape2") in ("ball", "ring"))


def test_things_stay_mostly_in_the_picture() -> None:
    script = scripts()
    still = torch.tensor([label["camera"] == "still" for label in script.labels])
    x, y, size, _, there = script.tracks.state[still].unbind(-1)
    inside = (x > 0.05) & (x < 0.95) & (y > 0.05) & (y < 0.95)
    assert inside[there > 0].all()
    assert size[there > 0].min() >= 0.08 - 1e-6
    assert size[there > 0].max() < 0.45


def test_held_out_clips_are_simple() -> None:
    labels = scripts(held_out=True).labels
    assert {(label["colour"], label["shape"], label["motion"]) for label in labels} == set(HELD_OUT)
    assert all(
        label["count"] == "1" and label["camera"] == "still" and "speed" not in label for label in labels
    )
    assert sum(label["texture"] == "plain" for label in labels) > 0.8 * len(labels)


def test_truth_is_told_when_it_is_asked_for() -> None:
    clips = render_clips("object", torch.arange(40), size=32, num_frames=3, truth=True)
    assert clips.mask is not None
    assert clips.depth is not None
    assert clips.flow is not None
    assert clips.depth.shape == clips.mask.shape == clips.visible.shape
    assert clips.flow.shape == clips.source.shape
    for row, label in enumerate(clips.labels):
        assert clips.mask[row].max() == int(label["count"])
    assert ((clips.depth > 0) == (clips.mask > 0)).all()
    assert render_clips("object", torch.arange(2), size=16, num_frames=1).flow is None
