"""The command line: one command per job, derived from its request's fields, and a few more.

Results go to the standard output; progress, warnings and errors to the standard error. Exit code 0: done;
2: something given cannot be honoured (one line says what); 130: stopped with Ctrl-C. Whatever happens, an
output is whole or not there. Heavy packages are imported by the commands that need them.
"""

from __future__ import annotations

import inspect
import io
import json
import logging
import os
import shlex
import sys
import types
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, field, fields, make_dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Protocol, get_args, get_origin

import tyro
from rich.console import Console
from tyro.conf import DisallowNone, Positional, UseAppendAction, arg

from videogen import __version__
from videogen.commands import Evaluate, FindPose, Train
from videogen.console import messages_on, one_line, progress_bar, say
from videogen.errors import RequestError, VideogenError
from videogen.jobs import jobs, request_from
from videogen.request import Folder, Record, Request
from videogen.several_commands import Remix, Sweep, Variations
from videogen.stored import read_stored

METAVARS = {int: "INT", float: "NUMBER", Fraction: "RATE", Folder: "DIR", Path: "FILE"}
DESCRIPTION = "Text, pictures and poses become video. `videogen COMMAND --help` says what each can do."
log = logging.getLogger(__name__)

Output = Annotated[
    Path | None,
    arg(
        name="output",
        aliases=["-o"],
        metavar="OUT",
        help="File to write; its ending chooses the format. Named after the job and seed if not given.",
        help_behavior_hint="",
    ),
]


class Command(Protocol):
    """What the command line was told to do, ready to be carried out."""

    def execute(self, console: Console) -> None:
        """Do it, showing progress on `console`; raises `VideogenError`."""


@dataclass(kw_only=True)
class JobCommand:
    """A job's fields as flags, and where to write; a subclass is made from each request class."""

    request_class: ClassVar[type[Request]]

    output: Output = None

    def request(self) -> Request:
        """Return the request that the flags spell; raises `RequestError`."""
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "output"}
        return self.request_class(**values)

    def execute(self, console: Console) -> None:
        """Make the clip and write it."""
        _render(self.request(), self.output, console)


@dataclass(kw_only=True)
class Run:
    """Repeat the request that is stored in an output, or in a JSON file."""

    file: Positional[
        Annotated[Path, arg(metavar="FILE", help="An output of videogen, or a request as .json.")]
    ]
    output: Output = None

    def execute(self, console: Console) -> None:
        """Make the clip again; says so where the weights are not those that made it first."""
        stored = read_stored(self.file)
        record = _render(request_from(stored), self.output, console)
        if stored.get("weights", record["weights"]) != record["weights"]:
            log.warning("%s was made with other weights; the new clip differs from it", self.file)


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
    made = {name: _job_command(job.request) for name, job in jobs().items()}
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
                commands(), prog="videogen", description=DESCRIPTION, args=list(argv), config=[DisallowNone]
            )
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
            parse(words).execute(console)
        except VideogenError as error:
            say(console, f"videogen: {' '.join(str(error).split())}")
            return 2
        except KeyboardInterrupt:
            say(
                console,
                f"videogen: stopped; no half-made file is left. Again: {shlex.join(['videogen', *words])}",
            )
            return 130
    return 0


def _job_command(request: type[Request]) -> type[JobCommand]:
    """Make a job's command: its own fields first, then those of its bases."""
    homes = [inspect.get_annotations(kind) for kind in request.__mro__]
    names = sorted(request.model_fields, key=lambda name: [name in home for home in homes].index(True))
    return make_dataclass(
        request.__name__,
        [_flag(request, name) for name in names],
        bases=(JobCommand,),
        namespace={"request_class": request, "__doc__": request.__doc__},
        kw_only=True,
    )


def _flag(request: type[Request], name: str) -> tuple[str, Any, Any]:
    """Describe one field to tyro; numbers stay text, so that one place judges them: the request."""
    info = request.model_fields[name]
    many = get_origin(info.annotation) is tuple
    members = [kind for kind in get_args(info.annotation) if kind not in (types.NoneType, ...)]
    members = members or [info.annotation]
    kinds = [get_args(kind)[0] if hasattr(kind, "__metadata__") else kind for kind in members]
    kind: Any = UseAppendAction[tuple[str, ...]] if many else info.annotation
    default = info.default
    if kinds[0] in (int, float, Fraction):
        kind = str if info.is_required() or default is not None else str | None
        default = default if default is None else str(default)
    metavar = METAVARS.get(members[0]) or METAVARS.get(kinds[0], "TEXT" if kinds == [str] else None)
    place = name in request.by_place()
    help_text = arg(
        help=info.description,
        metavar=name.upper() if place else metavar,
        help_behavior_hint="" if info.is_required() or default in (None, ()) else None,
    )
    kind = Annotated[kind, help_text, Positional] if place else Annotated[kind, help_text]
    return (name, kind, field()) if info.is_required() else (name, kind, field(default=default))


def _render(request: Request, output: Path | None, console: Console) -> Record:
    """Make the clip with a progress bar, write it, and say so on the standard output."""
    from videogen.clip import render

    request = request.seeded()
    path = output if output is not None else _free_name(request)
    try:
        with progress_bar(console) as progress:
            record = render(request, path, progress=progress)
    except KeyboardInterrupt:
        say(console, f"videogen: the seed was {request.seed}; give --seed {request.seed} for the same clip")
        raise
    sys.stdout.write(f"{path} (seed {request.seed})\n")
    return record


def _free_name(request: Request) -> Path:
    """Name an output after its job and seed, without touching a file that is there."""
    stem = f"{request.job}-{request.seed}"
    number = 1
    while (path := Path(f"{stem}{f'-{number}' if number > 1 else ''}.mp4")).exists():
        number += 1
    return path
