"""The commands that make a clip: one per job, derived from its request's fields, and `videogen run`.

What a job is asked for are the fields of its request; what stands beside them here (where to write, whether
to check the numbers of the clip) is the command line's own and changes nothing of the clip. Heavy packages
are imported when the command is carried out.
"""

from __future__ import annotations

import inspect
import logging
import math
import re
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass, field, make_dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, ClassVar, get_args, get_origin

from rich.console import Console
from tyro.conf import Positional, UseAppendAction, arg

from videogen.console import progress_bar, say
from videogen.continuity import LIMITS, above, in_words
from videogen.errors import RequestError
from videogen.jobs import request_from
from videogen.request import Folder, Record, Request
from videogen.stored import read_stored

MAX_JSON_BYTES = 10_000_000
METAVARS = {int: "INT", float: "NUMBER", Fraction: "RATE", Folder: "DIR", Path: "FILE"}
ABOVE_A_LIMIT = 3
"""Exit code where --check found a number above its limit."""
_LIMITS = re.compile(r"[a-z]+=[^,]*(,[a-z]+=[^,]*)*")
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


Check = Annotated[
    str | None,
    arg(
        metavar="[LIMITS]",
        help=f"Exit with code {ABOVE_A_LIMIT}, once the file is written, where a number of the clip is above "
        f"its limit: {','.join(f'{name}={limit:g}' for name, limit in LIMITS.items())}, or as you say, such "
        "as seam=1.3,drift=2 (the others keep theirs; inf for none).",
        help_behavior_hint="",
    ),
]
USUAL = "usual"
"""What --check means where no limits follow it."""


@dataclass(kw_only=True)
class Making:
    """What is said to every command that makes a clip, beside the request."""

    output: Output = None
    check: Check = None

    def make(self, request: Request, console: Console) -> tuple[Record, int]:
        """Make the clip with a progress bar and write it; returns its record and the exit code."""
        limits = None if self.check is None else read_limits(self.check)
        record = _render(request, self.output, console)
        problems = list(above(record.get("numbers", {}), limits)) if limits is not None else []
        if problems:
            say(console, f"videogen: {'; '.join(problems)}")
        return record, ABOVE_A_LIMIT if problems else 0


@dataclass(kw_only=True)
class JobCommand(Making):
    """A job's fields as flags; a subclass is made from each request class."""

    request_class: ClassVar[type[Request]]

    def request(self) -> Request:
        """Return the request that the flags spell; raises `RequestError`."""
        names = self.request_class.model_fields
        return self.request_class(**{name: getattr(self, name) for name in names})

    def execute(self, console: Console) -> int:
        """Make the clip and write it."""
        return self.make(self.request(), console)[1]


@dataclass(kw_only=True)
class Run(Making):
    """Repeat the request that is stored in an output, or in a JSON file."""

    file: Positional[
        Annotated[Path, arg(metavar="FILE", help="An output of videogen, or a request as .json.")]
    ]

    def execute(self, console: Console) -> int:
        """Make the clip again; says so where the weights are not those that made it first."""
        stored = read_stored(self.file)
        record, code = self.make(request_from(stored), console)
        if stored.get("weights", record["weights"]) != record["weights"]:
            log.warning("%s was made with other weights; the new clip differs from it", self.file)
        return code


def spelled_out(words: Sequence[str]) -> list[str]:
    """The words of a command line, with a value for every --check that has none."""
    following = [*words, ""][1:]
    return [
        f"{word}={USUAL}" if word == "--check" and not _LIMITS.fullmatch(after) else word
        for word, after in zip(words, following, strict=True)
    ]


def read_limits(text: str) -> dict[str, float]:
    """The limits that --check names, and the usual ones for the other numbers; raises `RequestError`."""
    limits = dict(LIMITS)
    if text == USUAL:
        return limits
    for part in text.split(","):
        name, _, value = part.partition("=")
        try:
            limits[name] = float(value)
        except ValueError:
            limits[name] = math.nan
        if name not in LIMITS or not limits[name] >= 0:
            raise RequestError(
                f"--check was given as {text!r}; expected {', '.join(LIMITS)} with limits of 0 or more, such "
                "as seam=1.3,drift=2"
            )
    return limits


def job_command(request: type[Request]) -> type[JobCommand]:
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
    numbers = in_words(record.get("numbers", {}))
    sys.stdout.write(f"{path} (seed {request.seed}){': ' if numbers else ''}{numbers}\n")
    return record


def _free_name(request: Request) -> Path:
    """Name an output after its job and seed, without touching a file that is there."""
    stem = f"{request.job}-{request.seed}"
    number = 1
    while (path := Path(f"{stem}{f'-{number}' if number > 1 else ''}.mp4")).exists():
        number += 1
    return path
