"""The commands that make clips from a stored request: `videogen variations`, `remix` and `sweep`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rich.console import Console
from tyro.conf import Positional, UseAppendAction, arg

from videogen.console import progress_bar
from videogen.errors import RequestError
from videogen.job_commands import seed_in_words

if TYPE_CHECKING:
    from videogen.several import Variant

Stored = Positional[
    Annotated[Path, arg(metavar="FILE", help="An output of videogen, or a request as .json.")]
]
Into = Annotated[
    Path,
    arg(name="output", aliases=["-o"], metavar="DIR", help="Folder for the clips and the contact sheet."),
]


@dataclass(kw_only=True)
class Variations:
    """Make a stored request again with other seeds, and a contact sheet of them."""

    file: Stored
    n: Annotated[int, arg(aliases=["-n"], help="How many; their seeds follow the stored one.")] = 4
    output: Into

    def execute(self, console: Console) -> None:
        """Make the clips that are not there yet."""
        from videogen.several import other_seeds, request_of

        _make(other_seeds(request_of(self.file), count=self.n), self.file, self.output, console)


@dataclass(kw_only=True)
class Sweep:
    """Make a stored request with many values of a field, or of two, and a contact sheet of them."""

    file: Stored
    over: Annotated[
        UseAppendAction[tuple[str, ...]],
        arg(
            metavar="FIELD=VALUES", help_behavior_hint="",
            help="A field and its values, separated by commas (or by ; where one of them has a comma); twice "
            "for a grid. '{prompt}' in a prompt is the stored one.",
        ),
    ] = ()  # fmt: skip
    output: Into

    def execute(self, console: Console) -> None:
        """Make the clips that are not there yet."""
        from videogen.several import combinations, request_of

        over: dict[str, Sequence[str]] = {}
        for text in self.over:
            name, value = _parted(text, option="--over")
            if name in over:
                raise RequestError(f"--over {name} was given twice; give all its values at once")
            over[name] = [each.strip() for each in value.split(";" if ";" in value else ",") if each.strip()]
        _make(combinations(request_of(self.file), over), self.file, self.output, console)


@dataclass(kw_only=True)
class Remix:
    """Make a stored request again with other words: the same seed, and the same motion."""

    file: Stored
    prompt: Annotated[
        str | None,
        arg(
            metavar="TEXT", help_behavior_hint="",
            help="What should be seen instead; '{prompt}' is the stored one.",
        ),
    ] = None  # fmt: skip
    set: Annotated[
        UseAppendAction[tuple[str, ...]],
        arg(
            metavar="FIELD=VALUE", help_behavior_hint="",
            help="Another value of any other field; may come many times.",
        ),
    ] = ()  # fmt: skip
    output: Annotated[
        Path,
        arg(
            name="output", aliases=["-o"], metavar="OUT", help="File to write; its ending chooses the format."
        ),
    ]

    def execute(self, console: Console) -> None:
        """Make the clip and write it."""
        from videogen.clip import render
        from videogen.several import remixed, request_of

        changes = dict(_parted(text, option="--set") for text in self.set)
        request = remixed(request_of(self.file), prompt=self.prompt, changes=changes)
        with progress_bar(console) as progress:
            render(request, self.output, progress=progress)
        sys.stdout.write(f"{self.output}{seed_in_words(request)}\n")


def _make(variants: Sequence[Variant], source: Path, folder: Path, console: Console) -> None:
    """Make clips, saying of each that it is there, and at last where the sheet is."""
    from videogen.several import SHEET, making_several, suffix_of

    with progress_bar(console) as progress:
        for made in making_several(variants, folder, suffix=suffix_of(source), progress=progress):
            was_there = "" if made.anew else ", was there"
            sys.stdout.write(f"{made.path} ({made.variant.label}{was_there})\n")
            sys.stdout.flush()
    sys.stdout.write(f"{folder / SHEET}\n")


def _parted(text: str, *, option: str) -> tuple[str, str]:
    """The field and the rest of FIELD=VALUE; raises `RequestError`."""
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise RequestError(f"{option} was given as {text[:60]!r}; expected FIELD=VALUE, such as seed=3")
    return name.strip(), value
