"""Train pocket on this machine, measure it on held-out clips on the way, draw its journal, say how to use it.

Quick: python pipelines/train_pocket.py --minutes 0.5 --clips 1 --out out/training
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping
from pathlib import Path

import videogen as vg
from videogen.bench.figures import table
from videogen.bench.report import write_report, write_sheets
from videogen.bench.suite import TRAINED, evaluate
from videogen.training.journal import FILE, plot_journal
from videogen.training.pocket import train_pocket


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--stage", default="all")
    parser.add_argument("--init", default=None, help="begin with the weights of pocket or of a folder")
    parser.add_argument("--clips", type=int, default=32, help="clips of each kind to evaluate on at the end")
    parser.add_argument("--evaluate-minutes", type=float, default=30.0, help="how often to measure, on a few")
    parser.add_argument(
        "--out", type=Path, required=True, help="the training's folder; it goes on where it stood"
    )
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")

    def measure(model: Path, sheets: Path) -> Mapping[str, float]:
        found = evaluate(vg.Engine(model), clips=min(given.clips, 8), parts=TRAINED)
        write_sheets(sheets, found)
        return {name: columns["made"] for name, columns in found.scores().items() if "made" in columns}

    model = train_pocket(
        minutes=given.minutes, device=given.device, directory=given.out, stage=given.stage, init=given.init,
        evaluate=measure, evaluate_minutes=given.evaluate_minutes,
    )  # fmt: skip
    plot_journal(given.out / FILE, given.out / "log.svg")
    if not (model / "model_index.json").exists():
        return
    found = evaluate(vg.Engine(model), clips=given.clips, parts=TRAINED)
    write_report(given.out / "scores.json", found, title=f"{model}, {given.clips} clips of each kind")
    write_sheets(given.out / "sheets", found)
    print(table(found, title=f"{model}, {given.clips} clips of each kind"))
    print(f'try it: videogen text-to-video "a red ball bounces" --model {model} -o ball.mp4')


if __name__ == "__main__":
    main()
