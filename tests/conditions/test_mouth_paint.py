"""The painted inside of a mouth: only where lips open, in the picture's own light."""

import numpy as np
import pytest
import torch
from torch import Tensor

from videogen.conditions.mouth_paint import paint_mouth
from videogen.skeleton import FACE_SLICE

SIDE = 128


@pytest.fixture
def still(face: np.ndarray) -> Tensor:
    return torch.from_numpy(face)


def opened(still: Tensor, by: float) -> Tensor:
    moving = still[None].clone()
    lower = [FACE_SLICE.start + point for point in (55, 56, 57, 58, 59, 65, 66, 67)]
    moving[:, lower, 1] += by
    return moving


def paint(still: Tensor, moving: Tensor, *, light: float = 0.2) -> tuple[Tensor, Tensor]:
    picture = torch.full((1, 3, SIDE, SIDE), light)
    return paint_mouth(picture, still, picture[:, :, None], moving)


def test_closed_lips_stay_unpainted(still: Tensor) -> None:
    painted, share = paint(still, still[None])
    assert not share.any()
    assert (painted == 0.2).all()


def test_opened_lips_show_teeth_above_and_dark_below(still: Tensor) -> None:
    moving = opened(still, 0.09)
    painted, share = paint(still, moving)
    upper, lower = moving[0, FACE_SLICE.start + 62, :2], moving[0, FACE_SLICE.start + 66, :2]
    column = int(upper[0] * SIDE)
    line = painted[0, :, 0, int(upper[1] * SIDE) + 1 : int(lower[1] * SIDE), column].mean(0)
    assert line[:2].max() > line[line.numel() // 2] + 0.3
    assert line.min() < -0.5
    assert 0 < float((share > 0.5).float().mean()) < 0.02


def test_nothing_but_the_mouth_is_painted(still: Tensor) -> None:
    painted, share = paint(still, opened(still, 0.09))
    assert torch.equal(
        painted[0, :, 0][:, share[0, 0] == 0], torch.full_like(painted, 0.2)[0, :, 0][:, share[0, 0] == 0]
    )


def test_teeth_are_as_bright_as_the_face_allows(still: Tensor) -> None:
    moving = opened(still, 0.09)
    lit, _ = paint(still, moving, light=0.6)
    dim, share = paint(still, moving, light=-0.6)
    where = share[0, 0] > 0.9
    assert lit[0, :, 0][:, where].max() > dim[0, :, 0][:, where].max() + 0.5


def test_a_picture_that_shows_its_teeth_keeps_them(still: Tensor) -> None:
    smiling = opened(still, 0.05)[0]
    _, share = paint(smiling, opened(still, 0.05))
    assert share.max() < 0.05


def test_hidden_faces_are_left_alone(still: Tensor) -> None:
    moving = opened(still, 0.09)
    moving[:, FACE_SLICE, 2] = 0
    painted, share = paint(still, moving)
    assert not share.any()
    assert (painted == 0.2).all()


def test_lips_that_close_get_a_line_that_ends_before_the_corners(still: Tensor) -> None:
    smiling, side = opened(still, 0.05)[0], 512
    inner = FACE_SLICE.start + torch.arange(60, 68)
    still = still.clone()
    still[inner, 1] = still[inner, 1].mean()
    picture = torch.full((1, 3, side, side), 0.2)
    painted, share = paint_mouth(picture, smiling, picture[:, :, None], still[None])
    assert not share.any()  # it hides nothing: it is where the lips are
    lips = still[FACE_SLICE.start + torch.arange(48, 68), :2] * side
    upper, lower = lips[14], lips[18]
    column = painted[0, :, 0, :, int(upper[0])].mean(0)
    dark = (column < 0.1).nonzero()[:, 0]
    assert 1 <= len(dark) <= 6
    assert upper[1] - 2 < dark.float().mean() < lower[1] + 2
    assert (painted[..., : int(lips[0, 0])] == 0.2).all()
    again, _ = paint_mouth(picture, still, picture[:, :, None], still[None])
    assert torch.equal(again, picture[:, :, None])  # closed lips have a line of their own
