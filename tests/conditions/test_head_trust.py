import numpy as np
import torch

from videogen.conditions.geometry import pixel_centres
from videogen.conditions.head_trust import firmness, opened
from videogen.skeleton import FACE_SLICE


def test_only_what_opens_wider_than_in_the_reference_is_new(face: np.ndarray) -> None:
    there = torch.from_numpy(face[FACE_SLICE, :2])[None]
    here = there.clone()
    here[:, [65, 66, 67], 1] += 0.04
    seen = torch.ones(1, 70, dtype=torch.bool)
    places = pixel_centres(64, 64, like=there)
    new = opened(there, here, seen, places)[0]
    inside = there[0, 62] * 64
    assert new[int(inside[1]) + 1, int(inside[0])] > 0.9
    assert new.gt(0).float().mean() < 0.02
    assert not opened(here, here, seen, places).any()
    assert not opened(here, there, seen, places).any()  # closing shows nothing new
    assert not opened(there, here, ~seen, places).any()


def test_rigid_motion_is_firm_and_folds_and_tears_are_not() -> None:
    places = pixel_centres(32, 48, like=torch.zeros(())) * torch.tensor([1.5, 1.0])
    turn = torch.tensor([[0.8, -0.6], [0.6, 0.8]])
    assert firmness((places @ turn)[None], aspect=1.5).min() > 0.999
    assert firmness((places * torch.tensor([-1.0, 1.0]))[None], aspect=1.5).max() == 0
    assert firmness((places * torch.tensor([0.1, 1.0]))[None], aspect=1.5).max() == 0
    assert firmness((places * torch.tensor([6.0, 1.0]))[None], aspect=1.5).max() == 0
