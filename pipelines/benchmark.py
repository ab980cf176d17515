"""Measure a model: quality on held-out clips, with ceilings and baselines, and speed on this machine.

Writes `scores.json`, `scores.md`, `speed.json` and contact sheets to the folder --out.
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
from videogen.bench.figures import table
from videogen.bench.report import write_report, write_sheets
from videogen.bench.suite import evaluate


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
    parser.add_argument("--clips", type=int, default=64)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)

    started = time.perf_counter()
    engine = vg.Engine(given.model)
    speed = {"seconds to load": time.perf_counter() - started, **measure_speed(engine)}
    (given.out / "speed.json").write_text(json.dumps(speed, indent=2) + "\n", encoding="utf-8")
    found = evaluate(engine, clips=given.clips)
    machine = (
        f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}, {engine.device}"
    )
    title = f"{given.clips} clips each; {machine}"
    for name in ("scores.json", "scores.md"):
        write_report(given.out / name, found, title=title)
    write_sheets(given.out, found)
    print(json.dumps(speed, indent=2), table(found, title=title), sep="\n")


if __name__ == "__main__":
    main()
