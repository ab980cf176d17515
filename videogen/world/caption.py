"""Sentences that are true of a clip: a small grammar with synonyms and free order.

`WORDS` is everything that can occur, so that an unknown word in a user's prompt can be named.
"""

from __future__ import annotations

import re
from itertools import chain

SHAPE_WORDS = {
    "ball": ("ball", "circle", "disc"),
    "square": ("square", "box"),
    "triangle": ("triangle",),
    "star": ("star",),
    "heart": ("heart",),
    "ring": ("ring", "hoop"),
}
MOTION_PHRASES = {
    "still": ("stands still", "rests", "does not move"),
    "right": ("moves right", "slides to the right"),
    "left": ("moves left", "slides to the left"),
    "up": ("moves up", "rises"),
    "down": ("moves down", "falls"),
    "bounce": ("bounces", "bounces up and down", "is bouncing"),
    "spin": ("spins", "rotates", "is spinning"),
    "grow": ("grows", "gets bigger"),
    "shrink": ("shrinks", "gets smaller"),
    "orbit": ("circles around", "goes round and round"),
}
SCENE_PHRASES = {
    "grass": ("on green grass", "in a meadow", "on the grass"),
    "desert": ("in the desert", "on the sand"),
    "snow": ("in the snow", "on a snowy field"),
    "sea": ("by the sea", "over the ocean"),
    "night": ("at night", "in the dark"),
    "room": ("in a room", "indoors"),
    "grey": ("on a grey background", "in a grey studio"),
}
PERSON_WORDS = ("person", "woman", "man", "girl", "boy")
HAIR_WORDS = {
    "black": ("black",), "brown": ("brown",), "blond": ("blond", "blonde"),
    "red": ("red", "ginger"), "grey": ("grey",),
}  # fmt: skip
ACTION_PHRASES = {
    "stand": ("stands", "is standing"),
    "wave": ("waves", "is waving", "waves a hand"),
    "walk": ("walks", "is walking"),
    "jump": ("jumps", "is jumping"),
    "dance": ("dances", "is dancing"),
    "cheer": ("cheers", "celebrates"),
}
HEAD_PHRASES = {
    "still": ("looks at the camera", "keeps still"),
    "nod": ("nods", "is nodding"),
    "shake": ("shakes the head", "says no"),
    "tilt": ("tilts the head",),
    "talk": ("talks", "is talking", "speaks"),
    "look": ("looks around",),
}


def _choose(options: tuple[str, ...], roll: float) -> str:
    return options[min(int(roll * len(options)), len(options) - 1)]


def describe_object(colour: str, shape: str, motion: str, scene: str, *, rolls: tuple[float, ...]) -> str:
    """A sentence about one thing; `rolls` are five numbers in [0, 1) that choose words and order."""
    thing = f"a {colour} {_choose(SHAPE_WORDS[shape], rolls[0])}"
    does, where = _choose(MOTION_PHRASES[motion], rolls[1]), _choose(SCENE_PHRASES[scene], rolls[2])
    if rolls[3] < 0.15:
        return f"{where}, {thing} {does}"
    if rolls[3] < 0.25:
        return f"{thing} {does}"
    return f"{thing} {does} {where}"


def describe_person(
    hair: str, shirt: str, does: tuple[str, ...], scene: str, *, portrait: bool, rolls: tuple[float, ...]
) -> str:
    """A sentence about one person, whole or head and shoulders; `rolls` as in `describe_object`."""
    who = _choose(PERSON_WORDS, rolls[0])
    looks = f"with {_choose(HAIR_WORDS[hair], rolls[4])} hair"
    where = _choose(SCENE_PHRASES[scene], rolls[2])
    wears = f"in a {shirt} shirt"
    described = f"{who} {wears} {looks}" if rolls[3] < 0.3 else f"{who} {looks} {wears}"
    if rolls[4] < 0.2:
        described = f"{who} {wears}"
    action = _choose(does, rolls[1])
    if portrait:
        return f"a portrait of a {described} who {action} {where}"
    return f"{where}, a {described} {action}" if rolls[3] > 0.85 else f"a {described} {action} {where}"


def simplify(text: str) -> str:
    """A prompt in the captions' own spelling: one article, as in "a orange ball"."""
    return re.sub(r"\b(an|the one|one)\b", "a", text, flags=re.IGNORECASE)


def words_of(text: str) -> list[str]:
    """Lower-case words of a sentence, punctuation dropped."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.lower())


def _all_words() -> frozenset[str]:
    tables = (SHAPE_WORDS, MOTION_PHRASES, SCENE_PHRASES, HAIR_WORDS, ACTION_PHRASES, HEAD_PHRASES)
    phrases = chain.from_iterable(chain.from_iterable(table.values()) for table in tables)
    fixed = "a portrait of who in with hair shirt red orange yellow green blue purple pink white"
    return frozenset(words_of(" ".join([*phrases, *PERSON_WORDS, fixed])))


WORDS = _all_words()
"""Every word that a caption can hold."""
