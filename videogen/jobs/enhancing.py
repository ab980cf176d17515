"""Films made smoother and larger as a stream, and the request fields of the jobs that do that.

Frames → cuts marked → frames in between → larger frames: generators all the way, so that memory holds a few
frames however long the film is. What was finished in a run that was stopped is not made again: the stream is
read through up to there, which costs no network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from videogen.errors import RequestError
from videogen.jobs.ledger import Ledger
from videogen.jobs.outline import Outline, Row
from videogen.request import Request
from videogen.sound import Sound

if TYPE_CHECKING:
    from videogen.enhancer import Enhancer
    from videogen.media.info import VideoInfo
    from videogen.types import Frame


class EnhancingRequest(Request):
    """The fields of the jobs that better the frames of a video."""

    video: Path = Field(kw_only=False, description="The video to better: a file, or a folder of pictures.")
    audio: str = Field(
        default="keep",
        min_length=1,
        description="Sound: 'keep' (the video's own, copied; in slow motion stretched at its pitch), 'none', "
        "or a FILE's.",
    )
    cuts: bool = Field(
        default=True, description="Find where shots begin, and never mix the frames of two of them."
    )
    checkpoint: Path | None = Field(
        default=None, description="Weights in place of pocket's own, a FILE or a folder."
    )

    @property
    def stem(self) -> str:
        """What an output is named after where nobody says: the job and the video."""
        return f"{self.job}-{self.video.stem}"

    least: ClassVar[int] = 1
    """How many frames the video has at least."""

    def info(self) -> VideoInfo:
        """Return what the video's header says; raises `MediaError`, or `RequestError` for too few frames."""
        from videogen.media.video import probe

        found = probe(self.video)
        if found.num_frames is not None and 0 < found.num_frames < self.least:
            raise _too_few(self.video, found.num_frames, self.least)
        return found

    def rate(self, default: Fraction) -> Fraction:
        """Return the frames per second of the output: the video's own."""
        return self.info().fps

    def rate_ahead(self) -> Fraction:
        """Return the rate of the output."""
        return self.rate(Fraction(1))

    def sound(self) -> Sound | None:
        """Return the sound that goes with the output, None for silence; raises `MediaError` for bad files."""
        from videogen.jobs.sounding import sound_beside

        return sound_beside(self.audio, self.video)


@dataclass(frozen=True)
class Bettering:
    """What is done to frames at `source_fps`: shown at `fps`, upscaled as the enhancer does, laid on `size`.

    `size` is height and width, `tile` pixels of a side, `reference` a picture of the same things in detail.
    """

    source_fps: Fraction
    fps: Fraction
    cuts: bool = True
    size: tuple[int, int] | None = None
    tile: int = 640
    reference: Frame | None = None

    def frames(
        self, frames: Iterable[Frame], enhancer: Enhancer, *, begin: int = 0, ring: bool = False
    ) -> Iterator[Frame]:
        """Yield the frames bettered, uint8 `h w c`, from number `begin` on.

        On a `ring` the first one comes after the last.
        """
        from videogen.enhance.cuts import marked

        start = max(0, begin - enhancer.context)
        pairs = marked(frames) if self.cuts else ((frame, False) for frame in frames)
        if self.fps != self.source_fps:
            pairs = enhancer.interpolate(
                pairs, source_fps=self.source_fps, fps=self.fps, begin=start, ring=ring
            )
        else:
            pairs = islice(pairs, start, None)
        if enhancer.scale == 1:
            made: Iterator[Frame] = (frame for frame, _ in pairs)
        else:
            made = enhancer.upscale(pairs, size=self.size, tile=self.tile, reference=self.reference)
        return islice(made, begin - start, None)


def bettered(
    request: EnhancingRequest, enhancer: Enhancer, what: Bettering, *, ledger: Ledger
) -> Iterator[Frame]:
    """Yield a video's frames bettered; those of a run that was stopped are kept."""
    from videogen.enhance.interpolate import count_at
    from videogen.media.video import read_video

    with read_video(request.video, decoded_ahead=4) as video:
        count = video.info.num_frames
        if count is not None:
            ledger.expected = count_at(count, source_fps=what.source_fps, fps=what.fps)
        yield from ledger.film(
            lambda begin: what.frames(_enough(video, request.least, request.video), enhancer, begin=begin)
        )


def outline_bettered(request: EnhancingRequest, what: Bettering, *, scale: int) -> Outline:
    """Say what will be made, with no network loaded: frames of the video's own count as known."""
    from videogen.enhance.interpolate import count_at

    info = request.info()
    length = count_at(info.num_frames or 1, source_fps=what.source_fps, fps=what.fps)
    step = what.source_fps / what.fps
    own = [number for number in range(length) if scale == 1 and (number * step).denominator == 1]
    drawn = sorted({*range(length)} - {*own})
    height, width = what.size or (info.height * scale, info.width * scale)
    between = sum((number * step).denominator != 1 for number in range(length))
    calls = between + (length if scale > 1 else 0)
    return Outline(
        length, what.fps, height, width, (info.height, info.width), (Row(drawn, own),), calls=calls
    )


def _enough(frames: Iterable[Frame], least: int, path: Path) -> Iterator[Frame]:
    """The frames; raises `RequestError` at the end where there were fewer than `least`."""
    count = 0
    for frame in frames:
        count += 1
        yield frame
    if count < least:
        raise _too_few(path, count, least)


def _too_few(path: Path, count: int, least: int) -> RequestError:
    from videogen.media.files import name_of

    return RequestError(f"{name_of(path)} has {count} frame, and nothing lies between; give {least} or more")
