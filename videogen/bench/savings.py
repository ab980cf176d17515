"""What each way to trade exactness for speed costs on a trained model: time, and PSNR to the exact clip."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any, TypeAlias

from videogen.bench.metrics import psnr
from videogen.clip import run
from videogen.engine import Engine
from videogen.jobs.text_to_video import TextToVideo
from videogen.types import Frames

Options: TypeAlias = Mapping[str, Any]
"""Fields of a request."""

SAVINGS: Mapping[str, Options] = {
    "--cache-interval 2": {"cache_interval": 2},
    "--cache-interval 3": {"cache_interval": 3},
    "--cache-interval 4": {"cache_interval": 4},
    "--cache-interval 8": {"cache_interval": 8},
    "--guidance-end 0.5": {"guidance_end": 0.5},
    "--guidance-end 0.5 --cache-interval 3": {"guidance_end": 0.5, "cache_interval": 3},
}
PROMPTS = (
    "a red ball bounces on green grass",
    "a blue star spins at night",
    "a green car drives right in the desert",
    "a yellow heart grows in the snow",
    "a purple fish swims left in the sea",
    "a white bird flies up",
    "a woman in a red shirt waves by the sea",
    "a man in a blue shirt walks in the desert",
)


@dataclass(frozen=True)
class Saving:
    """An option: how many times as fast as without it, and the PSNR to the exact clips, mean and worst."""

    option: str
    ratio: float
    mean_psnr: float
    worst_psnr: float


def measure_savings(
    engine: Engine,
    *,
    prompts: Sequence[str] = PROMPTS,
    options: Mapping[str, Options] = SAVINGS,
) -> list[Saving]:
    """Make every clip exactly and with each option, turn about; seconds are those of whole clips."""
    found = []
    for name, fields in options.items():
        exact_seconds, seconds, near = 0.0, 0.0, []
        for seed, prompt in enumerate(prompts):
            exact, took = _make(engine, TextToVideo(prompt, seed=seed))
            saved, less = _make(engine, TextToVideo(prompt, seed=seed, **fields))
            exact_seconds, seconds = exact_seconds + took, seconds + less
            near.append(psnr(saved, exact))
        found.append(Saving(name, exact_seconds / seconds, mean(near), min(near)))
    return found


def _make(engine: Engine, request: TextToVideo) -> tuple[Frames, float]:
    started = time.perf_counter()
    frames = run(request, engine=engine).frames
    return frames, time.perf_counter() - started


def table(found: Sequence[Saving], *, title: str) -> str:
    """The savings as a Markdown table."""
    rows = [f"| {title} | times as fast | PSNR to the exact clip, mean | worst |", "|---|---|---|---|"]
    for one in found:
        rows.append(f"| `{one.option}` | {one.ratio:.2f} | {one.mean_psnr:.1f} | {one.worst_psnr:.1f} |")
    return "\n".join(rows) + "\n"
