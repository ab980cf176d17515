"""A carried picture drawn by the network: whole, and its face again from near, and the two put together."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from videogen.close_up import CloseUp
from videogen.conditions.motion_field import is_head
from videogen.engine import Conditions
from videogen.errors import MissingExtra, RequestError
from videogen.jobs import Progress
from videogen.jobs.denoising import denoise
from videogen.media.image import read_image
from videogen.sampling import Timeline

if TYPE_CHECKING:
    from torch import Tensor

    from videogen.carried import CarriedPicture
    from videogen.engine import Engine
    from videogen.jobs.animate import Animate
    from videogen.types import Frame

log = logging.getLogger(__name__)
_SEEN, _HOLDS = 0.3, 0.7


def portray(
    request: Animate, engine: Engine, carried: CarriedPicture, *, fps: float, progress: Progress
) -> Iterator[Frame]:
    """Yield the frames of a carried picture at its own size."""
    draw = partial(_draw, request, engine, fps=fps)
    if not engine.reads_carried:
        yield from map(carried.as_drawn, draw(carried, progress=progress))
        return
    close_up = CloseUp.of(carried, spec=engine.spec)
    near = None if close_up is None else draw(close_up.carried, progress=progress)
    for number, drawn in enumerate(draw(carried, progress=progress)):
        whole = carried.enlarge(drawn)
        if close_up is not None and near is not None:
            whole = close_up.lay_over(whole, number, next(near))
        yield carried.detailed(number, whole)


def _draw(
    request: Animate, engine: Engine, carried: CarriedPicture, *, fps: float, progress: Progress
) -> Iterator[Tensor]:
    """What the network draws, frame by frame, `c h w`."""
    conditions = Conditions(
        fps=fps,
        prompt=request.prompt,
        reference=engine.encode_video(carried.reference),
        carried=engine.encode_video(carried.frames),
        visibility=carried.visibility,
        pose_maps=carried.pose_maps,
        picture=carried.reference,
    )
    spec = engine.spec
    latents = denoise(
        request,
        engine,
        Timeline.line(carried.num_frames),
        [engine.without(conditions), conditions],
        scale=spec.pose_guidance if request.guidance_scale is None else request.guidance_scale,
        size=(carried.canvas.height, carried.canvas.width),
        progress=progress,
    )
    return engine.decode_video(latents)


def find_person(picture: Frame, points: NDArray[np.float32], mask: Path | None) -> NDArray[np.float32] | None:
    """Where the person in a picture uint8 `h w c` is, 0…1 `h w`: as a mask says, or as mediapipe finds.

    Whole bodies are not sought: clothes that no limb carries would be left behind. None for them, where
    mediapipe is absent, or finds somebody other than the one with keypoints `k 3`. Raises RequestError for a
    mask of another shape.
    """
    if mask is not None:
        given = read_image(mask)
        if abs(given.shape[0] * picture.shape[1] - given.shape[1] * picture.shape[0]) > max(picture.shape):
            raise RequestError(
                f"--mask {mask.name} has {given.shape[1]}x{given.shape[0]} pixels and the portrait "
                f"{picture.shape[1]}x{picture.shape[0]}; expected the same proportions"
            )
        return np.asarray(given.mean(-1) / 255, dtype=np.float32)
    if not bool(is_head(torch.from_numpy(points))):
        return None
    from videogen.detection.mask import person_mask

    try:
        found = person_mask(picture)
    except MissingExtra:
        log.info("the background may move along: install videogen[pose] to tell the person from it")
        return None
    inside = points[(points[:, 2] >= _SEEN) & ((points[:, :2] >= 0) & (points[:, :2] < 1)).all(-1), :2]
    if not len(inside):
        return None
    columns, rows = (inside * found.shape[::-1]).astype(int).T
    return found if (found[rows, columns] > 0.5).mean() >= _HOLDS else None
