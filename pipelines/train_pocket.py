"""Train pocket from nothing on this machine, evaluate what came out, and say how to use it.

Quick: python pipelines/train_pocket.py --minutes 0.3 --clips 1 --out out/training
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

import videogen as vg
from videogen.bench.suite import evaluate
from videogen.training.pocket import train_pocket


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--clips", type=int, default=32, help="clips of each kind to evaluate on")
    parser.add_argument(
        "--out", type=Path, required=True, help="the training's folder; it goes on where it stood"
    )
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")

    model = train_pocket(minutes=given.minutes, device=given.device, directory=given.out)
    scores = evaluate(vg.Engine(model), clips=given.clips)
    (given.out / "scores.json").write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(scores, indent=2))
    print(f'try it: videogen text-to-video "a red ball bounces" --model {model} -o ball.mp4')


if __name__ == "__main__":
    main()
