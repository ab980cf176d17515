"""Measure a model: quality on held-out clips, with ceilings and baselines, and speed on this machine.

Writes `scores.json`, `scores.md`, `speed.json` and contact sheets to the folder --out. With --peers also
`peers.md`: videogen beside diffusers, and what savings cost; full takes half an hour on a quiet core. With
--media also `enhancers.json` and `enhancers.md`: interpolation and upscaling of real clips in that folder.
With --steps also `steps.md`: the figures of that many clips with 4 steps beside those with 16.
Quick: python pipelines/benchmark.py --clips 1 --parts text pose --peers tiny --out out/benchmark
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Collection
from pathlib import Path

import videogen as vg
from videogen.bench.few_steps import compare_steps, steps_table
from videogen.bench.figures import Evaluation, table
from videogen.bench.peers import machine
from videogen.bench.report import write_report, write_sheets
from videogen.bench.speed import PEERS, measure_peers
from videogen.bench.suite import PARTS, evaluate

ENHANCERS = ("interpolation", "upscaling")
QUALITY = [part for part in PARTS if part not in ENHANCERS]
COLLAGES = 48


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
    parser.add_argument("--clips", type=int, default=64, help="of each kind; 0 measures no quality")
    parser.add_argument("--parts", nargs="+", choices=QUALITY, default=QUALITY, help="of the quality")
    parser.add_argument("--peers", choices=sorted(PEERS), help="compare with diffusers at such sizes")
    parser.add_argument("--media", type=Path, help="a folder of real clips, for interpolation and upscaling")
    parser.add_argument("--steps", type=int, default=0, metavar="CLIPS", help="compare 4 steps with 16")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)

    started = time.perf_counter()
    engine = vg.Engine(given.model)
    speed = {"seconds to load": time.perf_counter() - started, **measure_speed(engine)}
    (given.out / "speed.json").write_text(json.dumps(speed, indent=2) + "\n", encoding="utf-8")
    if given.peers is not None:
        report = measure_peers(given.peers, engine=engine)
        (given.out / "peers.md").write_text(report, encoding="utf-8")
        print(report)
    print(json.dumps(speed, indent=2))
    if given.clips > 0:
        found = measure_quality(engine, given.out / "scores", clips=given.clips, parts=given.parts)
        write_sheets(given.out, found)
    if given.steps > 0:
        compared = compare_steps(engine, clips=given.steps)
        report = steps_table(compared, title=f"{given.steps} clips each; {machine(engine.device.type)}")
        (given.out / "steps.md").write_text(report, encoding="utf-8")
        print(report)
    if given.media is not None:
        measure_quality(engine, given.out / "enhancers", clips=COLLAGES, parts=ENHANCERS, media=given.media)


def measure_quality(
    engine: vg.Engine, path: Path, *, clips: int, parts: Collection[str], media: Path | None = None
) -> Evaluation:
    """Evaluate parts of the model, and write what was found as JSON and as a table."""
    found = evaluate(engine, clips=clips, parts=parts, media=media)
    title = f"{clips} clips each; {machine(engine.device.type)}"
    for suffix in (".json", ".md"):
        write_report(path.with_suffix(suffix), found, title=title)
    print(table(found, title=title))
    return found


if __name__ == "__main__":
    main()
