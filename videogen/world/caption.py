"""Sentences that are true of a clip: a small grammar with synonyms and free order.

Labels (attribute → value, as clips bear them) become a sentence by `CAPTION_ROLLS` numbers in [0, 1), which
choose words and order; `said` tells which attributes a sentence names. `WORDS` is everything that can occur,
so that an unknown word in a user's prompt can be named; `simplify` brings a prompt into this spelling, and
`named_things` finds the things in it.
"""

from __future__ import annotations

import re
from itertools import chain

from videogen.world.said import said
from videogen.world.vocabulary import (
    ACTION_PHRASES,
    CAMERA_PHRASES,
    COLOUR_WORDS,
    DIRECTED,
    GARMENT_WORDS,
    HAIR_WORDS,
    HEAD_PHRASES,
    JOINTS,
    MOTION_PHRASES,
    PERSON_WORDS,
    PORTRAIT_WORDS,
    RELATION_PHRASES,
    SCENE_PHRASES,
    SHAPE_VERBS,
    SHAPE_WORDS,
    SPEED_WORDS,
    TEXTURE_WORDS,
    actions_of,
    motions_of,
    participle,
    plural,
)

__all__ = [
    "CAPTION_ROLLS",
    "WORDS",
    "describe_person",
    "describe_things",
    "named_things",
    "said",
    "simplify",
    "words_of",
]

CAPTION_ROLLS = 12
"""How many numbers choose the words of one sentence."""


def _choose(options: tuple[str, ...], roll: float) -> str:
    return options[min(int(roll * len(options)), len(options) - 1)]


def _with_article(noun: str) -> str:
    """The noun phrase with "a" or "an"."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def describe_things(label: dict[str, str], *, rolls: tuple[float, ...]) -> str:
    """A sentence about one thing or two.

    `label` holds colour, shape, motion and scene, and may hold texture, speed, camera, count, and for two
    things colour2, shape2, motion2, texture2, speed2, relation. Raises KeyError for a value without words.
    """
    if label.get("count") == "2":
        clause, finite = _describe_two(label, rolls)
    else:
        clause, finite = _describe_one(label, rolls)
    short = rolls[6] < 0.06
    where = "" if short or 0.15 <= rolls[5] < 0.25 else _choose(SCENE_PHRASES[label["scene"]], rolls[4])
    clause = _place(clause, where, first=finite and rolls[5] < 0.15)
    return _film(clause, label.get("camera", "still"), rolls[9], rolls[10])


def _place(clause: str, where: str, *, first: bool) -> str:
    """The clause with its scene before or after it."""
    if where and first:
        return f"{where}, {clause}"
    return f"{clause} {where}".rstrip()


def _film(clause: str, camera: str, roll: float, order: float) -> str:
    """The clause with what the camera does; a camera at rest is seldom spoken of."""
    if roll < (0.96 if camera == "still" else 0.1):
        return clause
    does = _choose(CAMERA_PHRASES[camera], order * 4 % 1)
    if order < 0.25:
        return f"{does}, {clause}"
    return f"{clause}{_choose((',', ' and', ' while'), (order - 0.25) / 0.75)} {does}"


def _name(label: dict[str, str], which: str, roll: float, form: float) -> str:
    """A thing's name without its article: texture, colour, noun."""
    colour, noun = label[f"colour{which}"], _choose(SHAPE_WORDS[label[f"shape{which}"]], roll)
    texture = label.get(f"texture{which}", "plain")
    if texture == "plain":
        return f"{colour} {noun}"
    before, after = TEXTURE_WORDS[texture]
    word, end = _choose(before, form * 6 % 1), _choose(after, form * 9 % 1)
    forms = (f"{word} {colour} {noun}", f"{colour} {word} {noun}", f"{colour} {noun} {end}")
    return _choose(forms, form)


def _does(label: dict[str, str], which: str, roll: float, form: float) -> str:
    """What a thing does, in the third person; now and then a participle."""
    phrase = _choose(motions_of(label[f"shape{which}"], label[f"motion{which}"]), roll)
    speed = label.get(f"speed{which}", "")
    plain = participle(phrase) if form < 0.5 else phrase
    if speed not in SPEED_WORDS or form * 8 % 1 < 0.3:
        return plain
    word = _choose(SPEED_WORDS[speed], form * 16 % 1)
    first = word == "slowly" and not phrase.startswith(("is ", "does ")) and form > 0.6
    return f"{word} {plain}" if first else f"{plain} {word}"


def _is_finite(phrase: str) -> bool:
    return not phrase.split()[0].endswith("ing")


def _describe_one(label: dict[str, str], rolls: tuple[float, ...]) -> tuple[str, bool]:
    """A clause about one thing, and whether its verb is finite (so that words may stand before it)."""
    thing = _with_article(_name(label, "", rolls[0], rolls[7]))
    if rolls[6] < 0.06 or (label["motion"] == "still" and rolls[6] < 0.5):
        return thing, False
    does = _does(label, "", rolls[2], rolls[8])
    return f"{thing} {does}", _is_finite(does)


def _describe_two(label: dict[str, str], rolls: tuple[float, ...]) -> tuple[str, bool]:
    """A clause about two things, the one in front first."""
    name, other = _name(label, "", rolls[0], rolls[7]), _name(label, "2", rolls[1], rolls[7] * 9 % 1)
    alike = all(label[key] == label[f"{key}2"] for key in ("colour", "shape"))
    one, two = _with_article(name), f"another {other}" if alike else _with_article(other)
    if rolls[6] < 0.06:
        return f"{one} and {two}", False
    still, still2 = label["motion"] == "still", label["motion2"] == "still"
    does, does2 = _does(label, "", rolls[2], rolls[8]), _does(label, "2", rolls[3], 0.5 + rolls[8] * 9 % 0.5)
    relation = label.get("relation")
    if relation in RELATION_PHRASES and rolls[11] < 0.65:
        phrases = RELATION_PHRASES[relation]
        lies = _choose(phrases, rolls[11] / 0.65)
        first = one if still and rolls[6] < 0.6 else f"{one} {does}"
        second = two if still2 else f"{two} that {does2}"
        return f"{first} {lies} {second}", first != one and _is_finite(does)
    if still and still2 and rolls[6] < 0.5:
        return f"{one} and {two}", False
    same = label["motion"] == label["motion2"] and label.get("speed") == label.get("speed2")
    if same and rolls[6] < 0.7:
        shared = MOTION_PHRASES[label["motion"]]
        do = plural(_choose(shared, rolls[2]))
        return f"{one} and {two} {'both ' if do.split()[0] not in ('are', 'do') else ''}{do}", True
    if _is_finite(does) and rolls[8] > 0.75:
        return f"{one} {does} while {two} {does2}", True
    if rolls[8] > 0.6:
        return f"{one} {does} with {two} that {does2}", _is_finite(does)
    does2 = participle(does2) if not _is_finite(does) else does2
    return f"{one} {does} and {two} {does2}", _is_finite(does)


def describe_person(label: dict[str, str], *, portrait: bool, rolls: tuple[float, ...]) -> str:
    """A sentence about one person, whole or (`portrait`) head and shoulders.

    `label` holds hair, shirt, scene and action, and may hold trousers, shorts or skirt (their colour),
    direction (left or right, as seen on the picture) and camera. Raises KeyError for a value without words.
    """
    who = _choose(PERSON_WORDS, rolls[0])
    actions = actions_of(label["action"], portrait=portrait, direction=label.get("direction"))
    action = _choose(actions, rolls[2])
    action = participle(action) if rolls[8] < 0.5 else action
    short = rolls[6] < 0.06
    described = who if short else f"{who} {_looks(label, rolls)}"
    where = "" if short or 0.15 <= rolls[5] < 0.25 else _choose(SCENE_PHRASES[label["scene"]], rolls[4])
    one, finite = _with_article(described), _is_finite(action)
    first = finite and rolls[5] < 0.15
    if portrait and rolls[7] < 0.6:
        one = f"{_choose(PORTRAIT_WORDS, rolls[7] / 0.6)} {one}{' who' if finite else ''}"
        first = False
    return _film(
        _place(f"{one} {action}", where, first=first), label.get("camera", "still"), rolls[9], rolls[10]
    )


def _looks(label: dict[str, str], rolls: tuple[float, ...]) -> str:
    """Hair and clothes, in either order, sometimes only one of them."""
    hair = f"with {_choose(HAIR_WORDS[label['hair']], rolls[1])} hair"
    clothes = f"{label['shirt']} shirt"
    verb = "wearing" if rolls[3] * 5 % 1 < 0.25 else "in"
    wears = f"{verb} {_with_article(clothes)}"
    for garment in GARMENT_WORDS:
        if garment in label and rolls[11] < 0.35:
            below = f"{label[garment]} {garment}"
            wears = f"{wears} and {_with_article(below) if garment == 'skirt' else below}"
    if rolls[3] < 0.15:
        return hair
    if rolls[3] < 0.35:
        return wears
    return f"{wears} {hair}" if rolls[3] < 0.6 else f"{hair} {wears}"


def words_of(text: str) -> list[str]:
    """Lower-case words of a sentence, punctuation dropped."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.lower())


_SPELLINGS = {
    "gray": "grey", "violet": "purple", "crimson": "red", "scarlet": "red",
    "sphere": "ball", "disk": "disc", "automobile": "car", "kitty": "kitten", "sailboat": "boat",
    "lady": "woman", "guy": "man", "pants": "trousers", "jeans": "trousers", "tee": "shirt",
    "chequered": "checkered", "stripy": "striped", "stripey": "striped", "polka": "", "upward": "upwards",
    "downward": "downwards", "rightwards": "right", "rightward": "right", "leftwards": "left",
    "leftward": "left", "towards": "to", "toward": "to", "underneath": "under", "beneath": "under",
}  # fmt: skip
_NOUNS = "|".join([*chain.from_iterable(SHAPE_WORDS.values()), *PERSON_WORDS])
_ADJECTIVES = "|".join(
    [*COLOUR_WORDS, *chain.from_iterable(before for before, _ in TEXTURE_WORDS.values()), "blonde", "blond"]
)
_PLURAL_NOUNS = {"boxes": "box", "fish": "fish", "women": "woman", "men": "man", "people": "person"}


def simplify(text: str) -> str:
    """A prompt in the captions' own spelling.

    Lower case, "a" and "an" in their places and in the place of "one" and "the", grey for gray, "two balls"
    as a ball and another ball, no hyphens and no full stop. A caption comes back as it is.
    """
    text = re.sub(r"\s+", " ", text.lower()).strip().rstrip(".!").rstrip()
    text = re.sub(r"\bt-?shirt\b", "shirt", text)
    text = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text)
    text = re.sub(r"\bclose ?up\b", "close-up", text)
    text = re.sub(r"^there (?:is|are) (?=a |an |one |two )", "", text)
    text = re.sub(r"[^\W_]+", lambda found: _SPELLINGS.get(found[0], found[0]), text)
    text = re.sub(rf"\b(\w+) haired ({'|'.join(PERSON_WORDS)})\b", r"\2 with \1 hair", text)
    text = re.sub(r"\b(?:the one|one|a single|single)\b", "a", text)
    text = re.sub(rf"\bthe (?=(?:(?:{_ADJECTIVES}) )*(?:{_NOUNS})\b)", "a ", text)
    text = re.sub(rf"\b(?:the )?two ((?:(?:{_ADJECTIVES}) )*)(\w+)\b", _spell_two, text)
    text = re.sub(r"\ban?(?= [aeiou])", "an", text)
    return re.sub(r"\ban(?= [^aeiou])", "a", re.sub(r" {2,}", " ", text))


def _spell_two(found: re.Match[str]) -> str:
    """ "two red balls" as "a red ball and another red ball"; other pairs stay as they are."""
    noun = _PLURAL_NOUNS.get(found[2], found[2].removesuffix("s"))
    if noun == found[2] != "fish" or not re.fullmatch(_NOUNS, noun):
        return found[0]
    return f"a {found[1]}{noun} and another {found[1]}{noun}"


_AFTER = "|".join(chain.from_iterable(after for _, after in TEXTURE_WORDS.values()))
_KIND = "|".join(chain.from_iterable(SHAPE_WORDS.values()))
_BEFORE = r"(?:(?!(?:an?|another|the|and|with|that|which|is) )[a-z']+ ){0,3}?"
_THING = re.compile(rf"(?<!\bin )\b(?:an?|another|the) ({_BEFORE}(?:{_KIND})(?: (?:{_AFTER}))?)\b")


_PLACES = "|".join(chain.from_iterable(SCENE_PHRASES.values()))
_LOOKS = {*COLOUR_WORDS, *words_of(" ".join(chain.from_iterable(a + b for a, b in TEXTURE_WORDS.values())))}


def named_things(text: str) -> tuple[str, ...]:
    """The things that a prompt names, in order, each as a name with its article: "a striped red ball".

    Up to three words before the noun belong to the name, whether they are known or not. Where colours or
    textures are told elsewhere, as in "a ball that is red", names do not tell what things look like: none.
    """
    text = simplify(text)
    rest = re.sub(rf"\b(?:{_PLACES})\b", "", _THING.sub("", text))
    if (_LOOKS - {"with"}) & set(words_of(rest)):
        return ()
    return tuple(_with_article(name) for name in _THING.findall(text))


def _all_words() -> frozenset[str]:
    tables = (
        SHAPE_WORDS, MOTION_PHRASES, SPEED_WORDS, RELATION_PHRASES, SCENE_PHRASES, CAMERA_PHRASES, HAIR_WORDS,
        ACTION_PHRASES, HEAD_PHRASES, DIRECTED,
    )  # fmt: skip
    phrases = list(chain.from_iterable(chain.from_iterable(table.values()) for table in tables))
    phrases += chain.from_iterable(verbs for verbs, _ in SHAPE_VERBS.values())
    phrases += chain.from_iterable(before + after for before, after in TEXTURE_WORDS.values())
    shared = (plural(phrase) for phrase in chain.from_iterable(MOTION_PHRASES.values()))
    names = (*PERSON_WORDS, *GARMENT_WORDS, *PORTRAIT_WORDS, *COLOUR_WORDS)
    return frozenset(words_of(" ".join([*phrases, *shared, *names, JOINTS])))


WORDS = _all_words()
"""Every word that a caption can hold."""
