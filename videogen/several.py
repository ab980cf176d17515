"""Several clips of one request: other seeds, other values of its fields, other words on the same motion.

In: a request, an output that holds one, or a JSON file. Out: clips in a folder, and a labelled contact sheet.
All requests are built before the first clip is made, so that a wrong field or value costs nothing. A clip is
whole or not there, and one that is there with the same record inside is not made again: a stopped run goes
on.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import get_args, get_origin

from videogen import clip as making
from videogen.clip import Clip
from videogen.errors import MediaError, RequestError
from videogen.jobs import Progress, request_from, silent
from videogen.request import Record, Request, make_record
from videogen.stored import read_stored

MOST = 200
"""Clips that one call makes at most."""
SHEET = "sheet.png"
_SUFFIXES = (".mp4", ".webm", ".gif", ".webp")


@dataclass(frozen=True)
class Variant:
    """One clip of several: its place and label on the sheet, its file's name, and its request."""

    row: int
    column: int
    label: str
    name: str
    request: Request


@dataclass(frozen=True)
class Made:
    """A clip that is there; `anew` whether it was made just now."""

    variant: Variant
    path: Path
    anew: bool


def variations(
    source: Request | str | Path, *, n: int, folder: str | Path, progress: Progress = silent
) -> list[Path]:
    """Make a request `n` more times, with the seeds that follow its own; returns the clips.

    `source` is a request, an output of videogen, or a request as .json. Raises as `make_several`.
    """
    many = other_seeds(request_of(source), count=n)
    return [made.path for made in make_several(many, folder, suffix=suffix_of(source), progress=progress)]


def sweep(
    source: Request | str | Path, *, over: Mapping[str, Sequence[object]], folder: str | Path,
    progress: Progress = silent,
) -> list[Path]:  # fmt: skip
    """Make a request with every combination of the values of one or two fields; returns the clips.

    `{prompt}` in a prompt is the request's own. Raises as `make_several`.
    """
    many = combinations(request_of(source), over)
    return [made.path for made in make_several(many, folder, suffix=suffix_of(source), progress=progress)]


def remix(
    source: Request | str | Path, prompt: str | None = None, *, changes: Mapping[str, object] | None = None,
    progress: Progress = silent,
) -> Clip:  # fmt: skip
    """Make a request again with other words or other `changes`, the same seed and the same motion."""
    return making.run(remixed(request_of(source), prompt=prompt, changes=changes or {}), progress=progress)


def request_of(source: Request | str | Path) -> Request:
    """Return a request, or the one that is stored in a file, with the seed 0 where it has none."""
    request = source if isinstance(source, Request) else request_from(read_stored(Path(source)))
    return request if request.seeded() is request else request.with_seed(0)


def changed(request: Request, changes: Mapping[str, object]) -> Request:
    """The request with other values of some fields; raises `RequestError` for what it cannot be.

    Text is taken as on the command line, and "none" as nothing where a field may be nothing.
    """
    values = request.to_values()
    values.pop("job")
    for name, value in changes.items():
        field = name.replace("-", "_")
        if field not in values:
            near = difflib.get_close_matches(field, values, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; see: videogen {request.job} --help"
            raise RequestError(f"{request.job} has no setting {name!r}{hint}")
        values[field] = _value(request, field, value)
    return type(request)(**values)


def _value(request: Request, field: str, value: object) -> object:
    """A value as the field takes it."""
    info = type(request).model_fields[field]
    if not isinstance(value, str):
        return value
    if value == "none" and info.default is None:
        return None
    own = getattr(request, field)
    if field.endswith("prompt") and isinstance(own, str):
        value = value.replace(f"{{{field}}}", own)
    kinds = [info.annotation, *get_args(info.annotation)]
    return (value,) if any(get_origin(kind) is tuple for kind in kinds) else value


def _shown(request: Request, name: str, value: object) -> str:
    """A value as it was given, or as it was understood where it holds the request's own."""
    return str(getattr(request, name.replace("-", "_")) if "{" in str(value) else value)


def remixed(request: Request, *, prompt: str | None, changes: Mapping[str, object]) -> Request:
    """The request with other words, which moves as before: a motion planned from words keeps its own."""
    values = dict(changes)
    if prompt is not None:
        values["prompt"] = prompt
    fields = type(request).model_fields
    if "motion_prompt" in fields and "prompt" in values and "motion_prompt" not in values:
        planned = getattr(request, "plan", False) and not any(
            getattr(request, name, None) for name in ("path", "pose")
        )
        if planned:
            values["motion_prompt"] = getattr(request, "motion_prompt", None) or getattr(
                request, "prompt", None
            )
    if not values:
        raise RequestError("nothing is changed; give --prompt or --set FIELD=VALUE")
    return changed(request, values)


def other_seeds(request: Request, *, count: int) -> list[Variant]:
    """The request with the seeds that follow its own."""
    if not 1 <= count <= MOST:
        raise RequestError(f"-n was given as {count}; expected a number from 1 to {MOST}")
    first = request.seeded().noise_seed
    if first is None:
        raise RequestError(f"{request.job} draws no noise, so that other seeds make the same; use sweep")
    seeds = [(first + number) % 2**31 for number in range(1, count + 1)]
    return [
        Variant(row, 0, f"seed {seed}", f"seed-{seed}", changed(request, {"seed": seed}))
        for row, seed in enumerate(seeds)
    ]


def combinations(request: Request, over: Mapping[str, Sequence[object]]) -> list[Variant]:
    """The request with every value of a field, or of two: rows of the first, columns of the second."""
    if not 1 <= len(over) <= 2:
        raise RequestError(f"{len(over)} fields were given to go over; give one, or two for a grid")
    for name, values in over.items():
        if not values:
            raise RequestError(f"--over {name} has no values; give FIELD=VALUE,VALUE")
    count = 1
    for values in over.values():
        count *= len(values)
    if count > MOST:
        raise RequestError(
            f"{count} clips were asked for; at most {MOST} are made at once: give fewer values"
        )
    names = list(over)
    many = []
    for number, places in enumerate(product(*(range(len(values)) for values in over.values()))):
        chosen = {name: over[name][place] for name, place in zip(names, places, strict=True)}
        made = changed(request, chosen)
        label = ", ".join(f"{name} {_shown(made, name, value)}" for name, value in chosen.items())
        slug = re.sub(r"[^A-Za-z0-9.]+", "-", label).strip("-.")[:60]
        row, column = (*places, 0)[:2]
        many.append(Variant(row, column, label, f"{number:03d}-{slug}", made))
    return many


def make_several(
    variants: Sequence[Variant], folder: str | Path, *, suffix: str = ".mp4", progress: Progress = silent
) -> list[Made]:
    """Make the clips that are not there yet, and the sheet of all; returns them in the order of `variants`.

    Models are loaded once for all clips that share them. Raises `VideogenError`; whatever ends it, finished
    clips stay and are on the sheet.
    """
    return sorted(
        making_several(variants, folder, suffix=suffix, progress=progress),
        key=lambda made: variants.index(made.variant),
    )


def making_several(
    variants: Sequence[Variant], folder: str | Path, *, suffix: str, progress: Progress
) -> Iterator[Made]:
    """As `make_several`, each clip as it is there."""
    from videogen.media.files import media_errors
    from videogen.sheet import write_sheet

    place = Path(folder)
    with media_errors(place, doing="made a folder"):
        place.mkdir(exist_ok=True)
    finished: list[Made] = []
    ordered = sorted(variants, key=lambda each: json.dumps(each.request.networks(), default=str))
    try:
        for variant in ordered:
            finished.append(_make(variant, place / f"{variant.name}{suffix}", progress))
            yield finished[-1]
    finally:
        if finished:
            write_sheet(
                place / SHEET,
                {
                    (made.variant.row, made.variant.column): (made.variant.label, made.path)
                    for made in finished
                },
            )


def _make(variant: Variant, path: Path, progress: Progress) -> Made:
    """One clip; that of an earlier run where its record is what this one's would be."""
    if path.exists():
        with suppress(MediaError):
            stored = read_stored(path)
            expected = _as_stored(make_record(variant.request, weights=making.hashes_of(variant.request)))
            if all(stored.get(name) == value for name, value in expected.items()):
                return Made(variant, path, anew=False)
    making.render(variant.request, path, progress=progress)
    return Made(variant, path, anew=True)


def _as_stored(record: Record) -> Record:
    values: Record = json.loads(json.dumps(record))
    return values


def suffix_of(source: Request | str | Path) -> str:
    """The ending of the clips that are made from a source: its own if it is a clip."""
    suffix = "" if isinstance(source, Request) else Path(source).suffix.lower()
    return suffix if suffix in _SUFFIXES else ".mp4"
