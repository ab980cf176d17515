"""Sentences are true, made of known words in varying order, and prompts are read as captions are written."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videogen.world.caption import (
    CAPTION_ROLLS,
    WORDS,
    describe_person,
    describe_things,
    named_things,
    said,
    simplify,
    words_of,
)
from videogen.world.figure import COLOURS, GARMENTS, HAIRS, TROUSER_NAMES
from videogen.world.vocabulary import (
    ACTION_PHRASES,
    CAMERA_PHRASES,
    DIRECTED,
    HEAD_PHRASES,
    MOTION_PHRASES,
    RELATION_PHRASES,
    SCENE_PHRASES,
    SHAPE_WORDS,
    SPEED_WORDS,
    TEXTURE_WORDS,
)

Label = dict[str, str]
LONGEST = 36
"""Words and punctuation marks of a sentence, at most."""

rolls = st.tuples(*[st.floats(0, 1, exclude_max=True)] * CAPTION_ROLLS)


def one_of(values: object) -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(values))  # type: ignore[call-overload]


@st.composite
def things(draw: st.DrawFn) -> Label:
    """Labels as clips of things bear them."""
    label = {
        "colour": draw(one_of(COLOURS)), "shape": draw(one_of(SHAPE_WORDS)),
        "motion": draw(one_of(MOTION_PHRASES)), "scene": draw(one_of(SCENE_PHRASES)),
        "texture": draw(one_of(["plain", *TEXTURE_WORDS])), "camera": draw(one_of(CAMERA_PHRASES)),
        "count": draw(one_of("12")),
    }  # fmt: skip
    if draw(st.booleans()):
        label["speed"] = draw(one_of(SPEED_WORDS))
    if label["count"] == "2":
        label["colour2"], label["shape2"] = draw(one_of(COLOURS)), draw(one_of(SHAPE_WORDS))
        label["motion2"] = draw(st.sampled_from([label["motion"], *MOTION_PHRASES]))
        if draw(st.booleans()):
            label["relation"] = draw(one_of(RELATION_PHRASES))
    return label


@st.composite
def people(draw: st.DrawFn, *, portrait: bool) -> Label:
    """Labels as clips of people bear them."""
    action = draw(one_of(HEAD_PHRASES if portrait else ACTION_PHRASES))
    label = {
        "hair": draw(one_of(HAIRS)), "shirt": draw(one_of(COLOURS)), "skin": "light",
        "scene": draw(one_of(SCENE_PHRASES)), "action": action,
    }  # fmt: skip
    if action in DIRECTED:
        label["direction"] = draw(one_of(["left", "right"]))
    if not portrait:
        label[draw(one_of(GARMENTS))] = draw(one_of(TROUSER_NAMES))
    return label


def check_spelling(text: str) -> None:
    assert set(words_of(text)) <= WORDS
    assert len(re.findall(r"[\w]+|[^\w\s]", text)) <= LONGEST, text
    assert text == " ".join(text.split())
    assert not re.search(r"\ba [aeiou]|\ban [^aeiou]| ,|,[^ ]", text), text
    assert simplify(text) == text


@settings(max_examples=150, deadline=None)
@given(label=things(), numbers=rolls)
def test_sentences_about_things_name_them_and_nothing_false(label: Label, numbers: tuple[float, ...]) -> None:
    text = describe_things(label, rolls=numbers)
    check_spelling(text)
    named = said(text, label)
    assert {"colour", "shape"} <= named
    assert ({"colour2", "shape2", "count"} <= named) == (label["count"] == "2")
    short = len(words_of(text)) < 12
    if not short:
        assert {"motion"} <= named or label["motion"] == "still" or "camera" in text, text
    for key in ("scene", "camera"):
        table = SCENE_PHRASES if key == "scene" else CAMERA_PHRASES
        for value in table.keys() - {label[key]}:
            assert key not in said(text, {**label, key: value}), f"{text} tells of {value}"
    if label["count"] == "1":
        for motion in MOTION_PHRASES.keys() - {label["motion"]}:
            assert "motion" not in said(text, {**label, "motion": motion}), f"{text} tells of {motion}"
        for colour in set(COLOURS) - {label["colour"]}:
            assert "colour" not in said(text, {**label, "colour": colour})
        for texture in TEXTURE_WORDS.keys() - {label["texture"]}:
            assert "texture" not in said(text, {**label, "texture": texture})
        assert ("texture" in named) == (label["texture"] != "plain")


@pytest.mark.parametrize("portrait", [False, True])
@settings(max_examples=100, deadline=None)
@given(data=st.data(), numbers=rolls)
def test_sentences_about_people_name_them_and_nothing_false(
    portrait: bool, data: st.DataObject, numbers: tuple[float, ...]
) -> None:
    label = data.draw(people(portrait=portrait))
    text = describe_person(label, portrait=portrait, rolls=numbers)
    check_spelling(text)
    named = said(text, label)
    assert "action" in named
    assert bool(named & {"hair", "shirt"}) == (numbers[6] >= 0.06)  # a few sentences leave out the looks
    others = {
        "hair": HAIRS, "shirt": COLOURS, "scene": SCENE_PHRASES, "direction": ("left", "right"),
        **dict.fromkeys(GARMENTS, TROUSER_NAMES),
        "action": HEAD_PHRASES if portrait else ACTION_PHRASES,
    }  # fmt: skip
    for key in label.keys() & others.keys():
        for value in set(others[key]) - {label[key]}:
            assert key not in said(text, {**label, key: value}), f"{text} tells of {key} {value}"


def some(kind: str, count: int) -> list[tuple[str, Label]]:
    """Captions with their labels, as various as they come."""
    dice = random.Random(1)

    def pick(table: object) -> str:
        return dice.choice(sorted(table))  # type: ignore[call-overload, no-any-return]

    out = []
    for number in range(count):
        if kind == "things":
            label = {
                "scene": pick(SCENE_PHRASES),
                "camera": pick(CAMERA_PHRASES),
                "count": str(number % 2 + 1),
            }
            for which in ("", "2")[: number % 2 + 1]:
                label |= {f"colour{which}": pick(COLOURS), f"shape{which}": pick(SHAPE_WORDS)}
                label |= {f"motion{which}": pick(MOTION_PHRASES), f"speed{which}": pick(SPEED_WORDS)}
                label |= {f"texture{which}": pick(TEXTURE_WORDS), "relation": pick(RELATION_PHRASES)}
            if number % 6 == 1:
                label["motion2"], label["speed2"] = label["motion"], label["speed"]
            if number % 12 == 1:
                label |= {"colour2": label["colour"], "shape2": label["shape"]}
        else:
            table = HEAD_PHRASES if kind == "portrait" else ACTION_PHRASES
            label = {"hair": pick(HAIRS), "shirt": pick(COLOURS), "scene": pick(SCENE_PHRASES)}
            label |= {"action": pick(table), "camera": "still", pick(GARMENTS): pick(TROUSER_NAMES)}
            if label["action"] in DIRECTED:
                label["direction"] = pick(("left", "right"))
        numbers = tuple(dice.random() for _ in range(CAPTION_ROLLS))
        if kind == "things":
            out.append((describe_things(label, rolls=numbers), label))
        else:
            out.append((describe_person(label, portrait=kind == "portrait", rolls=numbers), label))
    return out


def test_every_known_word_occurs_in_some_caption() -> None:
    texts = [
        text
        for kind, count in (("things", 9000), ("person", 2000), ("portrait", 2000))
        for text, _ in some(kind, count)
    ]
    assert {word for text in texts for word in words_of(text)} == WORDS


def test_most_captions_tell_most_of_their_labels() -> None:
    told = [(said(text, label), label) for text, label in some("things", 2000)]
    shares = {
        key: sum(key in named for named, _ in told) / len(told) for key in ("motion", "scene", "camera")
    }
    assert 0.8 < shares["motion"] < 0.97
    assert 0.78 < shares["scene"] < 0.92
    assert 0.65 < shares["camera"] < 0.85
    people = [said(text, label) for text, label in some("person", 1000)]
    assert sum("shirt" in named for named in people) > 700
    assert sum("hair" in named for named in people) > 600
    assert 20 < sum(not named & {"shirt", "hair", "scene"} for named in people) < 120


def test_the_rolls_choose_words_and_order() -> None:
    label = {"colour": "orange", "shape": "ball", "motion": "up", "scene": "sea", "texture": "striped"}
    low, middle = (0.0,) * CAPTION_ROLLS, (0.5,) * CAPTION_ROLLS
    assert describe_things(label, rolls=low) == "a striped orange ball"
    assert describe_things(label, rolls=middle) == "an orange striped circle slides upwards over the ocean"
    fronted = (*middle[:5], 0.1, *middle[6:])
    assert describe_things(label, rolls=fronted) == "over the ocean, an orange striped circle slides upwards"
    two = label | {"count": "2", "colour2": "orange", "shape2": "ball", "motion2": "up"}
    told = describe_things(two, rolls=middle)
    assert told == "an orange striped circle and another orange circle both slide upwards over the ocean"


def test_a_camera_that_moves_is_mostly_told() -> None:
    label = {"colour": "red", "shape": "star", "motion": "spin", "scene": "night", "camera": "left"}
    told = describe_things(label, rolls=(0.7,) * CAPTION_ROLLS)
    assert told == "a red star spins around under a night sky and the camera is panning left"
    assert "camera" in said(told, label)


def test_an_attribute_is_said_only_of_its_own_thing() -> None:
    label = {"colour": "green", "shape": "ball", "motion": "right", "scene": "grass", "texture": "plain"}
    assert said("a red ball on green grass", label) == {"scene"}
    assert said("the camera pans to the right, a green ball", label) == {"colour", "shape"}
    assert said("a green box moves to the right", label) == {"motion"}


def test_a_value_without_words_is_an_error() -> None:
    label = {"colour": "red", "shape": "teapot", "motion": "up", "scene": "sea"}
    with pytest.raises(KeyError, match="teapot"):
        describe_things(label, rolls=(0.5,) * CAPTION_ROLLS)


def test_words_are_lower_case_without_punctuation() -> None:
    assert words_of("A red Ball, it's 2 o'clock… schön!") == [
        "a", "red", "ball", "it's", "2", "o'clock", "schön",
    ]  # fmt: skip
    assert words_of(" _ - ") == []


@pytest.mark.parametrize(
    ("prompt", "simple"),
    [
        ("A orange ball", "an orange ball"),
        ("an red ball.", "a red ball"),
        ("One red ball and the one star", "a red ball and a star"),
        ("a phone and another banana", "a phone and another banana"),
        ("the striped gray cat on the grass", "a striped grey cat on the grass"),
        ("Two orange stars bounce!", "an orange star and another orange star bounce"),
        ("the two fish swim", "a fish and another fish swim"),
        ("two people and two clouds", "a person and another person and two clouds"),
        ("A close up of a gray-haired woman in a T-shirt", "a close-up of a woman with grey hair in a shirt"),
        ("There is a polka-dotted sphere", "a dotted ball"),
        ("", ""),
    ],
)  # fmt: skip
def test_prompts_take_the_spelling_of_the_captions(prompt: str, simple: str) -> None:
    assert simplify(prompt) == simple


@given(text=st.text(max_size=60))
def test_any_prompt_can_be_simplified_once_and_for_all(text: str) -> None:
    assert simplify(simplify(text)) == simplify(text)


@settings(max_examples=200)
@given(label=things(), numbers=rolls)
def test_the_things_of_a_caption_are_found_in_order(label: Label, numbers: tuple[float, ...]) -> None:
    names = named_things(describe_things(label, rolls=numbers))
    wanted = [""] if label["count"] == "1" else ["", "2"]
    assert len(names) == len(wanted)
    for name, which in zip(names, wanted, strict=True):
        nouns = "|".join(SHAPE_WORDS[label[f"shape{which}"]])
        assert re.fullmatch(
            rf"an? (?:\w+ )*{label[f'colour{which}']} (?:\w+ )*?(?:{nouns})(?: with \w+)?", name
        )


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("Two red balls bounce", ("a red ball", "a red ball")),
        ("an orange hoop moves in a circle", ("an orange hoop",)),
        ("A big shiny red ball rolls", ("a big shiny red ball",)),
        ("in a room a ball falls while the small boat sails", ("a ball", "a small boat")),
        ("a red ball with stripes rises", ("a red ball with stripes",)),
        ("a woman in a red shirt waves", ()),
        ("a ball that is red", ()),
        ("a red ball turns blue", ()),
        ("in front of a grey wall a ball with red stripes falls", ()),
        ("in front of a grey wall a ball falls", ("a ball",)),
        ("", ()),
    ],
)
def test_things_are_found_in_what_people_write(prompt: str, names: tuple[str, ...]) -> None:
    assert named_things(prompt) == names
