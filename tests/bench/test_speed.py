"""The report of speed and memory: in which precision, and which savings."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
import torch

from videogen.bench import peer_pipelines, peers, savings, speed
from videogen.bench.savings import SAVINGS


@pytest.mark.parametrize("gains", [True, False])
def test_bfloat16_is_measured_where_the_processor_has_it(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch, gains: bool
) -> None:
    fake_engine.spec.num_inference_steps = 3
    asked: list[Any] = []
    monkeypatch.setattr(speed, "gains_by_bfloat16", lambda device: gains)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(speed, "compare", lambda size, *, dtype, rounds: asked.append(dtype) or [])
    monkeypatch.setattr(
        speed, "random_model", lambda size, *, dtype: asked.append(dtype) or nullcontext(None)
    )
    monkeypatch.setattr(speed, "in_a_process", lambda run, folder, task: asked.append(task.precision))
    for module, name in ((peers, "table"), (peer_pipelines, "table"), (savings, "table")):
        monkeypatch.setattr(module, name, lambda found, *, title: title)
    monkeypatch.setattr(
        savings, "measure_savings", lambda engine, *, prompts, options: asked.append((len(prompts), options))
    )
    report = speed.measure_peers("tiny", engine=fake_engine)
    assert "3 steps" in report
    *precisions, (prompts, options) = asked
    kinds = [torch.bfloat16, torch.float32] if gains else [torch.float32]
    name = "bfloat16" if gains else "float32"
    assert precisions == [*kinds, kinds[0], name, name, name]
    assert prompts == 1
    assert options.items() <= SAVINGS.items()
