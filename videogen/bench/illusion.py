"""Illusions: clips that are to read as one sentence as they are, and as another under a view.

A clip counts where everything that both sentences name is read back, from the clip and from what the view
shows of it. The baseline is the clip of the first sentence alone, looked at in the same two ways: where a
view turns one sentence into the other, as a mirror turns left into right, it is a high one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from einops import rearrange

from videogen.bench.figures import MADE, TRIVIAL, Evaluation
from videogen.bench.frames import to_frames
from videogen.bench.text import FPS, NUM_FRAMES, make_clip, read_thing
from videogen.engine import Engine
from videogen.jobs.illusion import Illusion, generate
from videogen.sampling import VIEWS
from videogen.types import Frames
from videogen.world.analyse import analyse
from videogen.world.vocabulary import MOTION_PHRASES, SCENE_PHRASES


@dataclass(frozen=True)
class Told:
    """What a sentence names of a thing and its place."""

    colour: str
    shape: str
    motion: str | None = None
    scene: str = "grey"

    @property
    def sentence(self) -> str:
        """The sentence."""
        thing = f"a {self.colour} {self.shape}"
        motion = () if self.motion is None else (MOTION_PHRASES[self.motion][0],)
        return " ".join([thing, *motion, SCENE_PHRASES[self.scene][0]])

    def is_read(self, frames: Frames) -> bool:
        """Whether all that is named is read in a clip."""
        seen = read_thing(analyse(frames, fps=FPS, kind="object"))
        return all(seen.get(name) == value for name, value in vars(self).items() if value is not None)


PAIRS: dict[str, tuple[tuple[Told, Told], ...]] = {
    "flip": (
        (Told("red", "heart"), Told("red", "triangle")),
        (Told("blue", "heart", "left"), Told("blue", "triangle", "left")),
    ),
    "rotate-180": (
        (Told("purple", "heart"), Told("purple", "triangle")),
        (Told("green", "heart", "right"), Told("green", "triangle", "left")),
    ),
    "rotate-90": (
        (Told("red", "ball", "right"), Told("red", "ball", "down")),
        (Told("blue", "square", "up"), Told("blue", "square", "right")),
    ),
    "mirror": (
        (Told("red", "ball", "right", "grass"), Told("red", "ball", "left", "grass")),
        (Told("yellow", "star", "left", "night"), Told("yellow", "star", "right", "night")),
    ),
    "negate": (
        (Told("blue", "ball"), Told("yellow", "ball")),
        (Told("yellow", "square"), Told("blue", "square")),
    ),
    "jigsaw": (
        (Told("red", "ball", "up"), Told("red", "ball", "up")),
        (Told("green", "square"), Told("green", "square")),
    ),
    "reverse": (
        (Told("green", "star", "grow", "snow"), Told("green", "star", "shrink", "snow")),
        (Told("red", "square", "left", "grass"), Told("red", "square", "right", "grass")),
    ),
}
"""Two pairs of sentences for each view, in turn."""


def evaluate_illusions(
    engine: Engine, *, clips: int, progress: Callable[[], None] = lambda: None
) -> Evaluation:
    """How many of `clips` illusions of each view are read as both of their sentences."""
    found = Evaluation()
    for view, pairs in PAIRS.items():
        for number in range(clips):
            pair = pairs[number % len(pairs)]
            made = make_illusion(engine, pair, view=view, seed=number)
            alone = make_clip(engine, pair[0].sentence, seed=number)
            for column, frames in ((MADE, made), (TRIVIAL, alone)):
                under = seen_under(view, frames)
                right = pair[0].is_read(frames), pair[1].is_read(under)
                found.add(f"illusion: {view}", column, all(right))
                if column == MADE:
                    found.add(f"illusion: {view}, as it is", column, right[0])
                    found.add(f"illusion: {view}, under the view", column, right[1])
                    if number < len(pairs):
                        found.show("illusion", frames, under)
            progress()
    return found


def make_illusion(engine: Engine, pair: tuple[Told, Told], *, view: str, seed: int) -> Frames:
    """The frames of a pair, as the job makes them."""
    request = Illusion.model_validate(
        {
            "prompt": pair[0].sentence, "other_prompt": pair[1].sentence, "view": view, "seed": seed,
            "num_frames": NUM_FRAMES, "fps": Fraction(FPS),
        }
    )  # fmt: skip
    return np.stack(list(generate(request, engine)))


def seen_under(view: str, frames: Frames) -> Frames:
    """What a view shows of frames."""
    video = torch.from_numpy(rearrange(frames, "t h w c -> c t h w").copy()) / 127.5 - 1
    return to_frames(VIEWS[view].view(video))
