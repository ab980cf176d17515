"""Media made on the spot: clips with known colours and timing, sounds with a known click, foreign files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from videogen.errors import MediaError
from videogen.media.video import read_video

NASTY_RECORD = {
    "prompt": "a;b'c\"d\\e\nf\tg=h%{i}<j>&amp;]]>\0",
    "unicode": "Zoë 走る 🎬 \u202e \ud800",
    "numbers": [0, -1, 2**64, 0.1, 1e-300, True, None],
    "nested": {"": {"k": []}},
    "long": "x\\;=" * 25_000,
}


def make_clip(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """Smooth colours that move, each frame different from the others."""
    rows, columns = np.mgrid[0:height, 0:width]
    frames = []
    for index in range(count):
        red = columns * 255 / width
        green = rows * 255 / height
        blue = 127 + 120 * np.sin(index / 3 + columns / width * 6)
        frames.append(np.stack([red, green, blue], axis=-1).astype(np.uint8))
    return frames


@pytest.fixture
def clip() -> Callable[..., list[np.ndarray]]:
    return make_clip


@pytest.fixture
def nasty_record() -> dict[str, object]:
    return NASTY_RECORD


@pytest.fixture
def failure_of() -> Callable[[Callable[[], object]], MediaError | None]:
    """Run something that may work or may raise our error, and nothing else; give the error."""

    def failure_of(action: Callable[[], object]) -> MediaError | None:
        try:
            action()
        except MediaError as error:
            return error
        return None

    return failure_of


def make_numbered(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """Grey frames whose brightness says their number: `number_of` reads it back through lossy codecs."""
    return [np.full((height, width, 3), 20 + 8 * index, np.uint8) for index in range(count)]


def number_of(frame: np.ndarray) -> int:
    return round((float(frame.mean()) - 20) / 8)


@pytest.fixture
def numbered() -> Callable[..., list[np.ndarray]]:
    return make_numbered


@pytest.fixture
def numbers_in() -> Callable[[Path], list[int]]:
    def numbers_in(path: Path) -> list[int]:
        with read_video(path) as video:
            return [number_of(frame) for frame in video]

    return numbers_in


@pytest.fixture
def psnr() -> Callable[[list[np.ndarray], list[np.ndarray]], float]:
    def psnr(first: list[np.ndarray], second: list[np.ndarray]) -> float:
        error = np.mean([(a.astype(float) - b) ** 2 for a, b in zip(first, second, strict=True)])
        return float(10 * np.log10(255**2 / max(error, 1e-9)))

    return psnr


@pytest.fixture
def foreign() -> Callable[..., Path]:
    """Write a clip as a stranger's program would: own times, rotation, tags, pixel shape, no layout tag."""

    def foreign(
        path: Path,
        frames: list[np.ndarray],
        *,
        codec: str = "libx264",
        pixels: str = "yuv420p",
        times: list[Fraction] | None = None,
        rate: Fraction = Fraction(25),
        rotation: int = 0,
        aspect: Fraction | None = None,
        options: dict[str, str] | None = None,
    ) -> Path:
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate, options=options or {})
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = pixels
            stream.codec_context.time_base = Fraction(1, 90_000) if times else 1 / rate
            if rotation:
                stream.set_display_rotation(rotation)
            if aspect:
                stream.codec_context.sample_aspect_ratio = aspect
            for index, frame in enumerate(frames):
                layout = "rgba" if frame.shape[2] == 4 else "rgb24"
                picture = av.VideoFrame.from_ndarray(frame, format=layout)
                picture.time_base = stream.codec_context.time_base
                seconds = times[index] if times else index / rate
                picture.pts = round(seconds / picture.time_base)
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
        return path

    return foreign


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """An empty folder; after the test it must hold no leftover of an interrupted write."""
    place = tmp_path / "folder"
    place.mkdir()
    yield place
    assert not [entry.name for entry in place.iterdir() if ".partial" in entry.name]
