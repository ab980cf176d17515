"""The jobs, one file each, and the one list that names them.

A job is a module of this folder with two public things: a frozen request (a subclass of `Request`, called
like the module in capitals: `text_to_video` → `TextToVideo`, whose `job` is the name with dashes) and a
generator function `generate(request, engine, *, progress, ledger)` that yields frames. A new job is one new
file and one new line in `MODULES`; command line, records and batch lines follow. A function
`outline(request, spec)` beside it, which `--dry-run` asks, says by the same means what will be made: see
`outline.outlined`. Modules are imported when asked for, and import torch only inside `generate` and
`outline`, so that help texts and bad requests answer at once.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from videogen.jobs.ledger import Ledger
from videogen.request import Request, read_request

if TYPE_CHECKING:
    from videogen.jobs.outline import Outline
    from videogen.types import Frame

MODULES = (
    "text_to_video", "animate", "image_to_video", "extend", "loop", "transition", "edit", "illusion",
    "interpolate", "upscale",
)  # fmt: skip

Progress: TypeAlias = Callable[[str, int, int | None], None]
"""Called with the stage's name, how much of it is done, and how much there is (None: not known)."""


def silent(stage: str, done: int, total: int | None) -> None:
    """Report progress to nobody."""


class Generate(Protocol):
    """What a job does: frames out of a request and the loaded networks, one at a time.

    `engine` is an `Engine`; of the jobs that better frames, which denoise nothing, an `Enhancer`.
    """

    def __call__(
        self, request: Any, engine: Any, *, progress: Progress = silent, ledger: Ledger | None = None
    ) -> Iterator[Frame]: ...


class MakeOutline(Protocol):
    """What a job will make of a request, by a model's spec alone; None where there is no model."""

    def __call__(self, request: Any, spec: Any) -> Outline: ...


@dataclass(frozen=True)
class Job:
    """A job's name, request class, generator function, and what says ahead what that will make, if any."""

    name: str
    request: type[Request]
    generate: Generate
    outline: MakeOutline | None = None


@cache
def jobs() -> Mapping[str, Job]:
    """Import every job and return them by name, in the order of `MODULES`."""
    found = {}
    for name in MODULES:
        module = importlib.import_module(f"{__name__}.{name}")
        request: type[Request] = getattr(module, name.title().replace("_", ""))
        found[request.job] = Job(
            request.job, request, generate=module.generate, outline=getattr(module, "outline", None)
        )
    return found


def request_from(values: Mapping[str, object]) -> Request:
    """Build a request from a record or from a request's JSON values; raises `RequestError`."""
    return read_request(values, classes={name: job.request for name, job in jobs().items()})
