"""Every comparison of speed and memory in one report: forwards, whole pipelines, savings.

What a processor does not gain by is left out: without instructions of its own for it, bfloat16 takes fifty
times as long.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from videogen.bench import peer_pipelines, peers, savings
from videogen.bench.peer_pipelines import Task, in_a_process, random_model, run_ours, run_theirs
from videogen.bench.peers import FULL, SMALL, TINY, Size, compare, compare_compiled, machine
from videogen.bench.savings import SAVINGS, Options
from videogen.devices import gains_by_bfloat16
from videogen.engine import Engine


@dataclass(frozen=True)
class Plan:
    """What is compared: networks, and clips by a model of size `model`, alone where diffusers cannot; and
    what some `savings` cost for so many `prompts`."""

    sizes: tuple[Size, ...]
    model: Size
    beside: tuple[Task, ...]
    alone: tuple[Task, ...]
    savings: Mapping[str, Options]
    prompts: int
    rounds: int


PEERS: Mapping[str, Plan] = {
    "full": Plan(
        sizes=(FULL, SMALL),
        model=FULL,
        beside=(Task(16, 256, 4), Task(32, 256, 1)),
        alone=(Task(128, 256, 1),),
        savings=SAVINGS,
        prompts=len(savings.PROMPTS),
        rounds=3,
    ),
    "tiny": Plan(
        sizes=(TINY,),
        model=TINY,
        beside=(Task(16, 64, 1),),
        alone=(Task(40, 64, 1),),
        savings={name: SAVINGS[name] for name in ("--cache-interval 4", "--guidance-end 0.5")},
        prompts=1,
        rounds=1,
    ),
}
"""By name; full takes half an hour and 12 GB."""


def measure_peers(name: str, *, engine: Engine) -> str:
    """Everything that a plan names, as Markdown; the savings are those of the model in `engine`."""
    plan, title = PEERS[name], machine()
    dtypes = (torch.bfloat16, torch.float32)[not gains_by_bfloat16(torch.device("cpu")) :]
    forwards = [
        each
        for size in plan.sizes
        for dtype in dtypes
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
    with random_model(plan.model, dtype=dtypes[0]) as folder:
        beside, alone = (
            [replace(task, precision=str(dtypes[0]).removeprefix("torch.")) for task in tasks]
            for tasks in (plan.beside, plan.alone)
        )
        runs = [in_a_process(run, folder, task) for task in beside for run in (run_ours, run_theirs)]
        runs += [in_a_process(run_ours, folder, task) for task in alone]
    tables.append(peer_pipelines.table(runs, title=title))
    found = savings.measure_savings(engine, prompts=savings.PROMPTS[: plan.prompts], options=plan.savings)
    tables.append(savings.table(found, title=f"{engine.model}, {engine.spec.num_inference_steps} steps"))
    return "\n".join(tables)
