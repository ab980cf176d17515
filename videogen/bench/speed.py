"""Every comparison of speed and memory in one report: forwards, whole pipelines, savings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from videogen.bench import peer_pipelines, peers, savings
from videogen.bench.peer_pipelines import Task, in_a_process, random_model, run_ours, run_theirs
from videogen.bench.peers import FULL, SMALL, TINY, Size, compare, compare_compiled, machine
from videogen.engine import Engine


@dataclass(frozen=True)
class Plan:
    """What is compared: networks, and clips by a model of size `model`, alone where diffusers cannot."""

    sizes: tuple[Size, ...]
    model: Size
    beside: tuple[Task, ...]
    alone: tuple[Task, ...]
    prompts: int
    rounds: int


PEERS: Mapping[str, Plan] = {
    "full": Plan(
        sizes=(FULL, SMALL),
        model=FULL,
        beside=(Task(16, 256, 4), Task(32, 256, 1)),
        alone=(Task(128, 256, 1),),
        prompts=len(savings.PROMPTS),
        rounds=3,
    ),
    "tiny": Plan(
        sizes=(TINY,), model=TINY, beside=(Task(16, 64, 1),), alone=(Task(40, 64, 1),), prompts=1, rounds=1
    ),
}
"""By name; full takes half an hour and 12 GB."""


def measure_peers(name: str, *, engine: Engine) -> str:
    """Everything that a plan names, as Markdown; the savings are those of the model in `engine`."""
    plan, title = PEERS[name], machine()
    forwards = [
        each
        for size in plan.sizes
        for dtype in (torch.bfloat16, torch.float32)
        for each in compare(size, dtype=dtype, rounds=plan.rounds)
    ]
    tables = [peers.table(forwards, title=title)]
    if torch.cuda.is_available():
        large = [Size(**{**vars(size), "side": 2 * size.side}) for size in plan.sizes]
        on_gpu = [
            each
            for size in large
            for each in compare(size, dtype=torch.float16, device="cuda", rounds=plan.rounds)
        ]
        on_gpu += [
            compare_compiled(size, dtype=torch.float16, device="cuda", rounds=plan.rounds) for size in large
        ]
        tables.append(peers.table(on_gpu, title=machine("cuda")))
    with random_model(plan.model, dtype=torch.bfloat16) as folder:
        runs = [in_a_process(run, folder, task) for task in plan.beside for run in (run_ours, run_theirs)]
        runs += [in_a_process(run_ours, folder, task) for task in plan.alone]
    tables.append(peer_pipelines.table(runs, title=title))
    found = savings.measure_savings(engine, prompts=savings.PROMPTS[: plan.prompts])
    tables.append(savings.table(found, title=f"{engine.model}, {engine.spec.num_inference_steps} steps"))
    return "\n".join(tables)
