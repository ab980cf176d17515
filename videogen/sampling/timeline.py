"""The timeline: which frames a clip has, which of them are known, and whether its ends meet.

Every generative job is "denoise a timeline in which some frames are already known"; a job builds this one
value and the sampler understands it. `known` and `mask` cover the whole clip, so that any pattern over time
and space is the same case: frames before, after or around the unknown ones, or a region of every frame.
A line has two ends; on a ring frame 0 follows the last one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from videogen.errors import RequestError
from videogen.types import Latents


@dataclass(frozen=True, eq=False)
class Timeline:
    """A clip to be denoised.

    `length` is in latent frames. `known` is `1 c t h w`, `mask` is float `1 1 t h w`, 1 where `known` must
    come back exactly and 0 where the sampler is free; both or neither are given. `strength`, 0…1, is the
    share of the schedule that is run: below 1 sampling starts from `known`, noised to that level, wherever
    the mask is 0 too. Raises `RequestError` where these contradict each other.
    """

    length: int
    ring: bool = False
    known: Latents | None = None
    mask: Tensor | None = None
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.length < 1:
            raise RequestError(f"a timeline of {self.length} frames was asked for; give at least 1")
        if not 0 <= self.strength <= 1:
            raise RequestError(f"strength is {self.strength}; give a number from 0 (keep) to 1 (make anew)")
        if (self.known is None) != (self.mask is None):
            raise RequestError("a timeline needs both known latents and their mask, or neither")
        if self.known is not None and self.mask is not None:
            _check_known(self.known, self.mask, length=self.length)
        elif self.strength < 1:
            raise RequestError(f"strength {self.strength} starts from known latents, but none are known")

    @classmethod
    def line(cls, length: int) -> Timeline:
        """A clip of `length` unknown frames with a beginning and an end."""
        return cls(length=length)

    @classmethod
    def ring_of(cls, length: int) -> Timeline:
        """A loop of `length` unknown frames: the first follows the last."""
        return cls(length=length, ring=True)

    @classmethod
    def edit(cls, latents: Latents, *, strength: float, keep: Tensor | None = None) -> Timeline:
        """A line that starts from existing latents `1 c t h w`, noised to `strength`.

        `keep` is 0/1 and broadcasts to `1 1 t h w`: 1 where the latents must come back exactly. Without it
        everything may change.
        """
        _check_rank(latents)
        mask = torch.zeros_like(latents[:, :1]) if keep is None else _as_mask(keep, latents)
        return cls(length=latents.shape[2], known=latents, mask=mask, strength=strength)

    def with_known(
        self, latents: Latents, *, frames: Sequence[int], region: Tensor | None = None
    ) -> Timeline:
        """This timeline with `latents`, `1 c t h w`, known at the frame numbers `frames`.

        `region` is 0/1 and broadcasts to `1 1 t h w`: 1 where the latents are known; without it all of them
        are. What was known before stays known elsewhere. On a ring, numbers may run over either end (−1 is
        the last frame); on a line they lie within 0…length−1, else `RequestError`.
        """
        _check_rank(latents)
        if not self.ring and not all(0 <= number < self.length for number in frames):
            raise RequestError(f"known frames {list(frames)} lie outside a line of {self.length} frames")
        places = [number % self.length for number in frames]
        if len(places) != latents.shape[2] or len(set(places)) != len(places):
            raise RequestError(
                f"{latents.shape[2]} known frames were given the numbers {list(frames)}; "
                f"give one number per frame, each once"
            )
        if self.known is None or self.mask is None:
            known = latents.new_zeros(1, latents.shape[1], self.length, *latents.shape[3:])
            mask = torch.zeros_like(known[:, :1])
        else:
            known, mask = self.known.clone(), self.mask.clone()
        if known[:, :, 0].shape != latents[:, :, 0].shape:
            raise RequestError(
                f"known latents of shape {tuple(latents.shape)} do not fit those already known, "
                f"{tuple(known.shape)}; give the same channels, height and width"
            )
        here = torch.ones_like(latents[:, :1]) if region is None else _as_mask(region, latents)
        known[:, :, places] = torch.where(here == 1, latents.to(known), known[:, :, places])
        mask[:, :, places] = torch.maximum(here.to(mask), mask[:, :, places])
        return replace(self, known=known, mask=mask)

    def between(self, start: int, stop: int) -> Timeline:
        """The frames from `start` up to before `stop` as a line of their own."""
        if self.known is None or self.mask is None:
            return Timeline(stop - start, strength=self.strength)
        known, mask = self.known[:, :, start:stop], self.mask[:, :, start:stop]
        return Timeline(stop - start, known=known, mask=mask, strength=self.strength)


def _check_rank(latents: Latents) -> None:
    if latents.ndim != 5 or latents.shape[0] != 1:
        raise RequestError(f"known latents have shape {tuple(latents.shape)}; give 1 c t h w")


def _as_mask(region: Tensor, latents: Latents) -> Tensor:
    shape = (1, 1, *latents.shape[2:])
    sides = zip(reversed(region.shape), reversed(shape), strict=False)
    if region.ndim > 5 or not all(side in (1, full) for side, full in sides):
        raise RequestError(f"a region of shape {tuple(region.shape)} does not broadcast to {shape}")
    return region.to(latents).expand(shape)


def _check_known(known: Latents, mask: Tensor, *, length: int) -> None:
    _check_rank(known)
    if known.shape[2] != length:
        raise RequestError(f"known latents have {known.shape[2]} frames, but the timeline has {length}")
    if mask.shape != (1, 1, *known.shape[2:]):
        raise RequestError(
            f"the mask has shape {tuple(mask.shape)}; latents of shape {tuple(known.shape)} need "
            f"{(1, 1, *known.shape[2:])}"
        )
    if not bool(((mask == 0) | (mask == 1)).all()):
        raise RequestError("the mask of known latents holds values other than 0 and 1")
    if not bool(torch.isfinite(known).all()):
        raise RequestError("known latents hold NaN or Inf; give finite numbers")
