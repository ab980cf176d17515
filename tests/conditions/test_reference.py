"""Pictures of any size on the network's grid and back, with their keypoints."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from diffusers.pipelines.stable_video_diffusion.pipeline_stable_video_diffusion import (
    _resize_with_antialiasing,
)
from hypothesis import given
from hypothesis import strategies as st

from videogen.conditions.reference import CLIP_MEAN, CLIP_SPREAD, Canvas, seen_by_svd, to_picture

SIDES = st.integers(16, 3000)


@given(height=SIDES, width=SIDES, side=st.sampled_from([32, 64, 512]), multiple=st.sampled_from([8, 16, 64]))
def test_a_picture_is_never_stretched(height: int, width: int, side: int, multiple: int) -> None:
    canvas = Canvas.fit(height, width, side=side, multiple=multiple)
    scale = side / min(height, width)
    assert min(canvas.rows, canvas.columns) == side
    assert abs(canvas.rows - height * scale) <= 0.5
    assert abs(canvas.columns - width * scale) <= 0.5
    assert canvas.height % multiple == canvas.width % multiple == 0
    assert 0 <= canvas.height - canvas.rows < multiple
    assert 0 <= canvas.width - canvas.columns < multiple


def test_a_picture_of_the_network_s_own_size_stays_as_it_is() -> None:
    picture = torch.rand(1, 3, 64, 64) * 2 - 1
    canvas = Canvas.fit(64, 64, side=64, multiple=16)
    assert canvas == Canvas(64, 64, 64, 64)
    torch.testing.assert_close(canvas.place(picture), picture)


@pytest.mark.parametrize("size", [(251, 333), (333, 251), (64, 65), (100, 17)])
def test_odd_sizes_are_padded_by_repeating_the_edge_and_cropped_back(size: tuple[int, int]) -> None:
    picture = torch.rand(2, 3, *size) * 2 - 1
    canvas = Canvas.fit(*size, side=64, multiple=16)
    placed = canvas.place(picture)
    assert placed.shape == (2, 3, canvas.height, canvas.width)
    cropped = canvas.crop(placed)
    whole = F.interpolate(picture, (canvas.rows, canvas.columns), mode="bicubic", antialias=True)
    torch.testing.assert_close(cropped, whole.clamp(-1, 1))
    right, below = placed[..., : canvas.rows, canvas.columns :], placed[..., canvas.rows :, : canvas.columns]
    assert torch.equal(right, cropped[..., -1:].expand_as(right))
    assert torch.equal(below, cropped[..., -1:, :].expand_as(below))


@pytest.mark.parametrize("size", [(251, 333), (333, 251), (640, 640)])
@pytest.mark.parametrize("place", [(0.2, 0.3), (0.8, 0.9), (0.5, 0.5)])
def test_keypoints_follow_the_picture(size: tuple[int, int], place: tuple[float, float]) -> None:
    height, width = size
    x, y = place
    picture = torch.full((1, 3, height, width), -1.0)
    row, column = round(y * height), round(x * width)
    picture[:, :, row - 4 : row + 4, column - 4 : column + 4] = 1
    canvas = Canvas.fit(height, width, side=64, multiple=16)
    points = canvas.points(np.array([[x, y, 0.7]], np.float32))
    bright = canvas.place(picture)[0, 0].add(1).clamp_min(0)
    total = bright.sum()
    centre_x = (bright.sum(0) * (torch.arange(canvas.width) + 0.5)).sum() / total
    centre_y = (bright.sum(1) * (torch.arange(canvas.height) + 0.5)).sum() / total
    found = torch.stack([centre_x / canvas.width, centre_y / canvas.height])
    torch.testing.assert_close(found, points[0, :2], atol=0.01, rtol=0)
    assert points[0, 2] == torch.tensor(0.7)


def test_a_frame_becomes_a_picture_from_minus_one_to_one() -> None:
    frame = np.zeros((2, 3, 3), np.uint8)
    frame[1, 2] = (255, 0, 51)
    picture = to_picture(frame[:, ::-1])  # a view with negative strides, as flipped pictures are
    assert picture.shape == (1, 3, 2, 3)
    torch.testing.assert_close(picture[0, :, 1, 0], torch.tensor([1.0, -1.0, -0.6]))
    assert (picture[0, :, 0] == -1).all()


@pytest.mark.parametrize("size", [(576, 1024), (100, 80), (224, 224), (230, 500), (1100, 300)])
def test_svd_s_image_encoder_sees_what_diffusers_shows_it(size: tuple[int, int]) -> None:
    picture = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    shown = (_resize_with_antialiasing(picture, (224, 224)) + 1) / 2
    expected = (shown - torch.tensor(CLIP_MEAN).view(3, 1, 1)) / torch.tensor(CLIP_SPREAD).view(3, 1, 1)
    torch.testing.assert_close(seen_by_svd(picture, side=224), expected, atol=2e-6, rtol=0)
