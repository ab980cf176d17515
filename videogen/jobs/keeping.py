"""The request fields of jobs that go on from a video and may keep its still background."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from videogen.errors import RequestError
from videogen.request import Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from videogen.types import Frame


class KeepingRequest(Request):
    """The fields of jobs that go on from a video and may keep its still background."""

    keep_background: bool = Field(
        default=False,
        description="Where the video's camera is still, put its own background back into new frames, so that "
        "it neither drifts nor flickers; what moves stays.",
    )
    background_mask: Path | None = Field(
        default=None,
        description="A picture that is white where --keep-background shall; found in the video if not given.",
    )

    @model_validator(mode="after")
    def _mask_of_something(self) -> Self:
        if self.background_mask is not None and not self.keep_background:
            raise ValueError("--background-mask is read by --keep-background; give both or neither")
        return self


def with_background_kept(
    request: KeepingRequest, frames: Iterable[Frame], known: Iterable[Frame]
) -> Iterator[Frame]:
    """Yield the new `frames` uint8 `h w c` with the background of the `known` ones where that is asked for.

    Else as they are, and `known` is not read. Raises `RequestError` for a mask of other proportions and
    `MediaError` for one that is no picture.
    """
    if not request.keep_background:
        yield from frames
        return
    from videogen.enhance.still import keep_background

    known = iter(known)
    first = next(known, None)
    if first is None:
        raise RequestError("--keep-background needs frames to find the background in, and there are none")
    mask = None if request.background_mask is None else _read_mask(request.background_mask, like=first)
    yield from keep_background(frames, chain([first], known), mask=mask)


def _read_mask(path: Path, *, like: Frame) -> NDArray[np.float32]:
    """A mask 0…1 `h w` of the size of a frame."""
    import numpy as np
    from PIL import Image

    from videogen.media.image import read_image

    given, (height, width) = read_image(path), like.shape[:2]
    if abs(given.shape[0] * width - given.shape[1] * height) > max(height, width):
        raise RequestError(
            f"--background-mask {path.name} has {given.shape[1]}x{given.shape[0]} pixels and the video "
            f"{width}x{height}; expected the same proportions"
        )
    fitting = Image.fromarray(given).convert("L").resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(fitting, dtype=np.float32) / 255
