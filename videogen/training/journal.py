"""The journal of a training: `log.jsonl` in the run's folder, one JSON object a line, and its plot.

A line has `stage`, `event` ("start", "train", "evaluation", "decay"), `step` and `seconds`; lines of
training also `figures` (means since the line before), `rate` (the learning rate), `steps_per_second` and
`waited` (the share of the time that was spent waiting for data). A run that goes on from an earlier step
says so with "start": what the lines before it tell of later steps was undone.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videogen.errors import CheckpointError, MissingExtra

FILE = "log.jsonl"
_MANY = 60
"""Points from which on a curve is smoothed, with the figures themselves behind it."""
log = logging.getLogger(__name__)
Line = dict[str, Any]


@dataclass(frozen=True)
class Journal:
    """Writes the lines of one stage to `path`."""

    path: Path
    stage: str

    def write(self, event: str, *, step: int, seconds: float, more: Mapping[str, object]) -> None:
        """Add a line; one that a kill has cut is left behind as it is."""
        line = {"stage": self.stage, "event": event, "step": step, "seconds": round(seconds, 2), **more}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            end = file.seek(0, 2)
            file.seek(max(end - 1, 0))
            cut = file.read(1) not in (b"", b"\n")
            file.write((b"\n" if cut else b"") + json.dumps(line).encode() + b"\n")


def read_journal(path: Path) -> list[Line]:
    """The lines of a journal, without those that a later start has undone; raises CheckpointError."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise CheckpointError(f"the journal {path} cannot be read ({error.strerror})") from error
    kept: list[Line] = []
    for written in text.splitlines():
        try:
            line = json.loads(written)
        except json.JSONDecodeError:
            log.info("%s: a line that was cut is left out", path)
            continue
        if line["event"] == "start":
            kept = [old for old in kept if not _undone(old, line)]
        kept.append(line)
    return kept


def _undone(old: Line, start: Line) -> bool:
    """Whether a step after `start` wrote this line; evaluations stay, since they were made."""
    later: bool = old["stage"] == start["stage"] and old["step"] > start["step"]
    return later and old["event"] != "evaluation"


def plot_journal(path: Path, out: Path) -> None:
    """Draw a journal's figures over the hours, a column for each stage, evaluations below; .svg or .png.

    Raises CheckpointError where there is nothing to draw, MissingExtra without matplotlib.
    """
    try:
        import matplotlib

        matplotlib.use("agg")
        from matplotlib import pyplot
    except ImportError as error:
        raise MissingExtra("matplotlib", extra="train") from error
    lines = [line for line in read_journal(path) if line.get("figures")]
    stages = list(dict.fromkeys(line["stage"] for line in lines))
    if not stages:
        raise CheckpointError(f"the journal {path} has no figures yet; train first")
    events = [event for event in ("train", "evaluation") if any(line["event"] == event for line in lines)]
    figure, axes = pyplot.subplots(
        len(events),
        len(stages),
        figsize=(5 * len(stages), 3 * len(events)),
        squeeze=False,
        layout="constrained",
    )
    for column, stage in enumerate(stages):
        for row, event in enumerate(events):
            chosen = [line for line in lines if (line["stage"], line["event"]) == (stage, event)]
            _draw(axes[row][column], chosen, title=f"{stage}: {event}")
    figure.savefig(out)
    pyplot.close(figure)


def _smooth(values: list[float]) -> list[float]:
    """Means over a thirtieth of the values around each."""
    reach = max(len(values) // 60, 1)
    windows = [values[max(k - reach, 0) : k + reach + 1] for k in range(len(values))]
    return [sum(window) / len(window) for window in windows]


def _draw(axes: Any, lines: list[Line], *, title: str) -> None:
    """One panel: a curve per figure over the hours of training."""
    axes.set_title(title)
    axes.set_xlabel("hours")
    for name in dict.fromkeys(name for line in lines for name in line["figures"]):
        points = [
            (line["seconds"] / 3600, line["figures"][name]) for line in lines if name in line["figures"]
        ]
        hours, values = (list(column) for column in zip(*points, strict=True))
        if len(points) < _MANY:
            axes.plot(hours, values, label=name, marker=".")
            continue
        (line,) = axes.plot(hours, _smooth(values), label=name)
        axes.plot(hours, values, color=line.get_color(), alpha=0.15)
    if lines:
        axes.legend(fontsize="small")
    axes.set_visible(bool(lines))
