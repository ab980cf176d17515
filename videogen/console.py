"""What the command line shows while it works, on the standard error: bars, warnings, one-line errors."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from videogen.jobs import Progress


@contextmanager
def progress_bar(console: Console) -> Iterator[Progress]:
    """Show one bar per stage, with its speed and the time left, on a terminal; nothing elsewhere."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars
    from rich.text import Text

    class Speed(ProgressColumn):
        """How many frames were finished in a second."""

        def render(self, task: Task) -> Text:
            """The speed of the stage of frames, once there is one."""
            known = task.description == "frames" and task.speed
            return Text(f"{task.speed:.1f} frames/s" if known else "")

    name = TextColumn("{task.description:<10}")
    columns = (name, BarColumn(), MofNCompleteColumn(), Speed(), TimeRemainingColumn())
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def report(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                for earlier in tasks.values():
                    bars.update(earlier, visible=False)
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield report


class _Messages(logging.Handler):
    """One plain line per warning of ours, and per note of a part whose notes are wanted."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        say(self.console, f"videogen: {record.getMessage()}")


@contextmanager
def messages_on(console: Console) -> Iterator[None]:
    """Send our log to the standard error, and keep other packages' warnings quiet."""
    handler = _Messages(console)
    ours = logging.getLogger("videogen")
    ours.addHandler(handler)
    try:
        with warnings.catch_warnings():
            if not sys.warnoptions:
                warnings.simplefilter("ignore")
            yield
    finally:
        ours.removeHandler(handler)


def say(console: Console, line: str) -> None:
    """Print one plain line, above the bar where there is one; no file's name moves the cursor."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in line)
    console.print(shown, markup=False, emoji=False)


def one_line(box: str) -> str:
    """Say in one line what tyro says of a usage error in a box: what is wrong, and where to read on.

    Explanations of flags, which tyro indents deeper than their names or puts last, are left out.
    """
    plain = re.sub(r"\x1b\[[0-9;]*m", "", box)
    rows = [row[2:].rstrip(" │") for row in plain.splitlines() if row.startswith(("│ ", "  "))]
    parts: list[list[str]] = [[]]
    for row in filter(None, rows):
        if set(row) <= {"─", "-"}:
            parts.append([])
        elif not row.startswith(" " * 8):
            parts[-1].append(row.strip())
    sentences = [" ".join(part).rstrip(".:") for part in parts]
    told = "; ".join(text for text in sentences if text and not text.startswith("Argument helptext"))
    return re.sub(r"For full helptext, (run|see):? ", "see: ", told) or " ".join(plain.split())
