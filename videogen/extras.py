"""What can be added to a model of Stable Diffusion's kind, as text: `FILE[@SCALE[@START-END]]`.

In: the words of a request. Out: a frozen value that names files and how strongly each is to act. Nothing is
opened here. START and END are shares of the way from noise (0) to the clip (1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator

_FORM = re.compile(
    r"(?P<path>.+?)(?:@(?P<scale>[-+]?[\d.]+)(?:@(?P<start>[\d.]+)-(?P<end>[\d.]+))?)?", re.DOTALL
)
_STRONGEST = 10.0


@dataclass(frozen=True)
class Extra:
    """A file or folder, its scale, and the shares of the denoising between which it acts."""

    path: Path
    scale: float = 1.0
    start: float = 0.0
    end: float = 1.0


@dataclass(frozen=True)
class Extras:
    """Everything that is added to a model, as the request's fields of the same names have it."""

    lora: tuple[str, ...] = ()
    controlnet: tuple[str, ...] = ()
    ip_adapter: str | None = None
    sparse_control: str | None = None

    @property
    def asked(self) -> list[str]:
        """The flags of what is added, without its files."""
        names = ("lora", "controlnet", "ip_adapter", "sparse_control")
        return [f"--{name.replace('_', '-')}" for name in names if getattr(self, name)]


NOTHING = Extras()
"""A model as it is."""


def parse_extra(text: str) -> Extra:
    """Read `FILE[@SCALE[@START-END]]`; raises ValueError that says what is wrong."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError("it is empty; give FILE, or FILE@SCALE")
    numbers = {name: _number(found[name]) for name in ("scale", "start", "end") if found[name] is not None}
    made = Extra(Path(found["path"]), **numbers)
    if abs(made.scale) > _STRONGEST:
        raise ValueError(f"{text} asks for the scale {made.scale:g}; give -{_STRONGEST:g} to {_STRONGEST:g}")
    if not 0 <= made.start < made.end <= 1:
        raise ValueError(
            f"{text} acts from {made.start:g} to {made.end:g}; give shares of the denoising, such as 0-0.5"
        )
    return made


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text} is no number; give FILE, FILE@SCALE or FILE@SCALE@START-END") from None


def _leading(text: str) -> str:
    """Accept text that names a file, its scale and when it acts."""
    parse_extra(text)
    return text


def _scaled(text: str) -> str:
    """Accept text that names a file and its scale."""
    made = parse_extra(text)
    if (made.start, made.end) != (0.0, 1.0):
        raise ValueError(f"{text} says when it acts, which only a ControlNet can; give FILE or FILE@SCALE")
    return text


Leading: TypeAlias = Annotated[str, AfterValidator(_leading)]
"""FILE, FILE@SCALE or FILE@SCALE@START-END."""

Scaled: TypeAlias = Annotated[str, AfterValidator(_scaled)]
"""FILE or FILE@SCALE."""
