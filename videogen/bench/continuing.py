"""Videos that go on: held-out clips of things extended, closed to loops, and joined.

Half of a clip is given, and what follows, or came before it, is held to the other half, which is read back
from the pixels: the thing's colour, shape and motion; the seam, and how far colours drift. Loops and bridges
are held to the change between their frames. The baseline of an extension is its last frame, held; that of a
bridge a cross-fade.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from videogen.bench.figures import MADE, TRIVIAL, TRUE, Evaluation
from videogen.bench.frames import cross_fade, to_frames
from videogen.bench.metrics import ssim
from videogen.bench.text import read_thing
from videogen.continuity import Meter
from videogen.engine import Engine
from videogen.jobs.extend import Extend
from videogen.jobs.extend import generate as extend
from videogen.jobs.ledger import Ledger
from videogen.jobs.loop import Loop
from videogen.jobs.loop import generate as loop
from videogen.jobs.transition import Transition
from videogen.jobs.transition import generate as transition
from videogen.media.video import write_video
from videogen.types import Frames
from videogen.world.analyse import analyse
from videogen.world.clips import render_clips

FPS, HALF = 8, 16
_SHOWN, _BRIDGE = 12, 8
_LOOKS = ("colour", "shape")


@dataclass(frozen=True)
class _Case:
    """A held-out clip, the folder in which it lies in halves, and its sentence."""

    frames: Frames
    folder: Path
    caption: str

    def half(self, name: str, frames: Frames) -> Path:
        path = self.folder / name
        write_video(path, frames, fps=Fraction(FPS))
        return path


def evaluate_continuing(
    engine: Engine, *, clips: int, progress: Callable[[], None] = lambda: None
) -> Evaluation:
    """Extensions, loops and transitions of held-out clips of things."""
    found = Evaluation()
    batch = render_clips(
        "object", torch.arange(clips), size=engine.spec.height, num_frames=2 * HALF, held_out=True, fps=FPS
    )
    before: _Case | None = None
    for number, caption in enumerate(batch.captions):
        with tempfile.TemporaryDirectory() as folder:
            case = _Case(to_frames(batch.video[number]), Path(folder), caption)
            for backwards in (False, True):
                _extended(found, engine, case, backwards=backwards, shown=number < _SHOWN, seed=number)
            _looped(found, engine, case, shown=number < _SHOWN, seed=number)
            if before is not None:
                _joined(found, engine, before, case, shown=number <= _SHOWN, seed=number)
            before = case
        progress()
    return found


def _extended(
    found: Evaluation, engine: Engine, case: _Case, *, backwards: bool, shown: bool, seed: int
) -> None:
    """Add the half that is missing."""
    given = case.frames[HALF:] if backwards else case.frames[:HALF]
    seconds = HALF / FPS
    request = Extend(
        case.half("given", given),
        seed=seed,
        before=seconds if backwards else 0,
        after=0 if backwards else seconds,
    )
    ledger = Ledger()
    whole = np.stack(list(extend(request, engine, ledger=ledger)))
    kept, new = (whole[HALF:], whole[:HALF]) if backwards else (whole[:HALF], whole[HALF:])
    still = np.repeat(given[:1] if backwards else given[-1:], HALF, 0)
    held = np.concatenate([still, given] if backwards else [given, still])
    way = "backwards" if backwards else "forwards"
    true = read_thing(analyse(case.frames, fps=FPS, kind="object"))
    moved = read_thing(analyse(_other(case, backwards), fps=FPS, kind="object")).get("motion")
    for column, clip in ((MADE, whole), (TRIVIAL, held), (TRUE, case.frames)):
        added = clip[:HALF] if backwards else clip[HALF:]
        looks = read_thing(analyse(added, fps=FPS, kind="object"))
        right = all(looks.get(name) == true.get(name) for name in _LOOKS)
        goes_on = looks.get("motion") == moved
        if column != TRUE:
            found.add(f"extend {way}: colour and shape go on", column, right)
            found.add(f"extend {way}: motion goes on", column, goes_on)
            found.add(f"extend {way}: all of it", column, right and goes_on)
        numbers = _numbers(clip, ledger)
        for name in ("seam", "drift"):
            if name in numbers:
                unit = ", % a second" if name == "drift" else ""
                found.add(f"extend {way}: {name}{unit}", column, numbers[name])
    found.add(f"extend {way}: given frames come back exactly", MADE, np.array_equal(kept, given))
    found.add(f"extend {way}: SSIM to what came", MADE, ssim(new, _other(case, backwards)))
    found.add(f"extend {way}: SSIM to what came", TRIVIAL, ssim(still, _other(case, backwards)))
    if shown:
        found.show("extend", case.frames, whole)


def _other(case: _Case, backwards: bool) -> Frames:
    return case.frames[:HALF] if backwards else case.frames[HALF:]


def _looped(found: Evaluation, engine: Engine, case: _Case, *, shown: bool, seed: int) -> None:
    """Close the clip's first half, and make a loop of its sentence."""
    given = case.frames[:HALF]
    closed = np.stack(list(loop(Loop(case.half("closed", given), seed=seed), engine)))
    said = np.stack(list(loop(Loop(prompt=case.caption, seconds=2.0, fps=Fraction(FPS), seed=seed), engine)))
    jump = "last to first frame over the mean change"
    found.add(f"loop of a given clip: {jump}", MADE, _closing(closed))
    found.add(f"loop of a given clip: {jump}", TRIVIAL, _closing(given))
    found.add(f"loop of a sentence: {jump}", MADE, _closing(said))
    exact = np.array_equal(closed[:HALF], given)
    found.add("loop of a given clip: its frames come back exactly", MADE, exact)
    if shown:
        found.show("loop", closed, said)


def _joined(
    found: Evaluation, engine: Engine, first: _Case, second: _Case, *, shown: bool, seed: int
) -> None:
    """Lead from one clip's first half to the other's second half."""
    one, two = first.frames[:HALF], second.frames[HALF:]
    paths = second.half("one", one), second.half("two", two)
    request = Transition(*paths, seconds=_BRIDGE / FPS, seed=seed)
    whole = np.stack(list(transition(request, engine)))
    exact = np.array_equal(whole[:HALF], one) and np.array_equal(whole[-HALF:], two)
    found.add("transition: both come back exactly", MADE, exact)
    ghosts = cross_fade(one[-1], two[0], steps=_BRIDGE)
    nearer = []
    for step in range(_BRIDGE):
        here = whole[HALF + step]
        neighbours = [whole[HALF + step - 1], whole[HALF + step + 1]]
        beside = max(ssim(here[None], each[None]) for each in neighbours)
        ghost = ssim(here[None], ghosts[step][None])
        nearer.append(beside > ghost)
        found.add("transition: SSIM to the frames beside", MADE, beside)
        found.add("transition: SSIM to a cross-fade", MADE, ghost)
    found.add("transition: frames nearer to those beside than to a cross-fade", MADE, float(np.mean(nearer)))
    if shown:
        found.show("transition", whole[HALF - 4 : HALF + _BRIDGE + 4])


def _numbers(frames: Frames, ledger: Ledger) -> dict[str, float]:
    meter = Meter(fps=Fraction(FPS))
    for frame in frames:
        meter.add(frame)
    return meter.numbers(joins=ledger.joins, seams=ledger.seams)


def _closing(frames: Frames) -> float:
    """The change from the last frame to the first over the mean change from frame to frame."""
    values = frames.astype(np.float64)
    steps = np.abs(np.diff(values, axis=0)).mean((1, 2, 3))
    return float(np.abs(values[-1] - values[0]).mean() / max(float(steps.mean()), 0.5))
