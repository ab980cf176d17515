"""The command line: one command per job, derived from its request's fields, and a few more.

Results go to the standard output; progress, warnings and errors to the standard error. Exit code 0: done;
2: something given cannot be honoured (one line says what); 3: the clip is written, and --check found a number
above its limit; 130: stopped with Ctrl-C. Whatever happens, an output is whole or not there. Heavy packages
are imported by the commands that need them.
"""

from __future__ import annotations

import io
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Protocol

import tyro
from rich.console import Console
from tyro.conf import DisallowNone, Positional, arg

from videogen import __version__
from videogen.commands import Evaluate, FindPose, Train
from videogen.console import messages_on, one_line, say
from videogen.errors import RequestError, VideogenError
from videogen.job_commands import JobCommand, Run, job_command, spelled_out
from videogen.jobs import jobs
from videogen.several_commands import Remix, Sweep, Variations
from videogen.stored import read_stored

DESCRIPTION = "Text, pictures and poses become video. `videogen COMMAND --help` says what each can do."


class Command(Protocol):
    """What the command line was told to do, ready to be carried out."""

    def execute(self, console: Console) -> int | None:
        """Do it, showing progress on `console`, and return an exit code; raises `VideogenError`."""


@dataclass(kw_only=True)
class Show:
    """Print what is stored in an output: its request, seed, weights and version."""

    file: Positional[Annotated[Path, arg(metavar="FILE", help="An output of videogen.")]]

    def execute(self, console: Console) -> None:
        """Print the record as JSON, in colours on a terminal."""
        record = json.dumps(read_stored(self.file), ensure_ascii=False, indent=2)
        if sys.stdout.isatty():
            Console(soft_wrap=True).print_json(record, ensure_ascii=False)
        else:
            sys.stdout.write(f"{record}\n")


@dataclass(kw_only=True)
class Models:
    """List the weights on this machine, and of every preset which files are here and which are missing."""

    weights: Annotated[
        Path | None,
        arg(metavar="DIR", help_behavior_hint="", help="Look for the files of presets in this folder first."),
    ] = None

    def execute(self, console: Console) -> None:
        """Print one line per set of weights: name, size, folder; then the presets, file by file."""
        from videogen.weights.installed import installed_models
        from videogen.weights.places import describe_presets

        presets = list(describe_presets(weights=self.weights))
        for found in installed_models():
            sys.stdout.write(f"{found.name:<40} {found.size / 1e6:>9.1f} MB  {found.folder}\n")
        for line in presets:
            sys.stdout.write(f"{line}\n")
        sys.stdout.write(
            f"What is missing comes from the hub when it is first used; or put it there and give "
            f"--weights {self.weights or 'DIR'}.\n"
        )


@dataclass(kw_only=True)
class Inspect:
    """Say what a file or folder of weights is, without loading it."""

    path: Positional[
        Annotated[Path, arg(metavar="PATH", help="A file of weights, or a folder that holds some.")]
    ]

    def execute(self, console: Console) -> None:
        """Print format, version, sizes, and the names that are missing or left over."""
        from videogen.weights.inspection import inspect as look_into

        for line in list(look_into(self.path)):
            sys.stdout.write(f"{line}\n")


@cache
def commands() -> dict[str, Callable[..., Any]]:
    """Return every command by name: the jobs first, then the rest."""
    made = {name: job_command(job.request) for name, job in jobs().items()}
    others = {"pose": FindPose, "run": Run, "show": Show, "models": Models, "inspect": Inspect}
    several = {"variations": Variations, "remix": Remix, "sweep": Sweep}
    return {**made, **others, **several, "train": Train, "evaluate": Evaluate}


def parse(argv: Sequence[str]) -> Command:
    """Turn words into a command without carrying it out; exits where help is asked for.

    Raises `RequestError` where the words are no command, or the request cannot be honoured.
    """
    complaint = io.StringIO()
    try:
        with redirect_stderr(complaint):
            command: Command = tyro.extras.subcommand_cli_from_dict(
                commands(),
                prog="videogen",
                description=DESCRIPTION,
                args=spelled_out(argv),
                config=[DisallowNone],
            )  # fmt: skip
    except SystemExit as stop:
        if not stop.code:
            raise
        raise RequestError(one_line(complaint.getvalue())) from None
    if isinstance(command, JobCommand):
        command.request()
    return command


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name may be no text
    try:
        try:
            return _carry_out(words)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # who reads, as `head` does, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes again at its end
        return 0


def _carry_out(words: list[str]) -> int:
    """Do what one command line says, saying in one line what is in its way; returns the exit code."""
    if words == ["--version"]:
        sys.stdout.write(f"videogen {__version__}\n")
        return 0
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    with messages_on(console):
        try:
            return parse(words).execute(console) or 0
        except VideogenError as error:
            say(console, f"videogen: {' '.join(str(error).split())}")
            return 2
        except KeyboardInterrupt:
            say(
                console,
                f"videogen: stopped; no half-made file is left. Again: {shlex.join(['videogen', *words])}",
            )
            return 130
