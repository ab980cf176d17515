"""Clips from sentences, held to their words: things of held-out triples, and people who act.

A clip is made as `text-to-video` makes it and read back by image analysis. The ceiling is the same reading
of the true render, plain and through the autoencoder; the baseline is the clip of the sentence before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

import numpy as np
import torch

from videogen.bench.figures import CODED, MADE, TRIVIAL, TRUE, Evaluation
from videogen.bench.frames import through_autoencoder, to_frames
from videogen.engine import Engine
from videogen.jobs.text_to_video import TextToVideo, generate
from videogen.types import Frames
from videogen.world.analyse import Reading, analyse
from videogen.world.caption import said
from videogen.world.clips import render_clips

FPS = 8
NUM_FRAMES = 16
_THING = ("colour", "shape", "motion", "scene")
_TRIPLE = frozenset(("colour", "shape", "motion"))
_SHOWN = 24


def make_clip(engine: Engine, prompt: str, *, seed: int) -> Frames:
    """The frames of a sentence, as the job makes them."""
    request = TextToVideo(prompt, seed=seed, num_frames=NUM_FRAMES, fps=Fraction(FPS))
    return np.stack(list(generate(request, engine)))


def evaluate_things(engine: Engine, *, clips: int, progress: Callable[[], None] = lambda: None) -> Evaluation:
    """Colour, shape, motion and scene of clips made from the captions of held-out things."""
    found = Evaluation()
    batch = render_clips(
        "object", torch.arange(clips), size=engine.spec.height, num_frames=NUM_FRAMES, held_out=True, fps=FPS
    )
    before: dict[str, str] = {}
    for number, (caption, label) in enumerate(zip(batch.captions, batch.labels, strict=True)):
        truth, made = to_frames(batch.video[number]), make_clip(engine, caption, seed=number)
        named = said(caption, label)
        read = {
            MADE: read_thing(analyse(made, fps=FPS, kind="object")),
            CODED: read_thing(analyse(through_autoencoder(engine, truth), fps=FPS, kind="object")),
            TRUE: read_thing(analyse(truth, fps=FPS, kind="object")),
            TRIVIAL: before,
        }
        _score(found, label, read, attributes=[name for name in _THING if name in named])
        if named >= _TRIPLE:
            for column, seen in read.items():
                if seen:
                    right = all(seen.get(name) == label[name] for name in _TRIPLE)
                    found.add("text: colour, shape and motion", column, right)
        for name in ("motion", "shape"):
            if name in named:
                found.asked(name, label[name], read[MADE].get(name))
        before = read[MADE]
        if number < _SHOWN:
            found.show("text", truth, made)
        progress()
    return found


def read_thing(reading: Reading) -> dict[str, str]:
    """What was read of a clip's first thing and of its place, by attribute."""
    seen = {"scene": reading.scene} if reading.scene else {}
    if reading.things:
        thing = reading.things[0]
        values = {"colour": thing.colour, "shape": thing.shape, "motion": thing.motion}
        seen |= {name: value for name, value in values.items() if value is not None}
    return seen


def evaluate_actors(engine: Engine, *, clips: int, progress: Callable[[], None] = lambda: None) -> Evaluation:
    """What people do in clips made from their captions, read from the pixels."""
    found = Evaluation()
    batch = render_clips(
        "person", torch.arange(clips), size=engine.spec.height, num_frames=NUM_FRAMES, held_out=True, fps=FPS
    )
    before: dict[str, str] = {}
    for number, (caption, label) in enumerate(zip(batch.captions, batch.labels, strict=True)):
        truth, made = to_frames(batch.video[number]), make_clip(engine, caption, seed=number)
        candidates = {MADE: made, CODED: through_autoencoder(engine, truth), TRUE: truth}
        read = {column: read_person(frames) for column, frames in candidates.items()} | {TRIVIAL: before}
        named = said(caption, label)
        _score(
            found,
            label,
            read,
            attributes=[name for name in ("action", "scene") if name in named],
            who="people",
        )
        if "action" in named:
            found.asked("action", label["action"], read[MADE].get("action"))
        before = read[MADE]
        if number < _SHOWN // 2:
            found.show("people", truth, made)
        progress()
    return found


def read_person(frames: Frames) -> dict[str, str]:
    """What was read of a person's action and place."""
    reading = analyse(frames, fps=FPS, kind="person")
    values = {"action": reading.action, "scene": reading.scene}
    return {name: value for name, value in values.items() if value is not None}


def _score(
    found: Evaluation, label: Mapping[str, str], read: Mapping[str, Mapping[str, str]], *,
    attributes: list[str], who: str = "text",
) -> None:  # fmt: skip
    for column, seen in read.items():
        if seen:
            for name in attributes:
                found.add(f"{who}: {name}", column, seen.get(name) == label[name])
