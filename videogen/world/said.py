"""What a sentence names: reads a caption back against the labels of its clip.

Only attributes that a caption names can be asked of a clip that was made from it.
"""

from __future__ import annotations

import re
from functools import cache

from videogen.world.vocabulary import (
    ACTION_PHRASES,
    CAMERA_PHRASES,
    GARMENT_WORDS,
    HAIR_WORDS,
    HEAD_PHRASES,
    RELATION_PHRASES,
    SCENE_PHRASES,
    SHAPE_WORDS,
    SPEED_WORDS,
    TEXTURE_WORDS,
    actions_of,
    motions_of,
    participle,
    plural,
)

_NAMED = {"scene": SCENE_PHRASES, "camera": CAMERA_PHRASES, "relation": RELATION_PHRASES}


def said(caption: str, label: dict[str, str]) -> frozenset[str]:
    """The attributes of `label` whose value the sentence `caption` names."""
    found = {
        key for key, table in _NAMED.items() if key in label and _has(caption, _either(table[label[key]]))
    }
    if "shape" in label:
        for which in ("", "2"):
            found |= _said_of_thing(caption, label, which)
        if label.get("count") == "2" and "colour2" in found:
            found.add("count")
        return frozenset(found)
    action = label.get("action", "")
    for portrait in (False, True):
        if action in (HEAD_PHRASES if portrait else ACTION_PHRASES):
            directed = actions_of(action, portrait=portrait, direction=label.get("direction"))
            plain = actions_of(action, portrait=portrait, direction=None)
            pointed = tuple(phrase for phrase in directed if phrase not in plain)
            if pointed and _has(caption, _either(pointed)):
                found |= {"action", "direction"}
            elif _has(caption, _either(plain)):
                found.add("action")
    hairs = "|".join(HAIR_WORDS.get(label.get("hair", ""), ("-",)))
    parts = {key: f"{label.get(key)} {key}" for key in ("shirt", *GARMENT_WORDS)}
    parts["hair"] = f"(?:{hairs}) hair"
    return frozenset(
        found | {key for key, pattern in parts.items() if key in label and _has(caption, pattern)}
    )


def _said_of_thing(caption: str, label: dict[str, str], which: str) -> set[str]:
    """The attributes of thing "" or "2" that are named."""
    if f"shape{which}" not in label:
        return set()
    colour, shape, motion = (label[f"{key}{which}"] for key in ("colour", "shape", "motion"))
    nouns, found = "|".join(SHAPE_WORDS[shape]), set[str]()
    textures = "|".join(word for before, _ in TEXTURE_WORDS.values() for word in before)
    if _has(caption, f"{colour} (?:(?:{textures}) )?(?:{nouns})"):
        found |= {f"colour{which}", f"shape{which}"}
    if _has(caption, _either(motions_of(shape, motion))):
        found.add(f"motion{which}")
    before, after = TEXTURE_WORDS.get(label.get(f"texture{which}", ""), ((), ()))
    own, ends = "|".join(before), "|".join(after)
    if before and _has(
        caption,
        f"(?:{own}) {colour} (?:{nouns})|{colour} (?:{own}) (?:{nouns})|{colour} (?:{nouns}) (?:{ends})",
    ):
        found.add(f"texture{which}")
    if _has(caption, "|".join(SPEED_WORDS.get(label.get(f"speed{which}", ""), ("-",)))):
        found.add(f"speed{which}")
    return found


@cache
def _either(phrases: tuple[str, ...]) -> str:
    """A pattern of any of the phrases, in any of their forms."""
    forms = {form for phrase in phrases for form in (phrase, participle(phrase), plural(phrase))}
    return "|".join(sorted(map(re.escape, forms)))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern})(?!\w)")


def _has(caption: str, pattern: str) -> bool:
    return _compiled(pattern).search(caption) is not None
