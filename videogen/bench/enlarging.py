"""Pocket's upscaler on real clips, beside Lanczos (the method without learning) and bicubic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from videogen.bench.figures import MADE, RIVAL, TRIVIAL, Evaluation
from videogen.bench.interpolation import CLIPS
from videogen.bench.upscaling import score_upscaling
from videogen.engine import Engine
from videogen.media.video import read_video
from videogen.types import Frame
from videogen.weights.enhancers import has_enhancer, load_upscaler

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
