"""The comparison with diffusers compares like with like, and counts what it says it counts."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import torch

from videogen.bench import peer_pipelines, peers, savings
from videogen.bench.peer_pipelines import Run, Task, in_a_process
from videogen.bench.peers import FULL, TINY, Comparison, compare, count_flops, make_pair
from videogen.engine import Engine
from videogen.errors import VideogenError

TASK = Task(4, 64, 1)


def test_both_networks_compute_the_same_from_the_same_memory() -> None:
    ours, theirs = make_pair(TINY, dtype=torch.float32)
    shared = {weight.data_ptr() for weight in theirs.parameters() if weight.ndim == 2}
    assert shared <= {weight.data_ptr() for weight in ours.parameters()}
    for one in compare(TINY, dtype=torch.float32, rounds=1):
        assert one.error < 1e-5
        assert len(one.ours) == len(one.theirs) == 1
        assert one.ceiling > 0


def test_the_work_of_stable_diffusion_with_motion_modules_is_what_is_known() -> None:
    assert count_flops(FULL) == pytest.approx(4.087e12, rel=0.02)  # diffusers' count, words for every frame


def test_ratios_are_best_against_best_and_the_median_of_pairs() -> None:
    found = Comparison("work", (2.0, 1.0, 4.0), (4.0, 3.0, 2.0), flops=100, ceiling=200.0, error=0.0)
    assert found.ratio == 2.0
    assert found.paired == 2.0
    assert found.of_ceiling(found.ours) == 0.5
    assert "| 2.00 | 2.00 | 50% | 25% |" in peers.table([found], title="here")


def test_a_compiled_network_is_compared_with_its_time_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(torch, "compile", lambda work, **how: asked.append(work) or work)
    found = peers.compare_compiled(TINY, dtype=torch.float32, device="cpu", rounds=2)
    assert len(asked) == 1
    assert re.search(r", compiled \(\d+ s\)$", found.work)
    assert found.error < 1e-5
    assert len(found.ours) == len(found.theirs) == 2


def takes_memory(folder: Path, task: Task) -> Run:
    """A run that holds 80 MB for a moment."""
    return peer_pipelines._measured("me", task, lambda: sum(bytes(b"\1" * 80_000_000)))


def falls(folder: Path, task: Task) -> Run:
    """A run that ends at once."""
    os._exit(1)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux counts peaks")
def test_the_peak_above_the_weights_is_that_of_the_work() -> None:
    found = in_a_process(takes_memory, Path(), TASK)
    assert 75e6 <= found.above < 400e6
    assert found.peak > found.above
    assert found.seconds > 0


def test_a_run_that_falls_is_named() -> None:
    with pytest.raises(VideogenError, match="4 frames of 64x64, 1 steps"):
        in_a_process(falls, Path(), TASK)


def test_savings_are_measured_against_the_exact_clip() -> None:
    options = {"nothing": {}, "--cache-interval 8": {"cache_interval": 8}}
    nothing, cached = savings.measure_savings(
        Engine("pocket"), prompts=["a red ball bounces"], options=options
    )
    assert nothing.worst_psnr == float("inf")
    assert 25 < cached.mean_psnr < 60
    assert cached.ratio > 1.2
