"""A driving video as a ControlNet reads it: edges, depth or lines of its frames, in place of a pose.

The frames are shown at the clip's rate and cut to the clip's proportions, their middle kept. Whoever is to
be seen comes from the portrait and the words; nothing is carried along a pose.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from videogen.conditions.reference import Canvas, covering, to_frame, to_picture
from videogen.engine import Conditions
from videogen.errors import MediaError, RequestError
from videogen.jobs import Progress, silent
from videogen.jobs.annotating import load_map_drawer
from videogen.jobs.checks import check_amount, output_size
from videogen.jobs.denoising import denoise
from videogen.jobs.driving import clip_length
from videogen.jobs.ledger import Ledger
from videogen.jobs.words import warn_of_unknown_words
from videogen.media.image import is_still, read_image
from videogen.media.video import probe, read_video
from videogen.sampling import Timeline
from videogen.types import Frame, Latents

if TYPE_CHECKING:
    from videogen.engine import Engine
    from videogen.jobs.animate import Animate


@dataclass(frozen=True)
class Shapes:
    """Which frame of a video, or of a picture, each frame of a clip follows, and what is drawn of it."""

    path: Path
    kind: str
    sources: tuple[int, ...]

    @classmethod
    def of(cls, path: Path, kind: str, *, rate: Fraction, seconds: float | None) -> Shapes:
        """Those of a clip at `rate`, as long as the video or `seconds`; raises RequestError, MediaError."""
        own = rate if is_still(path) else probe(path).fps
        count = sum(1 for _ in _frames(path))
        if not count:
            raise MediaError(f"{path} has no frames; give a video")
        length = clip_length(path, count / own, rate=rate, seconds=seconds)
        return cls(path, kind, tuple(min(count - 1, int(n * own / rate)) for n in range(length)))

    def draw(
        self, height: int, width: int, *, weights: Path | None, device: str, progress: Progress = silent
    ) -> Tensor:
        """What a ControlNet is shown, 0…1 `1 3 t height width`; raises as `load_map_drawer` does."""
        draw = load_map_drawer(self.kind, weights=weights, device=device)
        wanted, maps = frozenset(self.sources), {}
        for number, frame in enumerate(_frames(self.path)):
            if number in wanted:
                maps[number] = draw(to_frame(covering(to_picture(frame), height, width)[0]))
                progress(self.kind, len(maps), len(wanted))
            if number == self.sources[-1]:
                break
        shown = np.stack([maps[number] for number in self.sources])
        return torch.from_numpy(shown).permute(3, 0, 1, 2)[None].float() / 255


def check_control(engine: Engine, *, kind: str) -> None:
    """Raise `RequestError` where no ControlNet of the model's reads what is drawn."""
    if engine.reads_carried or engine.needs_poses:
        raise RequestError(
            f"the model {engine.model} follows poses and cannot follow {kind}; leave --control out, or give "
            f"a model of Stable Diffusion's kind with a --controlnet that reads it"
        )
    if not engine.reads_poses:
        raise RequestError(
            f"the model {engine.model} has no ControlNet to show {kind} to; add one with --controlnet FILE"
        )


def follow_shapes(
    request: Animate, engine: Engine, *, ledger: Ledger, progress: Progress = silent
) -> Iterator[Frame]:
    """Yield the frames of a portrait that follows shapes; raises `RequestError` or `MediaError`."""
    check_control(engine, kind=request.control)
    if request.keypoints is not None or request.smoothing:
        raise RequestError("--keypoints and --smoothing are for poses; leave them out with --control")
    spec = engine.spec
    rate = request.rate(spec.fps)
    picture = read_image(request.portrait)
    size = output_size(request.height, request.width, picture=picture.shape[:2])
    canvas = Canvas.fit(*size, side=min(spec.height, spec.width), multiple=spec.size_multiple)
    shapes = Shapes.of(request.pose, request.control, rate=rate, seconds=request.seconds)
    timeline = Timeline.line(len(shapes.sources))
    check_amount(timeline.length, canvas.height, canvas.width)
    if request.prompt is not None:
        warn_of_unknown_words(request.prompt, engine)

    def make() -> Latents:
        maps = shapes.draw(
            canvas.height, canvas.width, weights=request.weights, device=engine.device.type, progress=progress
        )
        reference = canvas.place(to_picture(picture))
        told = Conditions(
            fps=float(rate), prompt=request.prompt, reference=engine.encode_video(reference), pose_maps=maps,
            picture=reference,
        )  # fmt: skip
        return denoise(
            request, engine, timeline, [engine.without(told), told],
            scale=spec.pose_guidance if request.guidance_scale is None else request.guidance_scale,
            size=(canvas.height, canvas.width), progress=progress, keeper=ledger.steps("clip"),
        )  # fmt: skip

    latents = ledger.once("clip", make)
    for drawn in engine.decode_video(latents):
        shown = canvas.crop(drawn.cpu())[None]
        yield to_frame(_sized(shown, *size)[0])


def _sized(picture: Tensor, height: int, width: int) -> Tensor:
    if picture.shape[-2:] == (height, width):
        return picture.clamp(-1, 1)
    large = torch.nn.functional.interpolate(
        picture, (height, width), mode="bicubic", antialias=True, align_corners=False
    )
    return large.clamp(-1, 1)


def _frames(path: Path) -> Iterator[Frame]:
    if is_still(path):
        yield read_image(path)
        return
    with read_video(path) as video:
        yield from video
