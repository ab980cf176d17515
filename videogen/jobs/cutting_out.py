"""Who is in a portrait, and what is behind: found with other people's software, or given by the user."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from videogen.conditions.body_mask import body_mask
from videogen.conditions.motion_field import is_head
from videogen.conditions.reference import to_picture
from videogen.errors import MissingExtra, RequestError
from videogen.media.image import read_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from videogen.types import Frame

log = logging.getLogger(__name__)
_SEEN, _HOLDS = 0.3, 0.7
_LARGE = 128
"""Pixels of the shorter side from which on networks made for photographs, and pieces of the picture, help."""


def find_person(picture: Frame, points: NDArray[np.float32], mask: Path | None) -> NDArray[np.float32] | None:
    """Where the person in a picture uint8 `h w c` is, 0…1 `h w`: as a mask says, or as mediapipe finds.

    Whole bodies are found by their keypoints `k 3` and by colours as well, and in small pictures, or where
    mediapipe is absent, by these alone. None for a head where it is absent, or finds somebody else than the
    one with keypoints. Raises RequestError for a mask of another shape.
    """
    if mask is not None:
        given = read_image(mask)
        if abs(given.shape[0] * picture.shape[1] - given.shape[1] * picture.shape[0]) > max(picture.shape):
            raise RequestError(
                f"--mask {mask.name} has {given.shape[1]}x{given.shape[0]} pixels and the portrait "
                f"{picture.shape[1]}x{picture.shape[0]}; expected the same proportions"
            )
        return np.asarray(given.mean(-1) / 255, dtype=np.float32)
    if bool(is_head(torch.from_numpy(points))):
        return _mask_around(picture, points)
    found = _mask_around(picture, points) if min(picture.shape[:2]) >= _LARGE else None
    hint = None if found is None else torch.from_numpy(found)
    body = body_mask(to_picture(picture), torch.from_numpy(points), hint)
    return None if body is None else np.asarray(body.numpy())


def find_ground(
    picture: Frame, points: NDArray[np.float32], person: NDArray[np.float32] | None
) -> Frame | None:
    """What is behind a person with the mask `h w`, as far as can be guessed; see `fill_ground`.

    None for a head, since what little it uncovers is like what is beside it, and in small pictures, which
    the network fills better.
    """
    from videogen.detection.ground import fill_ground

    if person is None or min(picture.shape[:2]) < _LARGE or bool(is_head(torch.from_numpy(points))):
        return None
    if person.shape != picture.shape[:2]:
        size = picture.shape[1], picture.shape[0]
        person = np.array(Image.fromarray(person).resize(size, Image.Resampling.BILINEAR))
    try:
        return fill_ground(picture, person)
    except MissingExtra:
        return None


def _mask_around(picture: Frame, points: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """What mediapipe takes for a person, if that is the one with these keypoints."""
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
