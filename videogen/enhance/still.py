"""A still camera's background, kept: new frames get back the very pixels that known frames have shown there.

In: the known frames, one by one, and the new ones, one by one. Out: the new ones, in which what agrees with
the background is the background itself, softly, so that it neither drifts nor flickers nor loses sharpness;
what moves over it stays as it is. Where the camera moved nothing is taken for background, and nothing
changes. Memory holds a few frames, however long the clips.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from videogen.errors import RequestError
from videogen.types import Frame

Picture = TypeVar("Picture", bound=NDArray[Any])

_WATCHED = 24
"""Known frames that are looked at, evenly over all of them."""
_FEWEST = 4
"""Known frames from which on it can be told what moves."""
_NOISIEST = 8.0
_ROWS_AT_ONCE = 64
_CONTRAST = 5.0
"""Levels by which a place differs from its surroundings that shows whether the camera moves."""
_STILL_CAMERA = 0.5
"""How much of their contrast such places change by over time, at most, where the camera is still."""
_LEAST_LIMIT = 8.0
_MOST_DRIFT = 16.0


@dataclass(frozen=True, eq=False)
class StillBackground:
    """What stays in place: `picture` float32 `h w c`, 0…255, `confidence` 0…1 `h w`, the source's `noise`.

    `confidence` says how often the background was seen, unmoving: 0 where it never was. `noise` is its
    deviation over time in levels of 255; a new frame may be off by `tolerance` times as much, besides some
    levels that any network is.
    """

    picture: NDArray[np.float32]
    confidence: NDArray[np.float32]
    noise: float
    tolerance: float = 2.0

    @classmethod
    def find(
        cls, known: Iterable[Frame], *, mask: NDArray[Any] | None = None, tolerance: float = 2.0
    ) -> StillBackground:
        """The background of the `known` frames, uint8 `h w c`: each pixel's median, where it hardly deviates.

        With `mask`, 0…1 `h w`, it is where that is 1, whatever moved. Fewer than four frames have none.
        Raises `RequestError` without frames and where frames or the mask differ in size.
        """
        watched = _watch(known)
        height, width = watched[0].shape[:2]
        if any(frame.shape != watched[0].shape for frame in watched):
            raise RequestError("the known frames differ in size, so they have no background in common")
        if mask is not None and mask.shape != (height, width):
            raise RequestError(
                f"the background's mask has {mask.shape[1]}x{mask.shape[0]} pixels, the frames have "
                f"{width}x{height}; give one of their size"
            )
        picture, spread = _median(watched)
        noise = min(float(np.quantile(spread, 0.3)), _NOISIEST)
        limit = max(3 * noise, 3.0)
        if mask is not None:
            confidence = mask.astype(np.float32)
        elif len(watched) < _FEWEST:
            confidence = np.zeros((height, width), np.float32)
        else:
            near = [_apart(frame, picture) <= limit for frame in watched]
            confidence = _smoothstep((np.mean(near, 0, dtype=np.float32) - 0.5) / 0.25)
            if not _is_still(watched[0], spread):
                confidence[:] = 0
        return cls(picture, confidence, noise, tolerance)

    @property
    def is_there(self) -> bool:
        """Whether anything was seen to stay in place."""
        return bool(self.confidence.any())

    def keep(self, frame: Picture) -> Picture:
        """A new frame `h w c`, uint8 or float of 0…255, with the background's own pixels where it agrees."""
        if frame.shape != self.picture.shape:
            raise RequestError(
                f"a frame of {frame.shape[1]}x{frame.shape[0]} pixels has another background than one of "
                f"{self.picture.shape[1]}x{self.picture.shape[0]}"
            )
        if not self.is_there:
            return frame
        seen = frame.astype(np.float32)
        limit = _LEAST_LIMIT + self.tolerance * self.noise
        gap = _soft(seen, self._grain) - self._soft_picture
        drift = np.median(gap[self.confidence > 0.5], 0) if self._share.any() else 0.0
        apart = np.abs(gap - np.clip(drift, -_MOST_DRIFT, _MOST_DRIFT)).max(-1)
        moving = _smoothstep((apart - limit) / limit)
        moving[ndimage.binary_fill_holes(moving > 0.5)] = 1  # what is within a thing is part of it
        moving = self._widened(moving)
        share = (self._share * (1 - moving))[..., None]
        kept = seen + share * (self.picture - seen)
        if np.issubdtype(frame.dtype, np.integer):
            kept = np.rint(kept).clip(0, 255)
        found: Picture = kept.astype(frame.dtype)
        return found

    @cached_property
    def _grain(self) -> float:
        """Pixels over which a new frame is softened before it is compared: it may lack what is finer."""
        return 1.5 * max(1.0, min(self.picture.shape[:2]) / 256)

    @cached_property
    def _soft_picture(self) -> NDArray[np.float32]:
        return _soft(self.picture, self._grain)

    @cached_property
    def _share(self) -> NDArray[np.float32]:
        """How much of the background is put back at most, fading where it is not known."""
        return 1 - self._widened(1 - self.confidence)

    def _widened(self, where: NDArray[np.float32]) -> NDArray[np.float32]:
        """A map 0…1 grown by some pixels, with an edge that fades outwards from there."""
        grown = ndimage.maximum_filter(where, size=2 * round(3 * self._grain) + 1)
        wide: NDArray[np.float32] = ndimage.gaussian_filter(grown, self._grain)
        return np.minimum(1.02 * wide, 1)


def keep_background(
    frames: Iterable[Picture], known: Iterable[Frame], *, mask: NDArray[Any] | None = None
) -> Iterator[Picture]:
    """Yield the new `frames` with the background that the `known` ones have; see `StillBackground`.

    The known frames are read first, and all of them.
    """
    background = StillBackground.find(known, mask=mask)
    yield from map(background.keep, frames)


def _watch(known: Iterable[Frame]) -> list[Frame]:
    """At most `_WATCHED` of the frames, evenly spaced, of however many."""
    watched: list[Frame] = []
    spacing = 1
    for number, frame in enumerate(known):
        if number % spacing == 0:
            watched.append(frame)
            if len(watched) > _WATCHED:
                watched, spacing = watched[::2], 2 * spacing
    if not watched:
        raise RequestError("there are no known frames whose background could be kept")
    return watched


def _median(watched: list[Frame]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Each pixel's median `h w c`, and its median deviation from it as that of a Gaussian, `h w`."""
    picture = np.empty(watched[0].shape, np.float32)
    spread = np.empty(picture.shape[:2], np.float32)
    for first in range(0, len(picture), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        some = np.stack([frame[rows] for frame in watched])
        picture[rows] = np.median(some, 0)
        spread[rows] = 1.4826 * np.median(_apart(some, picture[rows]), 0)
    return picture, spread


def _apart(frame: NDArray[Any], picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far pixels are from a picture's, in the channel that differs most, `… h w`."""
    found: NDArray[np.float32] = np.abs(frame - picture).max(-1)
    return found


def _is_still(frame: Frame, spread: NDArray[np.float32]) -> bool:
    """Whether the camera is still: the places that stand out most hardly change by their contrast.

    Under a camera that moves each takes on the values around it. Where none stands out it cannot matter.
    """
    grey = frame.mean(-1, dtype=np.float32)
    mean = ndimage.uniform_filter(grey, 9)
    contrast = np.sqrt((ndimage.uniform_filter(grey**2, 9) - mean**2).clip(min=0))
    outstanding = contrast > max(_CONTRAST, float(np.quantile(contrast, 0.6)))
    if not outstanding.any():
        return True
    # The channel that differs most deviates half as much again as their mean does.
    return float(np.median(spread[outstanding] / contrast[outstanding])) < 1.5 * _STILL_CAMERA


def _soft(picture: NDArray[np.float32], grain: float) -> NDArray[np.float32]:
    soft: NDArray[np.float32] = ndimage.gaussian_filter(picture, (grain, grain, 0))
    return soft


def _smoothstep(value: NDArray[np.float32]) -> NDArray[np.float32]:
    share: NDArray[np.float32] = value.clip(0, 1).astype(np.float32)
    return share * share * (3 - 2 * share)
