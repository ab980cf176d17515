"""Illusion: a clip that reads as one sentence as it is, and as another under a view.

Comes in: two sentences and the name of a view, such as upside down or backwards. Goes out: frames that both
sentences have a share in: at every step each guesses its own clip, and both go on from the average of the
guesses, seen as each sees it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from videogen.clip import as_function
from videogen.generative import LengthRequest
from videogen.jobs import Progress, silent
from videogen.jobs.ledger import Ledger
from videogen.request import Prompt

if TYPE_CHECKING:
    from videogen.engine import Engine, ModelSpec
    from videogen.jobs.outline import Outline
    from videogen.types import Frame


class Illusion(LengthRequest):
    """Make a clip that reads as one sentence as it is, and as another upside down, mirrored, backwards …"""

    job: ClassVar[str] = "illusion"

    prompt: Prompt = Field(kw_only=False, description="What is seen in the clip as it is, in a sentence.")
    other_prompt: Prompt = Field(kw_only=False, description="What is seen in it under the view.")
    view: Literal["flip", "mirror", "rotate-180", "rotate-90", "negate", "jigsaw", "reverse"] = Field(
        default="flip",
        description="How the clip is looked at again: upside down (flip), in a mirror, turned by 180 degrees "
        "or 90 clockwise, in negative colours, with its quarters swapped crosswise (jigsaw), or backwards.",
    )
    balance: float = Field(
        default=0.5, gt=0, lt=1, description="Share of the other prompt in the clip; more makes it clearer."
    )
    negative_prompt: Prompt | None = Field(
        default=None, description="What to steer away from; works where the guidance scale is not 1."
    )
    plan: bool = Field(
        default=True,
        description="Plan where both things are, as the first sentence tells; or leave it to the network.",
    )

    @model_validator(mode="after")
    def _seen_in_two_ways(self) -> Self:
        if self.view == "rotate-90" and self.width and self.height and self.width != self.height:
            raise ValueError(
                f"--view rotate-90 is for squares, and {self.width}x{self.height} is none; give "
                f"--width {self.width} --height {self.width}, or --view rotate-180"
            )
        if self.view == "reverse" and self.num_frames == 1:
            raise ValueError("--view reverse needs frames to play backwards; give --num-frames above 1")
        if self.controlnet:
            raise ValueError("--controlnet reads a pose, and illusions have none; leave it out")
        if self.ip_adapter is not None:
            raise ValueError("--ip-adapter looks at a picture, and illusions have none; leave it out")
        return self


def generate(
    request: Illusion, engine: Engine, *, progress: Progress = silent, ledger: Ledger | None = None
) -> Iterator[Frame]:
    """Yield the clip's frames; raises `RequestError` where the model cannot do what is asked."""
    from videogen.jobs.seen_twice import draw_illusion

    yield from draw_illusion(request, engine, progress=progress)


def outline(request: Illusion, spec: ModelSpec) -> Outline:
    """Say what will be made, with no network loaded."""
    from videogen.jobs.seen_twice import outline_illusion

    return outline_illusion(request, spec)


illusion = as_function(Illusion)
