"""What one clip is conditioned on, whichever model makes it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from videogen.errors import RequestError
from videogen.schedule import Schedule
from videogen.types import Latents


@dataclass(frozen=True)
class Conditions:
    """What one clip is conditioned on; every field but `fps` may be None, which means absent.

    `fps` are frames per second; `t` counts the frames of the whole clip. `reference` are latents `1 c 1 h w`;
    `carried` the reference carried along the motion field, latents `1 c t h w`; `visibility` `1 1 t h w`,
    0…1, at the size of the latents; `pose_maps` `1 3 t H W`, 0…1, at the size of the picture; `picture` the
    reference itself, −1…1 `1 c h w`, for models that read it in place of words or beside them; `motion` is
    how much moves, 1…255, and the deviation of the noise in the reference, for models that read them;
    `keyframes` the hint of a SparseCtrl, as `hint_at` makes it; `control_prompt` the words of guidance's
    other half, for ControlNets that hear the same words in both. Words may be a schedule over the frames.
    """

    fps: float
    prompt: str | Schedule | None = None
    reference: Latents | None = None
    carried: Latents | None = None
    visibility: Tensor | None = None
    pose_maps: Tensor | None = None
    picture: Tensor | None = None
    motion: tuple[float, float] | None = None
    keyframes: Tensor | None = None
    control_prompt: str | Schedule | None = None

    def between(self, start: int, stop: int) -> Conditions:
        """The conditions of the frames from `start` up to before `stop`, as a clip of their own."""
        cut = {name: value[:, :, start:stop] for name, value in self.per_frame().items()}
        words = {
            name: value.between(start, stop)
            for name in ("prompt", "control_prompt")
            if isinstance(value := getattr(self, name), Schedule)
        }
        return replace(self, **cut, **words)  # type: ignore[arg-type]

    def per_frame(self) -> dict[str, Tensor]:
        """What is given for each frame, `1 c t h w`, by name."""
        given = {
            "carried": self.carried,
            "visibility": self.visibility,
            "pose_maps": self.pose_maps,
            "keyframes": self.keyframes,
        }
        return {name: value for name, value in given.items() if value is not None}


def hint_at(shown: Tensor, *, frames: Sequence[int], length: int) -> Tensor:
    """What is `shown`, `1 c n h w`, at the numbers `frames` of a clip of `length`, `1 c+1 t h w`.

    Zeros elsewhere; the last channel is 1 where something is shown (SparseCtrl, Guo et al. 2023).
    """
    _, channels, _, height, width = shown.shape
    hint = shown.new_zeros(1, channels + 1, length, height, width)
    hint[:, :channels, list(frames)], hint[:, channels:, list(frames)] = shown, 1.0
    return hint


def check_conditions(conditions: Conditions, *, length: int) -> None:
    """Raise RequestError where what is given per frame is not `1 c t h w` with the clip's own t."""
    for name, value in conditions.per_frame().items():
        if value.ndim != 5 or value.shape[0] != 1 or value.shape[2] != length:
            raise RequestError(
                f"{name} has shape {tuple(value.shape)}; give 1 c {length} h w, a frame for each"
            )
    reference = conditions.reference
    if reference is not None and (reference.ndim != 5 or reference.shape[0] != 1 or reference.shape[2] != 1):
        raise RequestError(
            f"reference has shape {tuple(reference.shape)}; give the latents of one, 1 c 1 h w"
        )
    if not 0 < conditions.fps < math.inf:
        raise RequestError(f"fps is {conditions.fps}; give more than 0")
