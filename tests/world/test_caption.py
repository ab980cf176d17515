"""Sentences are made of known words, in varying order, and prompts are read as captions are written."""

from __future__ import annotations

import pytest
import torch

from videogen.world import render_clips
from videogen.world.caption import WORDS, describe_object, describe_person, simplify, words_of


def test_every_word_of_every_caption_is_known_and_every_known_word_occurs() -> None:
    found: set[str] = set()
    for kind in ("object", "person", "portrait"):
        for text in render_clips(kind, torch.arange(3000), size=4, num_frames=1).captions:
            found.update(words_of(text))
    assert found == WORDS


def test_words_are_lower_case_without_punctuation() -> None:
    assert words_of("A red Ball, it's 2 o'clock… schön!") == [
        "a",
        "red",
        "ball",
        "it's",
        "2",
        "o'clock",
        "schön",
    ]
    assert words_of(" _ - ") == []


def test_the_rolls_choose_words_and_order() -> None:
    def thing(*rolls: float) -> str:
        return describe_object("red", "ball", "up", "sea", rolls=rolls)

    assert thing(0.0, 0.0, 0.0, 0.5, 0.0) == "a red ball moves up by the sea"
    assert thing(0.99, 0.99, 0.99, 0.1, 0.0) == "over the ocean, a red disc rises"
    assert thing(0.0, 0.0, 0.0, 0.2, 0.0) == "a red ball moves up"


def test_people_are_described_whole_and_as_portraits() -> None:
    def person(*rolls: float, portrait: bool = False) -> str:
        return describe_person("black", "blue", ("waves",), "snow", portrait=portrait, rolls=rolls)

    assert person(0.0, 0.0, 0.0, 0.5, 0.5) == "a person with black hair in a blue shirt waves in the snow"
    assert person(0.0, 0.0, 0.0, 0.1, 0.5) == "a person in a blue shirt with black hair waves in the snow"
    assert person(0.3, 0.0, 0.0, 0.9, 0.1) == "in the snow, a woman in a blue shirt waves"
    told = person(0.0, 0.0, 0.0, 0.5, 0.5, portrait=True)
    assert told == "a portrait of a person with black hair in a blue shirt who waves in the snow"


@pytest.mark.parametrize(
    ("prompt", "simple"),
    [
        ("an orange ball", "a orange ball"),
        ("One red ball and the one star", "a red ball and a star"),
        ("a phone and another banana", "a phone and another banana"),
    ],
)
def test_prompts_take_the_spelling_of_the_captions(prompt: str, simple: str) -> None:
    assert simplify(prompt) == simple
