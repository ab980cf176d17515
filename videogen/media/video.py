"""Clips in and out: any video, GIF, animated WebP, sprite sheet or folder of pictures; one call each way.

`read_video` is a resource that knows its `info` before it is iterated and yields RGB frames one at a time at
a constant rate. `write_video` takes frames one at a time and chooses the format by the suffix: .mp4, .webm,
.gif, .webp, .sheet.png for a sprite sheet, or none for a folder of PNG. Every output is written beside its
target and renamed at the end.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np

from videogen.errors import MediaError
from videogen.media.ahead import Aside, ahead
from videogen.media.animation import FolderVideo, FolderWriter, WebPVideo, WebPWriter
from videogen.media.decode import ContainerVideo
from videogen.media.encode import ContainerWriter
from videogen.media.files import atomic_file, atomic_folder, check_target, media_errors, name_of, open_file
from videogen.media.gif import MAX_FPS as GIF_MAX_FPS
from videogen.media.gif import GifWriter
from videogen.media.info import MAX_FRAMES, VideoInfo, check_rate, check_size
from videogen.media.provenance import GrowingRecord, Layout, Told, sheet_layout, to_json
from videogen.media.sprites import ENDING as SHEET
from videogen.media.sprites import SheetVideo, SheetWriter
from videogen.sound import Sound
from videogen.types import Frame

log = logging.getLogger(__name__)
SUFFIXES = (".mp4", ".webm", ".gif", ".webp", SHEET, "")
WITH_SOUND = (".mp4", ".webm")


class _Source(Protocol):
    info: VideoInfo

    def __iter__(self) -> Iterator[Frame]: ...
    def close(self) -> None: ...


class _Writer(Protocol):
    def add(self, frame: Frame) -> None: ...
    def finish(self) -> None: ...
    def close(self) -> None: ...


class VideoReader:
    """An open clip: `info`, and one pass over its frames, uint8 RGB `h w 3`. Use it in a `with` block."""

    def __init__(self, source: _Source, *, path: str | Path, decoded_ahead: int = 0) -> None:
        """Wrap what `read_video` has opened."""
        self._source = source
        self._path = path
        self._decoded_ahead = decoded_ahead
        self._frames: Iterator[Frame] = iter(())
        self._begun = False
        self.info: VideoInfo = source.info

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; frames can no longer be read."""
        self._begun = True
        # A thread that still decodes must have ended before its file is closed.
        if isinstance(self._frames, Generator):
            self._frames.close()
        self._source.close()

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames; raises MediaError where the clip is damaged, closed, or was begun before."""
        if self._begun:
            raise MediaError(
                f"{name_of(self._path)} is closed or read already; open it again with read_video"
            )
        self._begun = True
        number = self._decoded_ahead
        self._frames = ahead(self._source, size=number) if number else iter(self._source)
        return self._frames


def read_video(path: str | Path, *, max_frames: int = MAX_FRAMES, decoded_ahead: int = 0) -> VideoReader:
    """Open a clip or a folder of pictures for reading frame by frame.

    Rotation is honoured, variable rates become constant at the mean, pixels become square, transparency lies
    over white. With `decoded_ahead` so many frames are decoded on a thread of their own before they are
    asked for. Raises MediaError for what cannot be read, is beyond 8192 pixels a side, or has more than
    `max_frames` frames; damage further on raises while iterating.
    """
    with media_errors(path, doing="read as a video"):
        is_folder = Path(path).is_dir()
    if is_folder:
        folder = FolderVideo(path, max_frames=max_frames)
        return VideoReader(folder, path=path, decoded_ahead=decoded_ahead)
    with open_file(path, doing="read as a video") as file:
        head = file.read(12)
    if head.startswith((b"\x89PNG", b"\xff\xd8")):
        layout = sheet_layout(path)
        if layout is None:
            raise MediaError(
                f"{name_of(path)} is a still picture; a video, GIF, WebP or folder of pictures was expected"
            )
        sheet = SheetVideo(path, layout, max_frames=max_frames)
        return VideoReader(sheet, path=path, decoded_ahead=decoded_ahead)
    is_webp = head.startswith(b"RIFF") and head[8:] == b"WEBP"
    source: _Source = (WebPVideo if is_webp else ContainerVideo)(path, max_frames=max_frames)
    return VideoReader(source, path=path, decoded_ahead=decoded_ahead)


def probe(path: str | Path) -> VideoInfo:
    """Return what a clip's header says; raises MediaError as `read_video` does."""
    with read_video(path) as video:
        return video.info


def suffix_of(path: str | Path) -> str:
    """The ending, in small letters, by which a clip's format is chosen; of sprite sheets the last two."""
    name = Path(path).name.lower()
    return SHEET if name.endswith(SHEET) else Path(path).suffix.lower()


def check_output(path: str | Path, *, fps: Fraction) -> None:
    """Raise MediaError unless `write_video` can write to `path` at this rate; cheap, to ask before work."""
    suffix = suffix_of(path)
    if suffix not in SUFFIXES:
        raise MediaError(
            f"{name_of(path)} cannot be written: a name ending in .mp4, .webm, .gif or .webp was expected, "
            "or in .sheet.png, or one without an ending for a folder of pictures"
        )
    check_rate(path, fps)
    if suffix == ".gif" and fps > GIF_MAX_FPS:
        raise MediaError(
            f"{name_of(path)} cannot be written: a GIF shows at most {GIF_MAX_FPS} frames a second, not "
            f"{float(fps):g}; choose .webp or a lower rate"
        )
    check_target(path, folder=not suffix)


def write_video(
    path: str | Path,
    frames: Iterable[Frame],
    *,
    fps: Fraction,
    record: Told = None,
    audio: str | Path | Sound | None = None,
    mark: str = "",
) -> int:
    """Write RGB frames, `h w 3` and all of one size, at an exact rate; returns how many were written.

    `record` is stored in the file with the mark of synthetic media; a `GrowingRecord` is asked for its rest
    after the last frame. Frames are encoded on a thread of their own, and must not be changed once they are
    given. `audio` is a file whose sound is laid beside the picture, or a layout of sounds, and
    cut to its length (.mp4, .webm; elsewhere it is left out with a warning). Raises MediaError and leaves no
    file, not even a part, where anything fails; errors of `frames` pass unchanged. `mark` as for
    `atomic_file`.
    """
    check_output(path, fps=fps)
    if record is not None:
        to_json(record.begun if isinstance(record, GrowingRecord) else record)
    suffix = suffix_of(path)
    if audio is not None and suffix not in WITH_SOUND:
        log.warning("%s cannot hold sound; it is left out", name_of(path))
        audio = None
    sound = Sound.of(audio, asked=True) if isinstance(audio, str | Path) else audio
    iterator = iter(frames)
    first = next(iterator, None)
    if first is None:
        raise MediaError(f"{name_of(path)} is not written: there is no frame to write")
    _check_frame(path, first, shape=first.shape)
    layout = Layout(Fraction(fps), width=first.shape[1], height=first.shape[0])
    check_size(path, layout.width, layout.height)
    count = 0
    with _target(path, mark) as partial:
        with media_errors(path, doing="written"):
            writer = _writer(partial, suffix, layout=layout, record=record, sound=sound)

        def add(frame: Frame) -> None:
            with media_errors(path, doing="written"):
                writer.add(frame)

        try:
            with Aside() as aside:
                for frame in chain([first], iterator):
                    _check_frame(path, frame, shape=first.shape)
                    aside.do(add, frame)
                    count += 1
            with media_errors(path, doing="written"):
                writer.finish()
        except BaseException:
            # A failed write fails again on closing; the first error is the one to show.
            with suppress(MediaError), media_errors(path, doing="closed"):
                writer.close()
            raise
        writer.close()
    return count


def _target(path: str | Path, mark: str) -> AbstractContextManager[Path]:
    return atomic_file(path, mark=mark) if Path(path).suffix else atomic_folder(path, mark=mark)


def _writer(
    path: Path,
    suffix: str,
    *,
    layout: Layout,
    record: Told,
    sound: Sound | None,
) -> _Writer:
    if suffix == ".gif":
        return GifWriter(path, layout=layout, record=record)
    if suffix == ".webp":
        return WebPWriter(path, layout=layout, record=record)
    if suffix == SHEET:
        return SheetWriter(path, layout=layout, record=record)
    if not suffix:
        return FolderWriter(path, layout=layout, record=record)
    return ContainerWriter(path, layout=layout, record=record, sound=sound)


def _check_frame(path: str | Path, frame: Frame, *, shape: tuple[int, ...]) -> None:
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or frame.shape != shape:
        expected = f"uint8 {(*shape[:2], 3)} was expected"
        raise MediaError(
            f"{name_of(path)} is not written: a frame is {frame.dtype} {frame.shape}, {expected}"
        )
