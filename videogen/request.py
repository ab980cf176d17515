"""What can be asked of videogen, as data.

A request is a frozen pydantic model with one documented field per knob. The command line, the Python
functions, batch lines and the record inside every output are derived from these fields, so their
descriptions are the help texts. `Field(kw_only=False)` marks what is given by place: first on the
command line, and first in Python. A value that cannot be honoured raises `RequestError` at once, before
any network is loaded. A record is what an output carries: its request with the seed that was used, the
weights' hashes, the version, and the mark that it is synthetic.
"""

from __future__ import annotations

import difflib
import json
import unicodedata
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)
from pydantic_core import ErrorDetails

from videogen import __version__
from videogen.errors import RequestError
from videogen.extras import NOTHING, Extras
from videogen.schedule import parse_schedule
from videogen.sound import Sound

Record: TypeAlias = dict[str, Any]
"""What every output carries, as JSON: see `make_record`."""

MAX_CHARACTERS = 1000
MAX_WORDS = 300


def _exact_rate(value: object) -> object:
    """Keep decimal rates exact, and refuse text that would take for ever to turn into a fraction."""
    if isinstance(value, float):
        return str(value)
    if isinstance(value, str) and (len(value) > 24 or "e" in value.lower()):
        raise ValueError("expected a rate such as 24, 23.976 or 30000/1001")
    return value


def _readable(text: str) -> str:
    """Accept a prompt that says something, in characters that people read, and not too much of it."""
    if not text.strip():
        raise ValueError("it is empty; say in a few words what should be seen")
    if len(text) > MAX_CHARACTERS or len(text.split()) > MAX_WORDS:
        raise ValueError(
            f"it has {len(text.split())} words and {len(text)} characters; the limit is "
            f"{MAX_WORDS} words and {MAX_CHARACTERS} characters, so shorten it"
        )
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and not character.isspace():
            raise ValueError(f"it holds the control character U+{ord(character):04X}; take it out")
    return text


def _all_readable(text: str) -> str:
    """Accept a prompt over time where its times are in order, and each text can be read."""
    for one in parse_schedule(text):
        _readable(one.text)
    return text


def one_two_or_four(value: int) -> int:
    """Accept a scale that doublings lead to; for fields between 1 and 4."""
    if value == 3:
        raise ValueError("expected 1, 2 or 4, not 3")
    return value


Rate: TypeAlias = Annotated[Fraction, BeforeValidator(_exact_rate)]
"""Frames per second, exact: 8, 23.976 or 30000/1001."""

Folder: TypeAlias = Annotated[Path, "a folder"]
"""A path that is to be a folder."""

Prompt: TypeAlias = Annotated[str, AfterValidator(_readable)]
"""Text that says what should be seen: not blank, at most 300 words and 1,000 characters."""


ScheduledPrompt: TypeAlias = Annotated[str, AfterValidator(_all_readable)]
"""A prompt, or several, each from its time on: `0: a red ball | 3s: a blue ball`."""


class Request(BaseModel):
    """The fields that every job shares, and what can be asked of any request."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=(), validate_default=True
    )

    job: ClassVar[str] = ""

    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto", description="Where to compute; 'auto' takes the fastest that is there."
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="Number format of the networks; 'auto' fits the device."
    )

    def __init__(self, *given: object, **fields: object) -> None:
        names = self.by_place()
        if len(given) > len(names):
            raise RequestError(
                f"{len(given)} values were given by place, expected at most {len(names)}"
                f" ({', '.join(names) or 'none'}); name the others"
            )
        placed = dict(zip(names, given, strict=False))
        twice = sorted(placed.keys() & fields.keys())
        if twice:
            raise RequestError(f"{twice[0]} was given twice, by place and by name; give it once")
        try:
            super().__init__(**placed, **fields)
        except ValidationError as error:
            raise RequestError(_in_one_line(error.errors(include_url=False), type(self))) from None

    @classmethod
    def by_place(cls) -> list[str]:
        """Name the fields that are given by place, in order."""
        return [name for name, field in cls.model_fields.items() if field.kw_only is False]

    def rate(self, default: Fraction) -> Fraction:
        """Return the frames per second that the job makes; `default` is the model's own rate."""
        return default

    def output_rate(self, default: Fraction) -> Fraction:
        """Return the frames per second of the output."""
        return self.rate(default)

    def rate_ahead(self) -> Fraction:
        """Return the rate of the output as far as the request alone says it, 1 where it says nothing."""
        return Fraction(1)

    def sound(self) -> Sound | None:
        """Return the sound that goes with the output, None for silence; raises `MediaError` for bad files."""
        return None

    @property
    def extras(self) -> Extras:
        """What is added to the model; nothing where the job cannot."""
        return NOTHING

    @property
    def noise_seed(self) -> int | None:
        """The number that fixes the noise, None where none is drawn or it is not yet known."""
        return None

    def with_seed(self, seed: int | None) -> Self:
        """Return this request with this seed; itself where no noise is drawn."""
        return self

    def seeded(self) -> Self:
        """Return this request ready for a record: with its seed set, if it draws noise."""
        return self

    @property
    def stem(self) -> str:
        """What an output is named after where nobody says."""
        return self.job

    def networks(self) -> dict[str, Any]:
        """Return what chooses the networks, by the names of the settings."""
        return {"device": self.device, "precision": self.precision}

    def to_values(self) -> Record:
        """Return the job's name and every field as JSON values."""
        return {"job": self.job, **self.model_dump(mode="json")}

    def to_json(self) -> str:
        """Return `to_values` as JSON text; `videogen run FILE.json` reads it."""
        return json.dumps(self.to_values(), ensure_ascii=False, allow_nan=False, indent=2)


def make_record(request: Request, *, weights: Mapping[str, str]) -> Record:
    """Return what an output carries: `request` (its seed set), sha256 per weights file, version and mark."""
    if request.seeded() is not request:
        raise ValueError("a record needs the seed that was used; call request.seeded() first")
    return {
        "generator": "videogen",
        "version": __version__,
        "synthetic": True,
        "request": request.to_values(),
        "weights": dict(weights),
    }


def parse_json(text: str, *, source: str) -> Record:
    """Read a request or a record from JSON text; `source` names it in errors (`RequestError`)."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{source} is not JSON ({error}); expected a request or a record") from None
    if not isinstance(values, dict):
        raise RequestError(f"{source} holds a {type(values).__name__}; expected a JSON object with a job")
    return values


def read_request(values: Mapping[str, object], *, classes: Mapping[str, type[Request]]) -> Request:
    """Build the request from a record, or from the JSON values of a request; `classes` maps job names.

    Raises `RequestError` where the job or a field is unknown, or a value cannot be honoured.
    """
    inner = values.get("request", values)
    if not isinstance(inner, Mapping):
        raise RequestError("the record's request is not a JSON object; the record is damaged")
    fields = {str(name): value for name, value in inner.items()}
    job = fields.pop("job", None)
    if not isinstance(job, str) or job not in classes:
        raise RequestError(f"the request names the job {_shown(job)}; expected one of {', '.join(classes)}")
    return classes[job](**fields)


def _in_one_line(errors: list[ErrorDetails], request: type[Request]) -> str:
    """Say what was given, what was expected and what to do, in the words of the command line."""
    first, more = errors[0], len(errors) - 1
    name = str(first["loc"][0]) if first["loc"] else ""
    label = name if name in request.by_place() or not name else "--" + name.replace("_", "-")
    expected = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, request.model_fields, n=1)
        line = f"there is no setting {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    elif first["type"] == "missing":
        line = f"{label} is missing; give it"
    elif first["type"] == "value_error":
        line = f"{label}: {expected}" if label else expected
    else:
        line = f"{label} was given as {_shown(first['input'])}; expected {_bounds(name, request) or expected}"
    others = f" ({more} more problem{'s' if more > 1 else ''} besides)" if more else ""
    return f"{line}{others}; see: videogen {request.job} --help"


def _bounds(name: str, request: type[Request]) -> str:
    """Spell out a number's range, so that one error says both ends."""
    field = request.model_fields.get(name)
    words = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}
    found = [
        f"{word} {getattr(limit, attribute)}"
        for limit in (field.metadata if field else [])
        for attribute, word in words.items()
        if getattr(limit, attribute, None) is not None
    ]
    whole = field is not None and (field.annotation is int or int in get_args(field.annotation))
    return f"a {'whole' if whole else 'finite'} number, {' and '.join(found)}" if found else ""


def _shown(value: object) -> str:
    """Quote a given value on one line and not too long."""
    if isinstance(value, int) and value.bit_length() > 200:
        return f"a number of {value.bit_length()} bits"
    text = repr(value) if isinstance(value, (str, bytes)) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."
