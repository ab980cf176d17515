"""The background of given videos, put back into new frames where that is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from videogen.enhance.still import keep_background
from videogen.media.image import read_image
from videogen.types import Frame

if TYPE_CHECKING:
    from videogen.jobs.given import GivenVideo
    from videogen.jobs.lengthened import LengthenedRequest


def kept(request: LengthenedRequest, given: Sequence[GivenVideo], frames: Iterator[Frame]) -> Iterator[Frame]:
    """Yield new frames, with the background of the given videos where the request keeps it.

    Raises `MediaError` for a mask that is no picture, `RequestError` for one of another size.
    """
    if not request.keep_background:
        yield from frames
        return
    mask = None
    if request.background_mask is not None:
        mask = read_image(request.background_mask).mean(-1) / np.float32(255)
    known = chain.from_iterable([*video.first, *video.last] for video in given)
    yield from keep_background(frames, known=known, mask=mask)
