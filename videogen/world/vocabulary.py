"""The words of the world's sentences, as tables from labels to phrases; `caption` puts them together.

Every phrase is true of every clip that bears its label. Verbs stand in the third person ("moves right") or
with "is" ("is moving right"); `plural` and `participle` give their other forms.
"""

from __future__ import annotations

_GOING = ("moves", "slides", "drifts", "glides", "goes", "is moving", "is sliding", "is drifting", "is going")
_WAYS = {
    "right": ("right", "to the right", "from left to right"),
    "left": ("left", "to the left", "from right to left"),
    "up": ("up", "upwards"),
    "down": ("down", "downwards"),
}


def _going(way: str, *others: str) -> tuple[str, ...]:
    """Verbs with directions; what says both in one word comes about as often."""
    return (*others * 4, *(f"{verb} {end}" for verb in _GOING for end in _WAYS[way]))


COLOUR_WORDS = (
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple",
    "pink",
    "white",
    "black",
    "brown",
    "grey",
)
SHAPE_WORDS = {
    "ball": ("ball", "circle", "disc"),
    "square": ("square", "box"),
    "triangle": ("triangle",),
    "star": ("star",),
    "heart": ("heart",),
    "ring": ("ring", "hoop"),
    "fish": ("fish",),
    "bird": ("bird",),
    "cat": ("cat", "kitten"),
    "car": ("car",),
    "boat": ("boat", "ship"),
    "rocket": ("rocket",),
}
# before the thing's name, and after it
TEXTURE_WORDS = {
    "striped": (("striped",), ("with stripes",)),
    "dotted": (("dotted", "spotted"), ("with dots", "with spots")),
    "checked": (("checked", "checkered"), ("with checks",)),
}
MOTION_PHRASES = {
    "still": ("stands still", "rests", "does not move", "stays still", "is resting", "is standing still"),
    "right": _going("right"),
    "left": _going("left"),
    "up": _going("up", "rises", "is rising", "floats up"),
    "down": _going("down", "falls", "is falling", "sinks", "is sinking"),
    "bounce": ("bounces", "bounces up and down", "is bouncing", "jumps up and down", "hops", "is hopping"),
    "spin": ("spins", "rotates", "is spinning", "is rotating", "spins around", "whirls"),
    "grow": ("grows", "gets bigger", "is growing", "gets larger", "becomes bigger", "is getting bigger"),
    "shrink": ("shrinks", "gets smaller", "is shrinking", "becomes smaller", "is getting smaller"),
    "orbit": (
        "circles around", "goes round and round", "moves in a circle", "is circling around",
        "is going round and round", "is moving in a circle", "goes around in circles",
    ),
}  # fmt: skip
# how a creature or a vehicle goes, and where to it can be said to
SHAPE_VERBS = {
    "fish": (("swims", "is swimming"), ("right", "left", "up", "down")),
    "bird": (("flies", "is flying"), ("right", "left", "up", "down")),
    "cat": (("runs", "is running"), ("right", "left")),
    "car": (("drives", "is driving"), ("right", "left")),
    "boat": (("sails", "is sailing"), ("right", "left")),
    "rocket": (("flies", "is flying"), ("right", "left", "up", "down")),
}
SPEED_WORDS = {"slowly": ("slowly",), "quickly": ("quickly", "fast")}
RELATION_PHRASES = {
    "left": ("to the left of", "left of"),
    "right": ("to the right of", "right of"),
    "above": ("above",),
    "below": ("below", "under"),
}
SCENE_PHRASES = {
    "grass": ("on green grass", "in a meadow", "on the grass", "on grass"),
    "desert": ("in the desert", "on the sand", "in a desert"),
    "snow": ("in the snow", "on a snowy field", "on snow"),
    "sea": ("by the sea", "over the ocean", "at the sea"),
    "night": ("at night", "in the dark", "under a night sky"),
    "room": ("in a room", "indoors", "inside a room"),
    "grey": ("on a grey background", "in a grey studio", "in front of a grey wall"),
}
CAMERA_PHRASES = {
    "still": ("the camera is still", "the camera holds steady"),
    "left": ("the camera pans left", "the camera pans to the left", "the camera is panning left"),
    "right": ("the camera pans right", "the camera pans to the right", "the camera is panning right"),
    "in": ("the camera zooms in", "the camera comes closer", "the camera is zooming in"),
    "out": ("the camera zooms out", "the camera backs away", "the camera is zooming out"),
    "shake": ("the camera shakes", "the camera is shaking", "the camera wobbles"),
}
PERSON_WORDS = ("person", "woman", "man", "girl", "boy")
HAIR_WORDS = {
    "black": ("black", "dark"), "brown": ("brown",), "blond": ("blond", "blonde"),
    "red": ("red", "ginger"), "grey": ("grey",),
}  # fmt: skip
GARMENT_WORDS = ("trousers", "shorts", "skirt")
ACTION_PHRASES = {
    "stand": ("stands", "is standing", "stands still", "is standing still"),
    "wave": ("waves", "is waving", "waves a hand", "is waving a hand", "says hello"),
    "walk": ("walks", "is walking", "goes for a walk"),
    "jump": ("jumps", "is jumping", "jumps up and down", "is jumping up and down"),
    "dance": ("dances", "is dancing"),
    "cheer": ("cheers", "celebrates", "is cheering", "is celebrating"),
    "point": ("points", "is pointing", "points a finger"),
    "sit": ("sits", "is sitting"),
    "turn": ("turns around", "is turning around"),
}
HEAD_PHRASES = {
    "still": ("looks at the camera", "keeps still", "is looking at the camera"),
    "nod": ("nods", "is nodding", "says yes", "nods the head"),
    "shake": ("shakes the head", "says no", "is shaking the head"),
    "tilt": ("tilts the head", "is tilting the head"),
    "talk": ("talks", "is talking", "speaks", "is speaking"),
    "look": ("looks around", "is looking around"),
    "turn": ("turns the head", "is turning the head"),
    "blink": ("blinks", "is blinking"),
    "smile": ("smiles", "is smiling"),
}
# what takes a direction: of people, whole; of heads
DIRECTED = {
    "walk": ("walks", "is walking"), "point": ("points", "is pointing"),
    "turn": ("turns the head", "is turning the head"),
}  # fmt: skip
PORTRAIT_WORDS = ("a portrait of", "a close-up of", "the face of")
JOINTS = "a an another and both who that while with in wearing hair shirt"
"""Words that join the others."""

_PLURALS = {"is": "are", "does": "do", "goes": "go", "flies": "fly"}


def plural(phrase: str) -> str:
    """The phrase for two who do the same: "moves right" → "move right"."""
    verb, _, rest = phrase.partition(" ")
    return f"{_PLURALS.get(verb, verb.removesuffix('s'))} {rest}".rstrip()


def participle(phrase: str) -> str:
    """The phrase without its "is", where a participle follows: "is moving right" → "moving right"."""
    words = phrase.split()
    return " ".join(words[1:]) if words[0] == "is" and words[1].endswith("ing") else phrase


def motions_of(shape: str, motion: str) -> tuple[str, ...]:
    """The phrases for a thing of this shape in this motion."""
    verbs, ways = SHAPE_VERBS.get(shape, ((), ()))
    if motion == "orbit" and "up" in ways:
        return (*MOTION_PHRASES[motion], *(f"{verb} in circles" for verb in verbs))
    own = tuple(f"{verb} {end}" for verb in verbs for end in _WAYS[motion]) if motion in ways else ()
    return own * 4 + MOTION_PHRASES[motion]  # its own verb comes about as often as all others


def actions_of(action: str, *, portrait: bool, direction: str | None) -> tuple[str, ...]:
    """The phrases for a person's action; `direction` is left, right or None, as seen on the picture."""
    plain = (HEAD_PHRASES if portrait else ACTION_PHRASES)[action]
    if direction is None or action not in DIRECTED or (action == "turn") != portrait:
        return plain
    directed = tuple(f"{verb} {end}" for verb in DIRECTED[action] for end in _WAYS[direction][:2])
    return directed * 3 + plain
