"""Sentences that are true of clips, sentences that are wrong in one thing, and which is which."""

from __future__ import annotations

from random import Random

import torch

from videogen.training.clip_words import Told, altered, draw_rolls, kind_of, tell, true_of, values_of
from videogen.world.cast import HELD_OUT
from videogen.world.clips import write_script

BALL = {
    "colour": "red",
    "shape": "ball",
    "motion": "left",
    "scene": "grass",
    "texture": "plain",
    "count": "1",
}
STAR = {**BALL, "colour": "blue", "shape": "star"}
MAN = {"hair": "black", "shirt": "red", "scene": "grass", "action": "wave", "trousers": "blue"}


def test_a_wrong_sentence_differs_in_one_value_that_the_true_one_names() -> None:
    random = Random(0)
    differed = 0
    for kind in ("object", "person", "portrait"):
        script = write_script(kind, torch.arange(60), num_frames=2)
        for label in script.labels:
            told = tell(label, kind_of(kind), rolls=draw_rolls(random))
            assert all(label[name] == value for name, value in told.names.items())
            changed = altered(label, told, random)
            names = {name for name in label if changed.get(name) != label[name]} - {"direction"}
            assert len(names) <= 1 or names == {"colour", "colour2"}
            assert names <= told.names.keys()
            differed += bool(names)
    assert differed > 150


def test_triples_that_are_held_out_are_never_told() -> None:
    colour, shape, motion = HELD_OUT[0]
    label = {**BALL, "colour": colour, "shape": shape, "motion": "up" if motion != "up" else "down"}
    told = tell(label, "object", rolls=(0.5,) * 12)
    for seed in range(200):
        changed = altered(label, told, Random(seed))
        assert (changed["colour"], changed["shape"], changed["motion"]) not in HELD_OUT


def test_a_sentence_is_true_of_every_clip_that_bears_what_it_names() -> None:
    sentences = [
        Told("a red ball moves left", "object", {"colour": "red", "shape": "ball", "motion": "left"}),
        Told("something moves left", "object", {"motion": "left"}),
        Told("a ball spins", "object", {"shape": "ball", "motion": "spin"}),
        Told("a man waves", "person", {"action": "wave"}),
        Told("a head waves", "head", {"action": "wave"}),
        Told("a striped one", "object", {"texture": "striped"}),
        Told("two", "object", {"colour2": "red"}),
    ]
    found = true_of(sentences, [BALL, STAR, MAN], ["object", "object", "person"])
    assert found.tolist() == [
        [True, True, False, False, False, False, False],
        [False, True, False, False, False, False, False],
        [False, False, False, True, False, False, False],
    ]


def test_values_are_those_of_the_kind() -> None:
    assert "nod" in values_of("action", "head")
    assert "nod" not in values_of("action", "person")
    assert values_of("colour2", "object") == values_of("colour", "object")
    assert len(values_of("motion", "object")) == 10
