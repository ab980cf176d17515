"""What lies between known frames: held-out clips of things whose middle is missing, and is made anew.

Of 16 frames the first four and the last four are given, with the clip's sentence: as two videos that a
`transition` joins, and as keyframes of a clip from words. What is made is held to the frames that were there.
Without learning there is a cross-fade between the given frames beside the gap; the trivial baseline is the
last frame before it, held. Much of a picture stands still and is right in all of them, so likeness is also
told where something moves. Ceiling: the true frames through the autoencoder.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from videogen.bench.figures import CODED, MADE, RIVAL, TRIVIAL, Evaluation
from videogen.bench.frames import cross_fade, through_autoencoder, to_frames
from videogen.bench.metrics import ssim, ssim_where
from videogen.engine import Engine
from videogen.jobs.text_to_video import TextToVideo
from videogen.jobs.text_to_video import generate as text_to_video
from videogen.jobs.transition import Transition
from videogen.jobs.transition import generate as transition
from videogen.media.image import write_image
from videogen.media.video import write_video
from videogen.types import Frames
from videogen.world.clips import render_clips

FPS, NUM_FRAMES, GIVEN = 8, 16, 4
_CHANGED = 12
"""Levels of 255 from which on a pixel counts as another."""
_SHOWN = 8


@dataclass(frozen=True)
class Gap:
    """A clip uint8 `t h w c` with its sentence, of which only the `GIVEN` frames at each end are known."""

    frames: Frames
    caption: str

    @property
    def missing(self) -> Frames:
        """The true frames of the gap."""
        return self.frames[GIVEN:-GIVEN]

    @property
    def held(self) -> Frames:
        """The last frame before the gap, as often as frames are missing."""
        return np.repeat(self.frames[GIVEN - 1 : GIVEN], len(self.missing), 0)

    @property
    def faded(self) -> Frames:
        """A cross-fade between the given frames beside the gap."""
        return cross_fade(self.frames[GIVEN - 1], self.frames[-GIVEN], steps=len(self.missing))

    @property
    def moving(self) -> NDArray[np.bool_]:
        """Where the missing frames differ from either of the given ones beside them, `t h w`."""
        missing = self.missing.astype(np.int16)
        beside = (self.frames[GIVEN - 1], self.frames[-GIVEN])
        changed = [np.abs(missing - one).max(-1) >= _CHANGED for one in beside]
        return np.asarray(changed[0] | changed[1])

    def in_context(self, made: Frames) -> Frames:
        """What was made, between the given frames beside it."""
        return np.concatenate([self.frames[GIVEN - 1 : GIVEN], made, self.frames[-GIVEN:][:1]])


def evaluate_between(
    engine: Engine, *, clips: int, progress: Callable[[], None] = lambda: None
) -> Evaluation:
    """Likeness of the middles of held-out clips that were made from their ends."""
    found = Evaluation()
    batch = render_clips(
        "object", torch.arange(clips), size=engine.spec.height, num_frames=NUM_FRAMES, held_out=True, fps=FPS
    )
    for number, caption in enumerate(batch.captions):
        gap = Gap(to_frames(batch.video[number]), caption)
        plain = {CODED: through_autoencoder(engine, gap.missing), RIVAL: gap.faded, TRIVIAL: gap.held}
        shown = [gap.in_context(gap.missing)]
        for name, make in WAYS.items():
            made = make(engine, gap, seed=number)
            for column, frames in ({MADE: made} | plain).items():
                found.add(f"{name}: SSIM", column, ssim(frames, gap.missing))
                found.add(f"{name}: SSIM where it moves", column, ssim_where(frames, gap.missing, gap.moving))
            shown.append(gap.in_context(made))
        if number < _SHOWN:
            found.show("between", *shown, gap.in_context(gap.faded))
        progress()
    return found


def join_ends(engine: Engine, gap: Gap, *, seed: int) -> Frames:
    """The gap as a `transition` from the one end to the other fills it."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder) / "first", Path(folder) / "second"  # folders of pictures, which lose nothing
        for path, frames in zip(paths, (gap.frames[:GIVEN], gap.frames[-GIVEN:]), strict=True):
            write_video(path, frames, fps=Fraction(FPS))
        seconds = len(gap.missing) / FPS
        request = Transition(*paths, prompt=gap.caption, seconds=seconds, seed=seed)
        return np.stack(list(transition(request, engine)))[GIVEN:-GIVEN]


def fill_between_keyframes(engine: Engine, gap: Gap, *, seed: int) -> Frames:
    """The gap as `text-to-video` fills it whose keyframes are the given frames."""
    length = len(gap.frames)
    with tempfile.TemporaryDirectory() as folder:
        keyframes = []
        for number in (*range(GIVEN), *range(length - GIVEN, length)):
            path = Path(folder) / f"{number}.png"
            write_image(path, gap.frames[number])
            keyframes.append(f"{number / FPS}={path}")
        request = TextToVideo(
            gap.caption, keyframe=tuple(keyframes), num_frames=length, fps=Fraction(FPS), seed=seed
        )
        return np.stack(list(text_to_video(request, engine)))[GIVEN:-GIVEN]


WAYS = {"between, joined": join_ends, "between, keyframes": fill_between_keyframes}
"""The jobs that fill a gap, by the names of their figures."""
