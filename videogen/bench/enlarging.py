"""Pocket's upscaler on real clips, beside Lanczos (the method without learning) and bicubic."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from videogen.bench.figures import MADE, RIVAL, TRIVIAL, Evaluation
from videogen.bench.interpolation import CLIPS, CORES, use_cores
from videogen.bench.upscaling import Run, resize, score_upscaling
from videogen.engine import Engine
from videogen.media.video import read_video
from videogen.types import Frame
from videogen.weights.enhancers import has_enhancer, load_upscaler

SIDE = 512
"""Pixels a side that the frames have at the end whose speed is measured."""
_FRAMES = 4
_COLUMNS = {"": MADE, "lanczos ": RIVAL, "bicubic ": TRIVIAL}
_MEASURES = {"psnr": "PSNR", "flicker": "flicker"}


def evaluate_upscaling(engine: Engine, *, media: Path) -> Evaluation:
    """Figures of twice the size on those of `interpolation.CLIPS` that `media` has; none without weights."""
    found = Evaluation()
    if not has_enhancer("upscaler"):
        return found
    run = enlarge_with(load_upscaler(scale=2).network.to(engine.device), frames=_frames_of)
    paths = [
        (media / path, *_even(media / path, size)) for path, size in CLIPS.items() if (media / path).is_file()
    ]
    for row in score_upscaling(paths, run):
        quality = "clean" if row["crf"] is None else f"H.264 at {row['crf']}"
        for key, measure in _MEASURES.items():
            for start, column in _COLUMNS.items():
                value = row[f"{start}{key}"]
                assert isinstance(value, float)
                found.add(f"upscaling, {row['clip']}, {quality}: {measure}", column, value)
    for column, speed in measure_speed(run).items():
        found.add(f"upscaling: frames of {SIDE}x{SIDE} a second", column, speed)
    return found


def measure_speed(run: Run) -> dict[str, float]:
    """Frames a second that `run` and Lanczos make twice as large, on two cores, the best of three."""
    rng = np.random.default_rng(3)
    small = [rng.integers(0, 256, (SIDE // 2, SIDE // 2, 3), dtype=np.uint8) for _ in range(_FRAMES)]

    def plain(frames: Iterable[Frame]) -> Iterator[Frame]:
        return (resize(frame, SIDE, SIDE, Image.Resampling.LANCZOS) for frame in frames)

    threads, found = torch.get_num_threads(), {}
    try:
        use_cores(CORES)
        for column, method in ((MADE, run), (RIVAL, plain)):
            seconds = []
            for _ in range(4):
                started = time.perf_counter()
                deque(method(small), maxlen=0)
                seconds.append(time.perf_counter() - started)
            found[column] = len(small) / min(seconds[1:])
    finally:
        use_cores(threads)
    return found


def _frames_of(network: nn.Module) -> int:
    count = network.frames
    assert isinstance(count, int)
    return count


def enlarge_with(
    network: nn.Module, *, frames: Callable[[nn.Module], int]
) -> Callable[[Iterable[Frame]], Iterator[Frame]]:
    """What upscales whole frames uint8 `h w 3` with as many neighbours as the network sees."""
    device = next(network.parameters()).device

    @torch.inference_mode()
    def run(given: Iterable[Frame]) -> Iterator[Frame]:
        clip, reach = list(given), frames(network) // 2
        for middle in range(len(clip)):
            near = [clip[min(max(n, 0), len(clip) - 1)] for n in range(middle - reach, middle + reach + 1)]
            seen = torch.from_numpy(np.stack(near)).to(device).permute(0, 3, 1, 2)[None] / 255
            made = network(seen)[0].permute(1, 2, 0).clamp(0, 1) * 255
            yield made.round().to(torch.uint8).cpu().numpy()

    return run


def _even(path: Path, size: tuple[int, int] | None) -> tuple[int, int]:
    """Width and height of the truth, which halves must fit."""
    if size is None:
        with read_video(path) as clip:
            size = clip.info.width, clip.info.height
    return size[0] // 4 * 4, size[1] // 4 * 4
