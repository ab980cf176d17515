"""What a model is at home with survives JSON, and impossible numbers do not get in."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest

from videogen.errors import CheckpointError
from videogen.training.export import SPEC
from videogen.weights.spec import ModelSpec


def read(**changes: Any) -> ModelSpec:
    values = {**SPEC.to_dict(), **changes}
    return ModelSpec.from_dict(json.loads(json.dumps(values)), source="index")


def test_a_spec_survives_a_round_trip_through_json() -> None:
    assert read() == SPEC
    assert read(fps="30000/1001").fps == Fraction(30000, 1001)
    assert read(guidance_scale=2).guidance_scale == 2
    assert read(skeleton_style="dwpose").skeleton_style == "dwpose"
    named = read(aliases={"zorp": "a person"})
    assert named.aliases == (("zorp", "a person"),)
    assert read(aliases=named.to_dict()["aliases"]) == named


def test_a_spec_without_aliases_and_style_is_read() -> None:
    later = ("aliases", "skeleton_style")
    values = {name: value for name, value in SPEC.to_dict().items() if name not in later}
    assert ModelSpec.from_dict(values, source="index") == SPEC


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"width": 0}, "width is 0"),
        ({"width": -64}, "width is -64"),
        ({"width": "64"}, "width is '64'"),
        ({"width": 64.0}, "width is 64.0"),
        ({"width": True}, "width is True"),
        ({"width": 10**9}, "width is 1000000000"),
        ({"width": 72}, "72x64 are not multiples of 16"),
        ({"num_frames": None}, "num_frames is None"),
        ({"overlap": 16}, "overlap 16 is not below window 16"),
        ({"overlap": -1}, "overlap is -1"),
        ({"guidance_scale": "3"}, "cannot be read"),
        ({"guidance_scale": float("nan")}, "guidance_scale is nan"),
        ({"pose_guidance": -1.0}, "pose_guidance is -1.0"),
        ({"fps": "0"}, "fps is 0"),
        ({"fps": "1/0"}, "cannot be read"),
        ({"fps": "fast"}, "cannot be read"),
        ({"known_words": "a b"}, "known_words is not a list of words"),
        ({"known_words": [1]}, "known_words is not a list of words"),
        ({"aliases": ["zorp"]}, "aliases are not words"),
        ({"aliases": {"zorp": 1}}, "aliases are not words"),
        ({"skeleton_style": "crayon"}, "skeleton_style is 'crayon', expected own or openpose"),
        ({"colour": 1}, "is missing or has too much: colour"),
    ],
)
def test_impossible_numbers_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        read(**change)
    assert words in str(caught.value)
    assert str(caught.value).startswith("index: the section 'videogen'")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("values", [None, [], [1], "text", {}, {"width": 64}])
def test_a_section_that_is_missing_or_short_is_refused(values: object) -> None:
    with pytest.raises(CheckpointError, match=r"missing or has too much: .*window"):
        ModelSpec.from_dict(values, source="index")


def test_words_may_be_unknown() -> None:
    assert read(known_words=[]).known_words == ()
