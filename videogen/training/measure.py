"""How fast this machine renders, encodes and trains, and how near that is to what it could.

On a CPU all times are processor time, which other programs do not stretch; on an accelerator the clock runs
until its work is done.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from videogen.training.loop import Trainer
from videogen.training.unet import UNetStage
from videogen.world.clips import KINDS, render_clips


def clock(device: torch.device) -> float:
    """Seconds of work so far: the processor's, or of an accelerator that has finished."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def time_of(work: Callable[[], object], *, device: torch.device, repeats: int = 3) -> float:
    """The median of the seconds that `work` takes, after one call that is not counted."""
    work()
    seconds = []
    for _ in range(repeats):
        started = clock(device)
        work()
        seconds.append(clock(device) - started)
    return sorted(seconds)[len(seconds) // 2]


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    yield
    torch.set_num_threads(before)


def measure_ceiling(device: torch.device, *, dtype: torch.dtype = torch.bfloat16) -> float:
    """Operations a second in a large matrix product of random numbers."""
    size = 1024 if device.type == "cpu" else 8192
    first, second = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    return 2.0 * size**3 / time_of(lambda: first @ second, device=device, repeats=5)


def measure_world(device: torch.device, *, clips: int = 16) -> dict[str, float]:
    """Clips of 8 frames of 64x64 rendered a second, by kind; by one thread, as those who render ahead do."""
    indices = torch.arange(clips, device=device)
    with threads(1):
        return {
            kind: clips / time_of(lambda kind=kind: render_clips(kind, indices), device=device)  # type: ignore[misc]
            for kind in KINDS
        }


def measure_encoding(stage: UNetStage, device: torch.device, *, frames: int = 128) -> float:
    """Frames encoded a second, by one thread."""
    samples = stage.samples(str(device))
    video = torch.rand(frames // 8, 3, 8, 64, 64, device=device) * 2 - 1
    with torch.no_grad(), threads(1):
        return frames / time_of(lambda: samples.encode(video), device=device)


def choose_workers(stage: UNetStage) -> int:
    """How many processes should render ahead: none where the device itself renders faster than the cores."""
    device, cores = torch.device(stage.device), max((os.cpu_count() or 1) - 1, 1)
    if device.type == "cpu":
        return min(cores, 1)
    here, there = stage.samples("cpu"), stage.samples(stage.device)
    with threads(1):
        ahead = time_of(lambda: here.batch(0), device=torch.device("cpu"), repeats=1) / cores
    return cores if ahead < time_of(lambda: there.batch(0), device=device) else 0


@dataclass(frozen=True)
class StepTimes:
    """Seconds of the parts of a training step, its floating-point operations, and the slowest operators."""

    parts: dict[str, float]
    operations: float
    operators: str

    @property
    def seconds(self) -> float:
        """The whole step."""
        return math.fsum(self.parts.values())


def measure_step(trainer: Trainer[Any], batch: object, *, repeats: int = 3) -> StepTimes:
    """Time a step of the trainer on a batch, part by part; the weights move."""
    times: dict[str, list[float]] = {}

    def step() -> None:
        marks = [clock(trainer.device)]
        loss, _ = trainer.loss(batch)
        marks.append(clock(trainer.device))
        loss.backward()
        marks.append(clock(trainer.device))
        trainer.update_weights(1.0)
        marks.append(clock(trainer.device))
        trainer.update_average(0.999)
        marks.append(clock(trainer.device))
        for place, name in enumerate(("forward", "backward", "optimiser", "average")):
            times.setdefault(name, []).append(marks[place + 1] - marks[place])

    counter = FlopCounterMode(display=False)
    with counter:
        step()
    times.clear()
    for _ in range(repeats):
        step()
    parts = {name: sorted(values)[len(values) // 2] for name, values in times.items()}
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if trainer.device.type == "cuda" else [])]
    with profile(activities=activities) as found:
        step()
    order = "self_cuda_time_total" if trainer.device.type == "cuda" else "self_cpu_time_total"
    table = found.key_averages().table(sort_by=order, row_limit=15, max_name_column_width=40)
    return StepTimes(parts, float(counter.get_total_flops()), table)
