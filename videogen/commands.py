"""The commands that make no clip: `videogen pose`, and those of who makes weights, `train` and `evaluate`.

Heavy packages are imported when the command is carried out.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Annotated, Literal

from rich.console import Console
from tyro.conf import Positional, arg

from videogen.console import progress_bar
from videogen.errors import RequestError

EVALUATED = 8
"""Clips of each kind in an evaluation during training."""


@dataclass(kw_only=True)
class FindPose:
    """Find a person in every frame of a video, and write the keypoints as JSON."""

    source: Positional[
        Annotated[Path, arg(metavar="FILE", help="A video, a folder of pictures, or a picture.")]
    ]
    output: Annotated[
        Path | None,
        arg(
            name="output", aliases=["-o"], metavar="FILE", help_behavior_hint="",
            help="JSON to write, for animate's --pose or --keypoints. Named after the input if not given.",
        ),
    ] = None  # fmt: skip
    person: Annotated[int, arg(help="Whom to follow where there are several: 1 is the largest, then 2.")] = 1
    preview: Annotated[
        Path | None,
        arg(
            metavar="FILE", help_behavior_hint="",
            help="Show the keypoints over the picture in this video, or picture where the input is one.",
        ),
    ] = None  # fmt: skip
    detector: Annotated[
        Literal["mediapipe", "openpose", "dwpose"],
        arg(help="Whose networks to use; all but mediapipe's need weights and more time."),
    ] = "mediapipe"
    weights: Annotated[
        Path | None,
        arg(
            metavar="DIR", help_behavior_hint="",
            help="Look for the weights of openpose or dwpose in this folder first.",
        ),
    ] = None  # fmt: skip
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"], arg(help="Where openpose or dwpose computes.")
    ] = "auto"

    def execute(self, console: Console) -> None:
        """Write the keypoints, and say where; nothing is written where nobody is seen."""
        from videogen.conditions.pose import write_pose
        from videogen.jobs.detecting import detect_pose, size_of
        from videogen.media.files import check_target

        path = self.output or _free_json(self.source)
        if path.suffix.lower() != ".json":
            raise RequestError(f"--output was given as {path}; expected a name that ends in .json")
        check_target(path)
        with progress_bar(console) as progress:
            pose = detect_pose(
                self.source, person=self.person, detector=self.detector, weights=self.weights,
                device=self.device, preview=self.preview, progress=progress,
            )  # fmt: skip
        width, height = size_of(self.source)
        write_pose(path, pose, width=width, height=height)
        count = len(pose.points)
        sys.stdout.write(f"{path} ({count} frame{'s' * (count > 1)})\n")


def _free_json(source: Path) -> Path:
    """A name after the input's in the current folder, that of no file that is there."""
    number = 1
    while (path := Path(f"{source.stem}-pose{f'-{number}' if number > 1 else ''}.json")).exists():
        number += 1
    return path


@dataclass(kw_only=True)
class Train:
    """Train a model's weights, from scratch or onwards."""

    model: Positional[Annotated[Literal["pocket"], arg(help="What to train.")]] = "pocket"
    minutes: Annotated[float, arg(metavar="NUMBER", help="How long to train now; more than 0.")]
    device: Annotated[Literal["auto", "cpu", "cuda"], arg(help="Where to compute.")] = "auto"
    resume: Annotated[Path, arg(metavar="DIR", help="The training's folder; it goes on where it stood.")] = (
        Path("training")
    )
    stage: Annotated[
        Literal["all", "autoencoder", "planner", "unet", "distill", "interpolator", "upscaler", "clip"],
        arg(help="What to train; all shares the time out between what a clip from words needs."),
    ] = "all"
    init: Annotated[
        str | None,
        arg(
            metavar="MODEL", help_behavior_hint="",
            help="Begin with the weights of pocket or of a folder; with --data, pocket if not given.",
        ),
    ] = None  # fmt: skip
    data: Annotated[
        Path | None,
        arg(
            metavar="FOLDER", help_behavior_hint="",
            help="Learn these clips: a sentence in a .txt and a pose in a .json may lie beside each.",
        ),
    ] = None  # fmt: skip
    modules: Annotated[
        Literal["motion", "all"],
        arg(help="With --data: motion learns how things move; all also new looks and new words."),
    ] = "motion"
    trigger: Annotated[
        str | None,
        arg(
            metavar="WORD", help_behavior_hint="",
            help="With --data: a word for what the clips show; 'zorp=a person' also says what it is.",
        ),
    ] = None  # fmt: skip
    evaluate_minutes: Annotated[
        float | None,
        arg(metavar="NUMBER", help="Measure the U-Net this often, and at the end.", help_behavior_hint=""),
    ] = None

    def execute(self, console: Console) -> None:
        """Train for that long; a training that was stopped goes on with the same command."""
        for name, value in (("minutes", self.minutes), ("evaluate-minutes", self.evaluate_minutes)):
            if value is not None and not 0 < value <= 100_000:
                raise RequestError(f"--{name} was given as {value}; expected more than 0, at most 100000")
        if self.data is None and (self.modules != "motion" or self.trigger is not None):
            raise RequestError("--modules and --trigger are for clips of your own; give --data too")
        if self.data is not None and (self.stage != "all" or self.evaluate_minutes is not None):
            raise RequestError("--stage and --evaluate-minutes train pocket; leave them out with --data")
        logging.getLogger("videogen.training").setLevel(logging.INFO)
        folder = self._train_pocket() if self.data is None else self._tune(self.data)
        sys.stdout.write(f"{folder}\n")

    def _train_pocket(self) -> Path:
        from videogen.training.pocket import train_pocket

        return train_pocket(
            minutes=self.minutes, device=self.device, directory=self.resume, stage=self.stage, init=self.init,
            evaluate=None if self.evaluate_minutes is None else evaluate_model,
            evaluate_minutes=self.evaluate_minutes or 30.0,
        )  # fmt: skip

    def _tune(self, data: Path) -> Path:
        from videogen.training.finetune import finetune

        return finetune(
            data=data, model=self.init or "pocket", minutes=self.minutes, device=self.device,
            directory=self.resume, modules=self.modules, trigger=self.trigger,
        )  # fmt: skip


@dataclass(kw_only=True)
class Evaluate:
    """Measure a model on held-out clips; each figure with its ceiling and its trivial baseline."""

    model: Annotated[str, arg(metavar="MODEL", help="Weights to measure: a name or a folder.")] = "pocket"
    clips: Annotated[int, arg(help="Clips of each kind; more take longer and say more.")] = 64
    part: Annotated[
        Literal[
            "all", "autoencoder", "planner", "text", "pairs", "people", "agreement", "pose", "builds",
            "photographs", "between", "continuing", "illusion", "interpolation", "upscaling",
        ],
        arg(help="What to measure; upscaling needs --media."),
    ] = "all"  # fmt: skip
    media: Annotated[
        Path | None,
        arg(
            metavar="DIR", help_behavior_hint="",
            help="Real clips for interpolation and upscaling: clips/walk-720p-24fps.mp4, talking/head-*.mp4.",
        ),
    ] = None  # fmt: skip
    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], arg(help="Where to compute.")] = "auto"
    sheets: Annotated[
        Path | None, arg(metavar="DIR", help="Put contact sheets here.", help_behavior_hint="")
    ] = None
    output: Annotated[
        Path | None,
        arg(
            name="output", aliases=["-o"], metavar="FILE", help_behavior_hint="",
            help="Also write the figures here: .json or .md.",
        ),
    ] = None  # fmt: skip

    def execute(self, console: Console) -> None:
        """Print the figures as a Markdown table."""
        from videogen.bench.figures import table
        from videogen.bench.report import check_report, write_report, write_sheets
        from videogen.bench.suite import PARTS, evaluate, steps_of
        from videogen.clip import load_engine

        if not 1 <= self.clips <= 10_000:
            raise RequestError(f"--clips was given as {self.clips}; expected at least 1, at most 10000")
        if self.output is not None:
            check_report(self.output)
        if self.media is not None and not self.media.is_dir():
            raise RequestError(f"--media was given as {self.media}; expected a folder of clips")
        if self.part == "upscaling" and self.media is None:
            raise RequestError("--part upscaling measures real clips; give a folder of them with --media")
        parts = PARTS if self.part == "all" else (self.part,)
        done, steps = count(1), steps_of(parts, clips=self.clips)
        with progress_bar(console) as progress:
            progress("loading", 0, None)
            engine = load_engine(self.model, device=self.device, precision="auto")
            found = evaluate(
                engine, clips=self.clips, parts=parts, media=self.media,
                progress=lambda: progress("clips", next(done), steps),
            )  # fmt: skip
        title = f"{self.model}, {self.clips} clips of each kind"
        sys.stdout.write(table(found, title=title))
        if self.output is not None:
            write_report(self.output, found, title=title)
        if self.sheets is not None:
            write_sheets(self.sheets, found)


def evaluate_model(model: Path, sheets: Path) -> Mapping[str, float]:
    """Measure a model folder on held-out clips and write contact sheets; the model's own figures by name."""
    from videogen.bench.report import write_sheets
    from videogen.bench.suite import TRAINED, evaluate
    from videogen.engine import Engine

    found = evaluate(Engine(model), clips=EVALUATED, parts=TRAINED)
    write_sheets(sheets, found)
    return {name: columns["made"] for name, columns in found.scores().items() if "made" in columns}
