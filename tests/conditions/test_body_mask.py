"""Bodies told from what is behind them, and their arms from the rest, by keypoints and colours."""

import numpy as np
import pytest
import torch
from torch import Tensor

from videogen.conditions.body_mask import arms_mask, body_mask
from videogen.conditions.geometry import pixel_centres
from videogen.conditions.limbs import ORDER, SEEN, limbs

SIDE = 128
COLOURS = {"ground": (-0.6, -0.2, 0.4), "body": (0.5, -0.5, -0.5), "arms": (0.7, 0.7, 0.5)}


def painted(figure: np.ndarray, *, wider: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    """A figure's picture `1 c h w` with some noise, and where it is and its arms are, bool `h w`."""
    points = torch.from_numpy(figure)[None]
    boxes = limbs(points[..., :2], points[..., 2] >= SEEN)
    places = pixel_centres(SIDE, SIDE, like=points).reshape(1, -1, 2)
    depth = boxes.coverage(places, pixel=1 / SIDE)[1].masked_fill(~boxes.seen[..., None], torch.inf)
    front = torch.tensor(ORDER) > 1
    arms = (depth[:, front].amin(1) < 1).reshape(SIDE, SIDE)
    body = (depth[:, ~front].amin(1) < 1 + wider).reshape(SIDE, SIDE) | arms
    picture = torch.zeros(3, SIDE, SIDE) + torch.tensor(COLOURS["ground"])[:, None, None]
    picture = torch.where(body, torch.tensor(COLOURS["body"])[:, None, None], picture)
    picture = torch.where(arms, torch.tensor(COLOURS["arms"])[:, None, None], picture)
    noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(0))
    return (picture + 0.1 * noise)[None], body, arms


def overlap(found: Tensor, truth: Tensor) -> float:
    found = found > 0.5
    return float((found & truth).sum() / (found | truth).sum())


def test_a_body_is_found_where_its_limbs_and_colours_are(figure: np.ndarray) -> None:
    picture, body, _ = painted(figure)
    found = body_mask(picture, torch.from_numpy(figure))
    assert found is not None
    assert overlap(found, body) > 0.93


def test_clothes_a_little_wider_than_limbs_are_of_the_body(figure: np.ndarray) -> None:
    picture, body, _ = painted(figure, wider=0.4)
    found = body_mask(picture, torch.from_numpy(figure))
    assert found is not None
    assert overlap(found, body) > 0.85


def test_a_hint_shows_what_no_limb_explains_and_is_doubted_where_it_is_unsure(figure: np.ndarray) -> None:
    picture, body, _ = painted(figure)
    skirt = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    skirt[80:112, 20:108] = True
    picture = torch.where(skirt, torch.tensor(COLOURS["body"])[:, None, None], picture)
    blurred = torch.where(body | skirt, 0.99, 0.01)
    blurred[100:] = 0.4  # the feet are not sure
    found = body_mask(picture, torch.from_numpy(figure), blurred)
    assert found is not None
    assert overlap(found, body | skirt) > 0.93


def test_arms_are_told_from_the_body_that_they_lie_on(figure: np.ndarray) -> None:
    picture, body, arms = painted(figure)
    assert overlap(arms_mask(picture, torch.from_numpy(figure), body.float()), arms) > 0.85


def test_without_limbs_there_is_no_body_and_there_are_no_arms(figure: np.ndarray) -> None:
    picture, body, _ = painted(figure)
    nobody = torch.zeros_like(torch.from_numpy(figure))
    assert body_mask(picture, nobody) is None
    assert arms_mask(picture, nobody, body.float()).max() < 0.01


@pytest.mark.parametrize("size", [(7, 5), (2, 2), (300, 40)])
def test_odd_sizes_come_back_as_they_are(figure: np.ndarray, size: tuple[int, int]) -> None:
    picture = torch.zeros(1, 3, *size)
    found = body_mask(picture, torch.from_numpy(figure))
    assert found is not None
    assert found.shape == size
    assert torch.isfinite(arms_mask(picture, torch.from_numpy(figure), found)).all()
