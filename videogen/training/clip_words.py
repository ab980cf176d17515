"""Sentences for clips of the world, true ones and such that are wrong in one thing; which is true of which.

Labels are put into words anew at every use, so that a clip is seldom told the same way twice. A wrong
sentence differs in the value of one attribute, or in which of two things has which: what stands beside it in
a batch seldom differs so little, and an easy contrast teaches neither motion nor order (Yuksekgonul et al.
2023, "When and Why Vision-Language Models Behave Like Bags-of-Words", section 4). Triples that are held out
are never told, not even as wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from videogen.world.caption import CAPTION_ROLLS, describe_person, describe_things, said
from videogen.world.cast import HELD_OUT
from videogen.world.vocabulary import (
    ACTION_PHRASES,
    COLOUR_WORDS,
    GARMENT_WORDS,
    HAIR_WORDS,
    HEAD_PHRASES,
    MOTION_PHRASES,
    SCENE_PHRASES,
    SHAPE_WORDS,
    TEXTURE_WORDS,
)

Label = Mapping[str, str]
_SIDES = ("left", "right")
_TABLES: dict[str, tuple[str, ...]] = {
    "colour": COLOUR_WORDS, "shape": tuple(SHAPE_WORDS), "motion": tuple(MOTION_PHRASES),
    "texture": ("plain", *TEXTURE_WORDS), "scene": tuple(SCENE_PHRASES), "hair": tuple(HAIR_WORDS),
    "shirt": COLOUR_WORDS, "direction": _SIDES, **dict.fromkeys(GARMENT_WORDS, COLOUR_WORDS),
}  # fmt: skip
_OFTEN = ("shape", "motion", "action")
"""What is hardest to tell is wrong three times as often as anything else."""


@dataclass(frozen=True)
class Told:
    """A sentence about a clip of the `kind` object, person or head, and the values that it `names`."""

    text: str
    kind: str
    names: Label


def kind_of(world_kind: str) -> str:
    """Object, person or head: what the sentences of a kind of clips are about."""
    return "head" if world_kind in ("portrait", "face") else world_kind


def values_of(name: str, kind: str) -> tuple[str, ...]:
    """Every value that an attribute of clips of a kind (object, person, head) can have."""
    actions = tuple(HEAD_PHRASES if kind == "head" else ACTION_PHRASES)
    return _TABLES.get(name.removesuffix("2"), actions)


def tell(label: Label, kind: str, *, rolls: tuple[float, ...]) -> Told:
    """A sentence for a label, with the words that `rolls` choose."""
    known = dict(label)
    if kind == "object":
        text = describe_things(known, rolls=rolls)
    else:
        text = describe_person(known, portrait=kind == "head", rolls=rolls)
    return Told(text, kind, {name: known[name] for name in said(text, known)})


def draw_rolls(random: Random) -> tuple[float, ...]:
    """Numbers that choose the words of a sentence."""
    return tuple(random.random() for _ in range(CAPTION_ROLLS))


def altered(label: Label, told: Told, random: Random) -> dict[str, str]:
    """The label with one value changed that is `told`, or with the colours of its two things swapped."""
    names = [name for name in told.names if name.removesuffix("2") in _TABLES or name == "action"]
    names += [name for name in names if name.removesuffix("2") in _OFTEN] * 2
    two = "colour2" in told.names and label["colour2"] != label["colour"]
    changed = dict(label)
    if not names:
        return changed
    if two and random.random() < 0.2:
        changed["colour"], changed["colour2"] = label["colour2"], label["colour"]
    else:
        name = random.choice(names)
        others = [value for value in values_of(name, told.kind) if value != label[name]]
        changed[name] = random.choice(others)
        if name == "action":
            changed.pop("direction", None)
    return dict(label) if _is_held_out(changed) else changed


def _is_held_out(label: Label) -> bool:
    triples = [
        tuple(label.get(f"{name}{which}") for name in ("colour", "shape", "motion")) for which in ("", "2")
    ]
    return any(triple in HELD_OUT for triple in triples)


def true_of(sentences: Sequence[Told], labels: Sequence[Label], kinds: Sequence[str]) -> Tensor:
    """Which sentences are true of which clips, bool, clips by sentences.

    A sentence is true of a clip of its kind that bears every value it names.
    """
    numbers: dict[tuple[str, str | None], int] = {}

    def number(name: str, value: str | None) -> int:
        return numbers.setdefault((name, value), len(numbers))

    names = sorted({name for label in labels for name in label} | {n for s in sentences for n in s.names})
    shown = torch.tensor([
        [number("kind", kind), *(number(name, label.get(name)) for name in names)]
        for label, kind in zip(labels, kinds, strict=True)
    ])  # fmt: skip
    named = torch.tensor([
        [number("kind", one.kind), *(number(n, one.names[n]) if n in one.names else -1 for n in names)]
        for one in sentences
    ])  # fmt: skip
    return ((named[None] < 0) | (named[None] == shown[:, None])).all(-1)
