"""Lips and lids: what they show as they part and meet."""

import numpy as np
import pytest
import torch
from torch import Tensor

from videogen.conditions.geometry import pixel_centres
from videogen.conditions.openings import find_openings
from videogen.skeleton import FACE_SLICE

SEEN = torch.ones(1, 70, dtype=torch.bool)
RIGHT_EYE, LEFT_EYE, MOUTH = 0, 1, 2


@pytest.fixture
def still(face: np.ndarray) -> Tensor:
    return torch.from_numpy(face[FACE_SLICE, :2])[None]


@pytest.fixture
def places(still: Tensor) -> Tensor:
    return pixel_centres(256, 256, like=still)


def look(feature: int, there: Tensor, here: Tensor, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    inside, source, known = find_openings(there, here, SEEN, places, grown=torch.ones(1))[feature]
    return inside[0], source[0], known[0]


def at(values: Tensor, place: Tensor) -> Tensor:
    column, row = (place * 256).int().tolist()
    return values[row, column]


def parted(still: Tensor, by: float) -> Tensor:
    here = still.clone()
    here[:, [55, 56, 57, 58, 59, 65, 66, 67], 1] += by
    return here


@pytest.mark.parametrize("feature", [RIGHT_EYE, LEFT_EYE, MOUTH])
def test_a_face_that_does_not_move_shows_itself(feature: int, still: Tensor, places: Tensor) -> None:
    inside, source, _ = look(feature, still, still, places)
    assert inside.max() > 0.9
    strict = inside > 0.5
    assert (source - places)[strict].abs().max() < 0.004


def test_what_opens_between_closed_lips_is_new(still: Tensor, places: Tensor) -> None:
    here = parted(still, 0.05)
    inside, _, known = look(MOUTH, still, here, places)
    middle = (here[0, 62] + here[0, 66]) / 2
    assert at(inside, middle) > 0.9
    assert at(known, middle) < 0.1
    assert at(known, here[0, 57] + torch.tensor([0.0, -0.006])) > 0.9  # the lip itself is known
    assert (inside > 0).float().mean() < 0.05


def test_lips_that_meet_cover_what_was_between_them(still: Tensor, places: Tensor) -> None:
    open_ = parted(still, 0.05)
    inside, source, known = look(MOUTH, open_, still, places)
    seam = (still[0, 62] + still[0, 66]) / 2
    for aside in (-0.004, 0.004):
        shown = at(source, seam + torch.tensor([0.0, aside]))
        assert not open_[0, 62, 1] + 0.003 < shown[1] < open_[0, 66, 1] - 0.003
    assert known[inside > 0.5].min() > 0.9


def test_teeth_stay_with_the_upper_lip(still: Tensor, places: Tensor) -> None:
    little, wide = parted(still, 0.03), parted(still, 0.06)
    _, source, known = look(MOUTH, little, wide, places)
    tooth = wide[0, 62] + torch.tensor([0.0, 0.012])
    assert at(source, tooth) == pytest.approx(little[0, 62] + torch.tensor([0.0, 0.012]), abs=0.005)
    assert at(known, tooth) > 0.9
    assert at(known, wide[0, 66] - torch.tensor([0.0, 0.008])) < 0.2


def test_a_lid_that_closes_shows_skin_and_not_the_eye(still: Tensor, places: Tensor) -> None:
    here = still.clone()
    here[:, [37, 38, 43, 44], 1] = still[:, [41, 40, 47, 46], 1]
    for feature, upper, lower in ((RIGHT_EYE, 37, 41), (LEFT_EYE, 44, 46)):
        _, source, _ = look(feature, still, here, places)
        middle = (still[0, upper] + still[0, lower]) / 2
        assert at(source, middle)[1] < still[0, upper, 1] + 0.003


def test_an_eye_that_opens_wider_shows_something_new(still: Tensor, places: Tensor) -> None:
    here = still.clone()
    here[:, [37, 38, 43, 44], 1] -= 0.02
    _, _, known = look(RIGHT_EYE, still, here, places)
    assert at(known, here[0, 37] + torch.tensor([0.0, 0.008])) < 0.5
    assert at(known, (still[0, 37] + still[0, 41]) / 2) > 0.9


def test_hidden_features_are_left_alone(still: Tensor, places: Tensor) -> None:
    for inside, _, _ in find_openings(still, still, ~SEEN, places, grown=torch.ones(1)):
        assert not inside.any()
