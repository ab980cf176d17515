"""Measure how fast this machine renders, encodes and trains, and how near a step is to what it could be.

Quick: python pipelines/profile_training.py --repeats 1 --steps 4 --out out/profile
"""

from __future__ import annotations

import argparse
import json
import os
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from videogen.training import measure
from videogen.training.journal import FILE, read_journal
from videogen.training.loop import Budget, Trainer
from videogen.training.samples import PHASES, Sample
from videogen.training.text import build_tokenizer
from videogen.training.unet import UNetStage
from videogen.weights.load import find_model, load_networks


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch-size", type=int, default=0, help="clips of 8 frames; 0: as in training")
    parser.add_argument(
        "--workers", type=int, default=-1, help="processes that render ahead; -1: as in training"
    )
    parser.add_argument("--repeats", type=int, default=5, help="steps to time")
    parser.add_argument("--steps", type=int, default=30, help="steps of a real run, for its waiting")
    parser.add_argument("--out", type=Path, required=True, help="a folder for profile.json and operators.txt")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    device = torch.device(given.device)

    networks = load_networks(find_model("pocket"))
    stage = UNetStage(
        networks.vae, build_tokenizer(), device=given.device, phases=PHASES[-1:],
        batch_size=given.batch_size or (16 if given.device == "cpu" else 256),
    )  # fmt: skip
    stage.workers = measure.choose_workers(stage) if given.workers < 0 else given.workers
    found: dict[str, object] = {
        "device": given.device,
        "batch size": stage.batch_size,
        "workers": stage.workers,
    }
    for count in sorted({1, 2} & set(range(1, (os.cpu_count() or 1) + 1))) if device.type == "cpu" else [1]:
        with measure.threads(count):
            found[f"GFLOP/s of a product, {count} threads, each"] = measure.measure_ceiling(device) / 1e9
    for kind, clips in measure.measure_world(device).items():
        found[f"clips/s rendered, {kind}"] = clips
    found["frames/s encoded"] = measure.measure_encoding(stage, device)

    with TemporaryDirectory() as folder:
        trainer: Trainer[Sample] = Trainer(stage, Path(folder), device=given.device, bf16=True)
        batch = next(iter(stage.batches(0)))
        with measure.threads(1 if device.type == "cpu" else torch.get_num_threads()):
            times = measure.measure_step(trainer, batch, repeats=given.repeats)
            ceiling = measure.measure_ceiling(device)
        found |= {f"seconds of a step, {name}": seconds for name, seconds in times.parts.items()}
        found["steps/s"], found["clips/s trained"] = 1 / times.seconds, stage.batch_size / times.seconds
        found["GFLOP of a step"] = times.operations / 1e9
        found["GFLOP/s of a step"] = times.operations / times.seconds / 1e9
        found["share of the product's rate"] = times.operations / times.seconds / ceiling
        trainer.train(Budget(steps=trainer.progress.step + given.steps, decay=0, report_seconds=0))
        lines = [line for line in read_journal(Path(folder) / FILE) if line["event"] == "train"]
        waits = [
            line["waited"] for line in islice(lines, 1, None)
        ]  # the first waits for the workers to start
        found["share of the time waiting for data"] = sum(waits) / max(len(waits), 1)

    (given.out / "profile.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    (given.out / "operators.txt").write_text(times.operators + "\n", encoding="utf-8")
    print(times.operators)
    for name, value in found.items():
        print(f"{name:<45} {value:.3f}" if isinstance(value, float) else f"{name:<45} {value}")


if __name__ == "__main__":
    main()
