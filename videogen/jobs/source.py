"""The video that a job changes: its size, and its frames as a stream at the rate of the output."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from videogen.errors import RequestError
from videogen.jobs.checks import output_size
from videogen.media.video import read_video

if TYPE_CHECKING:
    from videogen.types import Frame


def frames_at(path: Path, *, rate: Fraction) -> Iterator[Frame]:
    """Yield a video's frames at `rate`, repeated or left out where it is not its own; raises `MediaError`."""
    with read_video(path) as video:
        step = video.info.fps / rate
        made = 0
        for number, frame in enumerate(video):
            while int(made * step) == number:
                yield frame
                made += 1


def source_size(height: int | None, width: int | None, *, picture: tuple[int, int]) -> tuple[int, int]:
    """The output's height and width: the video's own, or as asked for; raises `RequestError`."""
    asked = output_size(height, width, picture=picture)
    return picture if height is None and width is None else asked


def read_source(
    path: Path, *, rate: Fraction, size: tuple[int, int], seconds: float | None
) -> Iterator[Frame]:
    """Yield a video's frames at `rate` and `size` (height, width), the first `seconds` of them.

    Raises `MediaError`, and `RequestError` where it is shorter.
    """
    wanted = None if seconds is None else max(1, round(Fraction(seconds) * rate))
    count = 0
    for frame in islice(frames_at(path, rate=rate), wanted):
        count += 1
        yield frame if frame.shape[:2] == size else _resized(frame, *size)
    if wanted is not None and count < wanted:
        raise RequestError(
            f"--seconds {seconds:g} is longer than {path.name}, which lasts {float(count / rate):.2f} s; "
            f"give less or none"
        )


def _resized(frame: Frame, height: int, width: int) -> Frame:
    return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.LANCZOS))
