"""How well an upscaler restores real frames: distance to the truth and flicker, beside Lanczos and bicubic.

The truth is a clip made smaller by area means; its half by antialiased bicubic, clean or through H.264, is
what is upscaled. Flicker is how differently the result changes from frame to frame than the truth does.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from PIL import Image

from videogen.types import Frame


def score_pictures(frames: Sequence[Frame], truth: Sequence[Frame]) -> dict[str, float]:
    """PSNR in dB (mean over frames) and flicker (0…255) of frames `h w 3` beside the true ones."""
    errors = [float(((a.astype(np.float32) - b) ** 2).mean()) for a, b in zip(frames, truth, strict=True)]
    psnr = float(np.mean([10 * np.log10(255**2 / max(error, 1e-9)) for error in errors]))
    off = [a.astype(np.int16) - b for a, b in zip(frames, truth, strict=True)]
    changes = [float(np.abs(b - a).mean()) for a, b in pairwise(off)]
    return {"psnr": psnr, "flicker": float(np.mean(changes)) if changes else 0.0}


def read_truth(path: Path, *, width: int, height: int, most: int = 30) -> list[Frame]:
    """The first `most` frames of a video at that size, by area means."""
    with av.open(str(path)) as container:
        stream = container.decode(video=0)
        return [
            resize(_picture(frame), width, height, Image.Resampling.BOX)
            for _, frame in zip(range(most), stream, strict=False)
        ]


def resize(frame: Frame, width: int, height: int, filter: Image.Resampling) -> Frame:
    """A frame at another size."""
    return np.asarray(Image.fromarray(frame).resize((width, height), filter))


def compress(frames: Sequence[Frame], *, crf: int) -> list[Frame]:
    """Frames through H.264 (libx264, 4:2:0) at a quality `crf`, and back."""
    held = io.BytesIO()
    with av.open(held, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24, options={"crf": str(crf)})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    held.seek(0)
    with av.open(held, "r") as read:
        return [_picture(frame) for frame in read.decode(video=0)]


def _picture(frame: av.VideoFrame) -> Frame:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


Run = Callable[[Iterable[Frame]], Iterable[Frame]]


def score_upscaling(
    paths: Sequence[tuple[Path, int, int]],
    run: Run,
    *,
    most: int = 30,
    crfs: Sequence[int | None] = (None, 23, 28),
) -> list[dict[str, object]]:
    """A row for each clip and quality: PSNR and flicker of `run` (2x), of Lanczos and of bicubic.

    `paths` gives files and the size of the truth, width and height; a quality of None is the clean clip.
    """
    rows: list[dict[str, object]] = []
    for path, width, height in paths:
        truth = read_truth(path, width=width, height=height, most=most)
        small = [resize(frame, width // 2, height // 2, Image.Resampling.BICUBIC) for frame in truth]
        for crf in crfs:
            given = small if crf is None else compress(small, crf=crf)
            row: dict[str, object] = {"clip": path.stem, "crf": crf}
            for name, kind in (("lanczos", Image.Resampling.LANCZOS), ("bicubic", Image.Resampling.BICUBIC)):
                plain = [resize(frame, width, height, kind) for frame in given]
                row |= {f"{name} {key}": value for key, value in score_pictures(plain, truth).items()}
            rows.append(row | score_pictures(list(run(given)), truth))
    return rows
