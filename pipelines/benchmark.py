"""Measure a model: quality on held-out clips, with ceilings and baselines, and speed on this machine.

Writes `scores.json` and `scores.md` to the folder --out.
Quick: python pipelines/benchmark.py --clips 1 --out out/benchmark
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path

import torch

import videogen as vg
from videogen.bench.suite import evaluate, table


def measure_speed(engine: vg.Engine) -> dict[str, float]:
    """Seconds for 16 frames from a sentence with loaded networks, the better of two runs."""
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        list(vg.run(vg.TextToVideo("a red ball bounces", seed=1, num_frames=16), engine=engine).stream())
        seconds.append(time.perf_counter() - started)
    return {"seconds for 16 frames, loaded": min(seconds)}


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)

    started = time.perf_counter()
    engine = vg.Engine(given.model)
    scores = {"seconds to load": time.perf_counter() - started, **measure_speed(engine)}
    scores |= evaluate(engine, clips=given.clips)
    (given.out / "scores.json").write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    machine = (
        f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}, {engine.device}"
    )
    (given.out / "scores.md").write_text(
        table(scores, title=f"{given.clips} clips each; {machine}"), encoding="utf-8"
    )
    print((given.out / "scores.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
