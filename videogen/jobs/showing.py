"""The request fields of jobs that may be shown pictures beside their words, and how a keyframe is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from videogen.extras import Extras, Leading
from videogen.generative import LengthRequest, TimelineRequest


def parse_keyframe(text: str) -> tuple[float, Path]:
    """Seconds and picture of `TIME=PICTURE`; raises ValueError."""
    time, sign, picture = text.partition("=")
    try:
        seconds = float(time)
    except ValueError:
        seconds = -1.0
    if not sign or not picture or not 0 <= seconds <= 600:
        raise ValueError(f"{text} is not TIME=PICTURE, such as 1.5=last.png, with seconds from 0 to 600")
    return seconds, Path(picture)


def _keyframe(text: str) -> str:
    parse_keyframe(text)
    return text


Keyframe: TypeAlias = Annotated[str, AfterValidator(_keyframe)]
"""TIME=PICTURE, in seconds."""


class ShownRequest(LengthRequest, TimelineRequest):
    """The fields of jobs that may be shown pictures beside their words."""

    reference: Path | None = Field(
        default=None, description="A picture that the clip shall look like, for models with an IP-Adapter."
    )
    keyframe: tuple[Keyframe, ...] = Field(
        default=(),
        description="What is seen at a time, TIME=PICTURE in seconds; may come many times. Pocket begins and "
        "goes on from it, other models need --sparse-control.",
    )
    sparse_control: Leading | None = Field(
        default=None, description="A SparseCtrl that reads --keyframe, FILE or FOLDER, as for --controlnet."
    )

    @model_validator(mode="after")
    def _shown_to_something(self) -> Self:
        if self.ip_adapter is not None and self.reference is None:
            raise ValueError("--ip-adapter looks at a picture; give one with --reference")
        if self.sparse_control is not None and not self.keyframe:
            raise ValueError("--sparse-control reads keyframes; give --keyframe TIME=PICTURE")
        return self

    @property
    def extras(self) -> Extras:
        """What is added to the model."""
        return replace(super().extras, sparse_control=self.sparse_control)
