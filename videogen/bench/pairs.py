"""Clips from sentences with two things: whether both are there, as they are called, and do what is said.

Of the two the first is of a triple of colour, shape and motion that training never showed, alone or beside
another; all of both is read back from the pixels. The ceiling is the same reading of the true render, plain
and through the autoencoder; the baseline is the clip of the sentence before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import torch

from videogen.bench.figures import CODED, MADE, TRIVIAL, TRUE, Evaluation
from videogen.bench.frames import through_autoencoder, to_frames
from videogen.bench.text import FPS, NUM_FRAMES, make_clip
from videogen.engine import Engine
from videogen.world.analyse import Reading, Seen, analyse
from videogen.world.caption import said
from videogen.world.clips import render_clips

_LOOKS = frozenset(("colour", "shape", "colour2", "shape2"))
_MOTIONS = ("motion", "motion2")
_SHOWN = 24


def evaluate_pairs(engine: Engine, *, clips: int, progress: Callable[[], None] = lambda: None) -> Evaluation:
    """Colours, shapes and motions of two things, in clips made from their captions."""
    found = Evaluation()
    batch = render_clips(
        "object", torch.arange(clips), size=engine.spec.height, num_frames=NUM_FRAMES, held_out=True, fps=FPS,
        share=1.0,
    )  # fmt: skip
    before: Reading | None = None
    for number, (caption, label) in enumerate(zip(batch.captions, batch.labels, strict=True)):
        truth, made = to_frames(batch.video[number]), make_clip(engine, caption, seed=number)
        named = said(caption, label)
        seen = {
            MADE: analyse(made, fps=FPS, kind="object"),
            CODED: analyse(through_autoencoder(engine, truth), fps=FPS, kind="object"),
            TRUE: analyse(truth, fps=FPS, kind="object"),
        }
        columns = seen if before is None else {**seen, TRIVIAL: before}
        for column, reading in columns.items():
            for name, right in judge_pair(reading, label, named=named).items():
                found.add(f"pairs: {name}", column, right)
        for which in ("", "2"):
            colour = label[f"colour{which}"]
            shape = next((thing.shape for thing in seen[MADE].things if thing.colour == colour), None)
            found.asked("shape, of two things", label[f"shape{which}"], shape)
        before = seen[MADE]
        if number < _SHOWN:
            found.show("pairs", truth, made)
        progress()
    return found


def judge_pair(reading: Reading, label: Mapping[str, str], *, named: frozenset[str]) -> dict[str, bool]:
    """What of a clip of two things is right, of what its sentence names.

    Of "one thing" and of "both things" colour and shape are right; "colours of both" and "shapes of both"
    tell what is wrong of them.
    """
    found: dict[str, bool] = {}
    if named >= _LOOKS:
        things = [_seen_as(reading, label, which) for which in ("", "2")]
        there = [thing is not None for thing in things]
        found = {"one thing at least": any(there), "both things": all(there)}
        for key in ("colour", "shape"):
            seen = Counter(getattr(thing, key) for thing in reading.things)
            found[f"{key}s of both"] = Counter((label[key], label[f"{key}2"])) <= seen
        if named >= set(_MOTIONS):
            right = all(
                thing is not None and thing.motion == label[name]
                for name, thing in zip(_MOTIONS, things, strict=True)
            )
            found["both things and their motions"] = right
            if all(there):
                found["motions, where both are there"] = right
    if "scene" in named:
        found["scene"] = reading.scene == label["scene"]
    return found


def _seen_as(reading: Reading, label: Mapping[str, str], which: str) -> Seen | None:
    """The clearest thing of the colour and the shape of thing "" or "2"; None where there is none."""
    wanted = label[f"colour{which}"], label[f"shape{which}"]
    return next((thing for thing in reading.things if (thing.colour, thing.shape) == wanted), None)
