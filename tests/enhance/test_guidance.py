"""A still's detail goes where it lies in the frame, and nowhere that the two do not agree."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from videogen.enhance.guidance import Guidance
from videogen.errors import RequestError
from videogen.types import Frame

SMALL, LARGE = (96, 96), (192, 192)


def scene(shift: float) -> Frame:
    """Blobs with fine grain on them, moved to the right by `shift` large pixels, 192 square."""
    rng = np.random.default_rng(3)
    wide = np.kron(rng.uniform(0.2, 0.8, (20, 20, 3)), np.ones((16, 16, 1)))
    soft = np.asarray(
        Image.fromarray((wide * 255).astype(np.uint8)).resize((320, 320), Image.Resampling.BICUBIC)
    )
    grain = rng.normal(0, 18, (320, 320, 1))
    full = Image.fromarray((soft + grain).clip(0, 255).astype(np.uint8))
    moved = full.transform(
        LARGE, Image.Transform.AFFINE, (1, 0, 60 - shift, 0, 1, 60), Image.Resampling.BICUBIC
    )
    return np.asarray(moved)


def resized(frame: Frame, size: tuple[int, int]) -> Frame:
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC))


def psnr(one: Frame, other: Frame) -> float:
    inner: NDArray[np.float64] = (one.astype(float) - other)[12:-12, 12:-12]
    return float(10 * np.log10(255**2 / (inner**2).mean()))


def test_detail_is_carried_to_where_the_scene_has_moved() -> None:
    truth = scene(3.0)
    given = resized(truth, SMALL)
    plain = resized(given, LARGE)
    guided = Guidance(scene(0.0)).add_detail(plain, given)
    assert psnr(guided, truth) > psnr(plain, truth) + 2.5


def test_another_picture_adds_hardly_anything() -> None:
    truth = scene(0.0)
    given = resized(truth, SMALL)
    plain = resized(given, LARGE)
    other = np.ascontiguousarray(255 - truth[::-1])
    guided = Guidance(other).add_detail(plain, given)
    assert psnr(guided, truth) > psnr(plain, truth) - 0.3


def test_a_still_of_another_shape_is_refused() -> None:
    given = resized(scene(0.0), SMALL)
    with pytest.raises(RequestError, match="guidance picture is 192x150, the video 96x96"):
        Guidance(scene(0.0)[:150]).add_detail(resized(given, LARGE), given)
