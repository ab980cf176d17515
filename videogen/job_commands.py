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
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, make_dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from rich.console import Console
from tyro.conf import Positional, arg

from videogen.console import progress_bar, say
from videogen.continuity import LIMITS, above, in_words
from videogen.errors import RequestError
from videogen.jobs import request_from
from videogen.request import Record, Request
from videogen.request_flags import flag_of
from videogen.stored import read_stored

MAX_JSON_BYTES = 10_000_000
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


JobPath = Annotated[
    Path | None,
    arg(
        metavar="DIR",
        help="Keep what is finished in this folder: the same command, or 'videogen resume DIR', goes on from "
        "there after whatever has stopped it, to the same file bit for bit.",
        help_behavior_hint="",
    ),
]
Again = Annotated[
    bool,
    arg(help="With a job's folder: try once more what has ended the program twice.", help_behavior_hint=""),
]


DryRun = Annotated[
    bool,
    arg(
        help="Only say what would be made, in which windows, at what cost, from which files.",
        help_behavior_hint="",
    ),
]


@dataclass(kw_only=True)
class Making:
    """What is said to every command that makes a clip, beside the request."""

    output: Output = None
    check: Check = None
    job: JobPath = None
    again: Again = False
    dry_run: DryRun = False

    def make(self, request: Request, console: Console) -> tuple[Record, int]:
        """Make the clip with a progress bar and write it; returns its record and the exit code."""
        limits = None if self.check is None else read_limits(self.check)
        if self.again and self.job is None:
            raise RequestError("--again is for a job that keeps its pieces in a folder; give --job DIR too")
        if self.dry_run:
            return _describe(request, self.output), 0
        record = _render(request, self.output, console, job=self.job, again=self.again)
        return record, _checked(record, limits, console)


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
        if stored.get("weights", record.get("weights")) != record.get("weights") and not self.dry_run:
            log.warning("%s was made with other weights; the new clip differs from it", self.file)
        return code


@dataclass(kw_only=True)
class Resume:
    """Go on with a job that was stopped, from the folder that was given with --job."""

    folder: Positional[Annotated[Path, arg(metavar="DIR", help="The job's folder.")]]
    check: Check = None
    again: Again = False

    def execute(self, console: Console) -> int:
        """Finish the clip, or write it again where it is finished."""
        from videogen.clip import resume

        limits = None if self.check is None else read_limits(self.check)
        with _stopped(console, job=self.folder), progress_bar(console) as progress:
            path, record = resume(self.folder, progress=progress, again=self.again)
        _tell(path, record)
        return _checked(record, limits, console)


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
        [flag_of(request, name) for name in names],
        bases=(JobCommand,),
        namespace={"request_class": request, "__doc__": request.__doc__},
        kw_only=True,
    )


def _render(
    request: Request, output: Path | None, console: Console, *, job: Path | None, again: bool
) -> Record:
    """Make the clip with a progress bar, write it, and say so on the standard output."""
    from videogen.clip import render
    from videogen.jobs.job_folder import settled

    request = (request if job is None else settled(request, job)).seeded()
    path = output if output is not None else _free_name(request)
    with _stopped(console, job=job, seed=request.noise_seed), progress_bar(console) as progress:
        record = render(request, path, progress=progress, job=job, again=again)
    _tell(path, record)
    return record


def _describe(request: Request, output: Path | None) -> Record:
    """Print what would be made; the record of nothing."""
    from videogen.dry_run import describe
    from videogen.media.video import check_output

    path = output if output is not None else _free_name(request)
    check_output(path, fps=request.rate_ahead())
    for line in list(describe(request, path)):
        sys.stdout.write(f"{line}\n")
    return {}


@contextmanager
def _stopped(console: Console, *, job: Path | None, seed: int | None = None) -> Iterator[None]:
    """Say how to go on where somebody stops the block."""
    try:
        yield
    except KeyboardInterrupt:
        if job is not None:
            say(console, f"videogen: go on with: {shlex.join(['videogen', 'resume', str(job)])}")
        elif seed is not None:
            say(console, f"videogen: the seed was {seed}; give --seed {seed} for the same clip")
        else:
            say(console, "videogen: nothing is kept; with --job DIR it goes on from where it was stopped")
        raise


def _tell(path: Path, record: Record) -> None:
    """Name the file, its seed and its numbers on the standard output."""
    numbers = in_words(record.get("numbers", {}))
    told = seed_in_words(request_from(record))
    sys.stdout.write(f"{path}{told}{': ' if numbers else ''}{numbers}\n")


def seed_in_words(request: Request) -> str:
    """The seed as it stands behind a file's name; nothing where none was drawn."""
    return "" if request.noise_seed is None else f" (seed {request.noise_seed})"


def _checked(record: Record, limits: Mapping[str, float] | None, console: Console) -> int:
    """Say which numbers are above their limits; returns the exit code."""
    problems = [] if limits is None else list(above(record.get("numbers", {}), limits))
    if problems:
        say(console, f"videogen: {'; '.join(problems)}")
    return ABOVE_A_LIMIT if problems else 0


def _free_name(request: Request) -> Path:
    """Name an output as its request says, without touching a file that is there."""
    number = 1
    while (path := Path(f"{request.stem}{f'-{number}' if number > 1 else ''}.mp4")).exists():
        number += 1
    return path
