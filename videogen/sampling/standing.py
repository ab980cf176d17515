"""Where a sampling stands between two steps: all that it takes to go on later as if it had not stopped.

A `Keeper` keeps it, in a file or nowhere; the sampler only says when it could, and asks once, at its
beginning, whether there is something to go on from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from torch import Tensor

from videogen.types import Latents

Plain: TypeAlias = bool | int | float | str | Tensor | list["Plain"] | None
"""What can be kept: numbers, words, tensors, and lists of these."""


@dataclass(frozen=True)
class Standing:
    """Passes that are `done`; latents, what the scheduler has gathered, the states of random numbers."""

    done: int
    latents: Latents
    memory: Mapping[str, Plain]
    generators: tuple[Tensor, ...]


class Keeper(Protocol):
    """Keeps where one sampling stands."""

    def recall(self) -> Standing | None:
        """Where the sampling stood when it was stopped; None where it begins."""

    def keep(self, standing: Callable[[], Standing]) -> None:
        """Take note of where it stands, or do not: not every step is worth the while."""


def is_plain(value: object) -> bool:
    """Whether a value can be kept; subclasses of numbers, as numpy's, would come back as others."""
    if type(value) is list:
        return all(map(is_plain, value))
    return isinstance(value, Tensor) or type(value) in (type(None), bool, int, float, str)


def copied(value: Plain) -> Plain:
    """A copy that later steps do not change."""
    if isinstance(value, list):
        return [copied(each) for each in value]
    return value.clone() if isinstance(value, Tensor) else value
