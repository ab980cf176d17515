"""How much better clips agree with their words when they are led to it, or chosen; and what it costs.

Sentences are those of held-out things, about half of them with two, which pocket often draws wrong: words
that are followed anyway need no leading. Two judges: the text-video encoder, which leads and chooses and so
is no judge of its own cause, and image analysis, which knows nothing of it. The encoder itself is measured on
true renders that training never showed: by how often a sentence finds a clip that it is true of among all,
and by how often the words for a value are nearer than those for all other values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from time import perf_counter

import numpy as np
import torch
from torch import Tensor

from videogen.agreement import Agreement
from videogen.bench.figures import BEST, LED, MADE, TRIVIAL, TRUE, Evaluation
from videogen.bench.frames import to_frames
from videogen.bench.pairs import judge_pair
from videogen.bench.text import FPS, NUM_FRAMES, read_thing
from videogen.engine import Engine
from videogen.jobs.text_to_video import TextToVideo, generate
from videogen.training.clip_words import Told, kind_of, tell, true_of, values_of
from videogen.types import Frames
from videogen.world.analyse import analyse
from videogen.world.caption import CAPTION_ROLLS, said
from videogen.world.clips import render_clips

SCALE = 0.5
"""The clip guidance that is measured; at 2 the encoder likes clips of single things better and the analyser
less."""
CHOICE = 4
"""The number of clips of which the best is measured."""
FOUND_AMONG = 64
"""Clips among which a sentence finds its own."""
_TWO = 0.5
"""The share of sentences with two things."""
_TRIPLE = ("colour", "shape", "motion")
_OF_BOTH = ("colours of both", "shapes of both")
_WAYS: dict[str, dict[str, float]] = {MADE: {}, LED: {"clip_guidance": SCALE}, BEST: {"best_of": CHOICE}}
_ASKED = {"object": ("colour", "shape", "motion", "scene"), "person": ("action", "shirt", "scene")}
_SHOWN = 12


def evaluate_agreement(
    engine: Engine, *, clips: int, among: int | None = None, progress: Callable[[], None] = lambda: None
) -> Evaluation:
    """Agreement of clips from the captions of held-out things, by both judges, and the seconds of each.

    The encoder itself is measured on so many true renders of each kind as `among` says; if nothing does, on
    8 for each clip, at most `FOUND_AMONG`.
    Raises CheckpointError where pocket has no text-video encoder.
    """
    found, agreement = Evaluation(), engine.agreement
    batch = render_clips(
        "object", torch.arange(clips), size=engine.spec.height, num_frames=NUM_FRAMES, held_out=True, fps=FPS,
        share=_TWO,
    )  # fmt: skip
    before: Frames | None = None
    for number, (caption, label) in enumerate(zip(batch.captions, batch.labels, strict=True)):
        words, truth = agreement.words(caption), to_frames(batch.video[number])
        shown = {TRUE: truth}
        for way, asked in _WAYS.items():
            begun = perf_counter()
            request = TextToVideo(
                caption,
                seed=number,
                num_frames=NUM_FRAMES,
                fps=Fraction(FPS),
                **asked,  # type: ignore[arg-type]
            )
            shown[way] = np.stack(list(generate(request, engine)))
            found.add("agreement: seconds", way, perf_counter() - begun)
        if before is not None:
            shown[TRIVIAL] = before
        _judge(found, agreement, words, shown, caption=caption, label=label)
        before = shown[MADE]
        if number < _SHOWN:
            found.show("agreement", truth, shown[MADE], shown[LED], shown[BEST])
        progress()
    found.join(evaluate_encoder(agreement, among=among or min(FOUND_AMONG, 8 * clips)))
    return found


def _judge(
    found: Evaluation, agreement: Agreement, words: Tensor, shown: Mapping[str, Frames], *, caption: str,
    label: dict[str, str],
) -> None:  # fmt: skip
    """Both judges on one sentence's clips."""
    named = said(caption, label)
    for column, frames in shown.items():
        found.add("agreement: similarity", column, similarity_of(agreement, frames, words))
        reading = analyse(frames, fps=FPS, kind="object")
        if "colour2" in label:
            pair = judge_pair(reading, label, named=named)
            right = {name: pair[name] for name in _OF_BOTH if name in pair}
        else:
            seen = read_thing(reading)
            right = {name: seen.get(name) == label[name] for name in _TRIPLE if name in named}
        for name, value in right.items():
            found.add(f"agreement: {name}", column, value)
            found.add("agreement: what is named", column, value)
        if right:
            found.add("agreement: all that is named", column, all(right.values()))


@torch.no_grad()
def similarity_of(agreement: Agreement, frames: Frames, words: Tensor) -> float:
    """How well frames uint8 `t h w c` agree with words `1 d`, −1…1."""
    video = torch.from_numpy(frames).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    return float(agreement.similarity(video, words))


@torch.no_grad()
def evaluate_encoder(agreement: Agreement, *, among: int = FOUND_AMONG) -> Evaluation:
    """How well the encoder tells true renders of held-out things and people apart; chance is the baseline."""
    found = Evaluation()
    for kind, attributes in _ASKED.items():
        clips = render_clips(kind, torch.arange(among), num_frames=NUM_FRAMES, held_out=True, fps=FPS)
        seen = torch.cat([agreement.vector(video[None]) for video in clips.video])
        labels, kinds = clips.labels, [kind_of(kind)] * among
        told = [
            Told(text, kind, {name: label[name] for name in said(text, label)})
            for text, label in zip(clips.captions, labels, strict=True)
        ]
        true = true_of(told, labels, kinds).T  # sentence, clip
        nearest = (agreement.words(*[one.text for one in told]) @ seen.T).argmax(1)
        for number, clip in enumerate(nearest.tolist()):
            name = f"encoder: sentences find their clip among {among} of {kind}s"
            found.add(name, TRUE, bool(true[number, clip]))
            found.add(name, TRIVIAL, float(true[number].float().mean()))
        for attribute in attributes:
            values, name = values_of(attribute, kind_of(kind)), f"encoder: {attribute} of {kind}s, by words"
            for vector, label in zip(seen, labels, strict=True):
                texts = [_said_plainly({**label, attribute: value}, kind) for value in values]
                best = int((agreement.words(*texts) @ vector).argmax())
                found.add(name, TRUE, values[best] == label[attribute])
                found.add(name, TRIVIAL, 1 / len(values))
    return found


def _said_plainly(label: dict[str, str], kind: str) -> str:
    """A sentence that names what a clip shows, always in the same words and order."""
    return tell(label, kind, rolls=(0.5,) * CAPTION_ROLLS).text
