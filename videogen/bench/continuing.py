"""Videos that go on: held-out clips of things extended, closed to loops, and joined, read back from the pixels.

Half of a clip is given, and what follows, or came before it, is held to the other half: the thing's colour,
shape and motion as the analyser reads them, the seam, and how far colours drift. Loops and bridges are held
to the change between their frames. The baseline of an extension is its last frame, held; that of a bridge a
cross-fade.
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
from videogen.bench.frames import to_frames
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
            for name in ("forwards", "backwards"):
                _extended(
                    found, engine, case, backwards=name == "backwards", shown=number < _SHOWN, seed=number
                )
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
        before=seconds if backwards else 0,
        after=0 if backwards else seconds,
        seed=seed,
    )
    ledger = Ledger()
    whole = np.stack(list(extend(request, engine, ledger=ledger)))
    kept, new = (whole[HALF:], whole[:HALF]) if backwards else (whole[:HALF], whole[HALF:])
    still = np.repeat(given[:1] if backwards else given[-1:], HALF, 0)
    held = np.concatenate([still, given] if backwards else [given, still])
    way = "backwards" if backwards else "forwards"
    true = read_thing(analyse(case.frames, fps=FPS, kind="object"))
    for column, clip in ((MADE, whole), (TRIVIAL, held), (TRUE, case.frames)):
        added = clip[:HALF] if backwards else clip[HALF:]
        looks = read_thing(analyse(added, fps=FPS, kind="object"))
        motion = read_thing(analyse(clip, fps=FPS, kind="object")).get("motion")
        right = all(looks.get(name) == true.get(name) for name in _LOOKS)
        if column != TRUE:
            found.add(f"extend {way}: colour and shape go on", column, right)
            found.add(f"extend {way}: motion goes on", column, motion == true.get("motion"))
            found.add(f"extend {way}: all of it", column, right and motion == true.get("motion"))
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
    for name, clip, plain in (("given clip", closed, given), ("sentence", said, None)):
        found.add(f"loop of a {name}: last to first frame over the mean change", MADE, _closing(clip))
        if plain is not None:
            found.add(f"loop of a {name}: last to first frame over the mean change", TRIVIAL, _closing(plain))
    found.add(
        "loop of a given clip: its frames come back exactly", MADE, np.array_equal(closed[:HALF], given)
    )
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
    share = np.arange(1, _BRIDGE + 1)[:, None, None, None] / (_BRIDGE + 1)
    ghosts = (one[-1] * (1 - share) + two[0] * share).round().astype(np.uint8)
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
