"""Bodies with masks: clothes go along, skirts do not tear, and what an arm hid is there when it leaves."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.conditions.test_body_mask import SIDE, painted
from videogen.conditions.layers import Layers
from videogen.conditions.motion_field import MotionField, motion_field, warp
from videogen.skeleton import BODY


def field_of(figure: np.ndarray, driving: np.ndarray, person: Tensor, arms: Tensor) -> MotionField:
    masks = torch.stack([person, arms])[None].float()
    still, moving = torch.from_numpy(figure)[None], torch.from_numpy(driving)[None, None]
    return motion_field(still, moving, height=SIDE, width=SIDE, masks=masks)


def carried(figure: np.ndarray, driving: np.ndarray, picture: Tensor, person: Tensor, arms: Tensor) -> Tensor:
    layers = Layers.split(picture, person.float(), arms=arms.float())
    field = field_of(figure, driving, layers.person[0, 0], arms)
    return layers.carry(field, warp(picture, field), field.visibility)[0][0, :, 0]


def skirt() -> Tensor:
    """What reaches from the hips to the lower edge, far wider than any leg, bool `h w`."""
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    return (rows > 70) & ((columns - SIDE / 2).abs() < 12 + (rows - 70) * 0.6)


def test_who_stays_is_the_picture_as_it_was(figure: np.ndarray) -> None:
    picture, person, arms = painted(figure)
    shown = carried(figure, figure, picture, person, arms)
    torch.testing.assert_close(shown, picture[0], atol=1e-3, rtol=0)


@pytest.mark.parametrize("by", [(0.0, -0.06), (0.08, 0.0), (0.0, 0.12)])
def test_a_skirt_goes_along_whole_and_beyond_the_picture(figure: np.ndarray, by: tuple[float, float]) -> None:
    _, person, arms = painted(figure)
    person = person | skirt()
    moved = figure.copy()
    moved[:, :2] += by
    field = field_of(figure, moved, person, arms & ~skirt())
    rows, columns = round(by[1] * SIDE), round(by[0] * SIDE)
    expected = skirt()[88 - rows : 112 - rows, 20:108]
    there = warp(person.float()[None, None], field)[0, 0, 0] * field.person[0, 0]
    assert (there[88:112, 20 + columns : 108 + columns] > 0.5)[expected].float().mean() > 0.97
    assert there[126, 64 + columns] > 0.9
    if by[1] >= 0:
        assert there[:8].max() < 0.1  # the head is not mirrored at the upper edge


def test_what_an_arm_hid_takes_the_colours_of_the_body(figure: np.ndarray) -> None:
    picture, person, arms = painted(figure)
    raised = figure.copy()
    raised[BODY["right_elbow"], :2] = 0.25, 0.35
    raised[BODY["right_wrist"], :2] = 0.12, 0.28
    shown = carried(figure, raised, picture, person, arms)
    colour = torch.tensor([0.5, -0.5, -0.5])
    was = shown[:, 54:59, 56:66].flatten(1).mean(1)  # where the forearm lay
    torch.testing.assert_close(was, colour, atol=0.15, rtol=0)
    now = shown[:, 40, 22]
    torch.testing.assert_close(now, torch.tensor([0.7, 0.7, 0.5]), atol=0.35, rtol=0)


def test_legs_that_the_driver_lacks_hang_on_the_body(figure: np.ndarray) -> None:
    picture, person, arms = painted(figure)
    above = figure.copy()
    above[:, 0] += 0.1
    for side in ("right", "left"):
        above[[BODY[f"{side}_knee"], BODY[f"{side}_ankle"]]] = 0
    shown = carried(figure, above, picture, person, arms)
    by = round(0.1 * SIDE)
    torch.testing.assert_close(shown[:, 80:110, 55 + by], picture[0, :, 80:110, 55], atol=0.4, rtol=0)
