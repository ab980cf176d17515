"""Pictures that a clip from words is shown: one that it looks like, and keyframes that stand at their times.

A model with an IP-Adapter looks at the first; keyframes are hints for a SparseCtrl, or, where the network
continues what it knows, known frames that come back exactly. Those that show motion are gone on from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from videogen.errors import RequestError
from videogen.jobs.showing import parse_keyframe

if TYPE_CHECKING:
    from torch import Tensor

    from videogen.clip_conditions import Conditions
    from videogen.engine import Engine
    from videogen.jobs.keyframing import Moving
    from videogen.jobs.moved import MovedRequest
    from videogen.sampling import Timeline
    from videogen.types import Frame, Latents


@dataclass(frozen=True)
class Shown:
    """A `picture` `1 c h w`, and `keyframes` `n c h w` at the numbers `frames`; −1…1, None is absent.

    `moving` is the clip as it is carried on from keyframes, where nothing else says how it moves.
    """

    picture: Tensor | None
    keyframes: Tensor | None
    frames: tuple[int, ...]
    moving: Moving | None = None

    @classmethod
    def read(
        cls, request: MovedRequest, engine: Engine, *, fps: float, length: int, size: tuple[int, int]
    ) -> Shown:
        """Read the pictures for a clip of `length` frames of `size` (height, width); never stretched.

        Raises `MediaError` for files that are no pictures, `RequestError` where the model cannot be shown
        them and for keyframes outside the clip or at the same frame.
        """
        import torch

        from videogen.conditions.reference import covering, to_picture
        from videogen.jobs.keyframing import Moving
        from videogen.media.image import read_image

        if request.reference is not None and not engine.reads_pictures:
            raise RequestError(
                f"the model {engine.model} looks at no pictures; add --ip-adapter FILE to one "
                f"of Stable Diffusion's kind"
            )
        if request.keyframe and not (engine.reads_keyframes or engine.reads_carried):
            raise RequestError(
                f"the model {engine.model} reads no keyframes; add --sparse-control FILE "
                f"(v3_sd15_sparsectrl_rgb.ckpt) to one of Stable Diffusion's kind"
            )
        given = [parse_keyframe(text) for text in request.keyframe]
        numbers = [_frame_at(seconds, fps=fps, length=length) for seconds, _ in given]
        if len(set(numbers)) < len(numbers):
            raise RequestError(f"two of --keyframe {' '.join(request.keyframe)} are the same frame; drop one")
        pictures = [covering(to_picture(read_image(path)), *size) for _, path in given]
        keyframes, frames = torch.cat(pictures) if pictures else None, tuple(numbers)
        moving = None
        if keyframes is not None and request.leaves_motion and not engine.reads_keyframes:
            moving = Moving.of(keyframes, frames=frames, length=length, fps=fps, seed=request.chosen_seed())
        picture = None if request.reference is None else to_picture(read_image(request.reference))
        return cls(picture=picture, keyframes=keyframes, frames=frames, moving=moving)

    def until(self, length: int) -> Shown:
        """Of it what belongs to the first `length` frames."""
        kept = [index for index, number in enumerate(self.frames) if number < length]
        keyframes = self.keyframes[kept] if self.keyframes is not None and kept else None
        return Shown(self.picture, keyframes, tuple(self.frames[index] for index in kept))

    def told(self, conditions: Conditions, engine: Engine, *, length: int) -> Conditions:
        """Conditions of `length` frames with the picture, and the keyframes as hints, or carried on."""
        if self.moving is not None:
            conditions = self.moving.told(conditions, engine)
        if self.keyframes is None or not engine.reads_keyframes:
            return replace(conditions, picture=self.picture)
        hint = engine.keyframe_hint(self.keyframes, frames=self.frames, length=length)
        return replace(conditions, picture=self.picture, keyframes=hint)

    def timeline(self, engine: Engine, *, length: int) -> Timeline:
        """A line of `length` frames, in which the keyframes are known where they are not hints."""
        from videogen.sampling import Timeline

        line = Timeline.line(length)
        if self.keyframes is None or engine.reads_keyframes:
            return line
        return line.with_known(engine.encode_video(self.keyframes), frames=self.frames)

    def decoded(self, engine: Engine, latents: Latents, *, begin: int) -> Iterator[Frame]:
        """Frames from number `begin` on, from latents `1 c t h w`."""
        if self.moving is None:
            yield from engine.decode(latents)
            return
        for number, drawn in enumerate(engine.decode_video(latents), start=begin):
            yield self.moving.show(number, drawn)


def _frame_at(seconds: float, *, fps: float, length: int) -> int:
    """The number of the frame at a time; the very end is the last frame. Raises `RequestError` beyond it."""
    number = round(seconds * fps)
    if number > length:
        raise RequestError(
            f"--keyframe at {seconds:g} s lies outside the clip, which lasts {length / fps:g} s; give less"
        )
    return min(number, length - 1)
