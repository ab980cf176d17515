"""What is measured is positive, complete and in the right proportion."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import torch

from videogen.training.loop import Trainer
from videogen.training.measure import measure_ceiling, measure_step, threads, time_of

CPU = torch.device("cpu")


def test_times_are_those_of_the_processor() -> None:
    def work() -> None:
        until = time.process_time() + 0.02
        while time.process_time() < until:
            pass

    assert time_of(work, device=CPU) == pytest.approx(0.02, rel=0.3)
    assert time_of(lambda: time.sleep(0.05), device=CPU) < 0.02


def test_a_product_has_a_rate_and_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    with threads(1):
        assert torch.get_num_threads() == 1
        assert measure_ceiling(CPU, dtype=torch.float32) > 1e8
    assert torch.get_num_threads() == before


def test_a_step_is_timed_in_all_its_parts(tmp_path: Path, line: Any) -> None:
    trainer: Trainer[Any] = Trainer(line(), tmp_path, device="cpu", bf16=False)
    found = measure_step(trainer, next(iter(trainer.stage.batches(0))))
    assert found.parts.keys() == {"forward", "backward", "optimiser", "average"}
    assert all(seconds > 0 for seconds in found.parts.values())
    assert found.seconds == pytest.approx(sum(found.parts.values()))
    forward = 2 * 4 * (3 * 8 + 8 * 3)
    assert 2 * forward <= found.operations <= 3 * forward
    assert "addmm" in found.operators
