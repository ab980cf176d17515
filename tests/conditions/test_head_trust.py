import torch

from videogen.conditions.geometry import pixel_centres
from videogen.conditions.head_trust import firmness


def test_rigid_motion_is_firm_and_folds_and_tears_are_not() -> None:
    places = pixel_centres(32, 48, like=torch.zeros(())) * torch.tensor([1.5, 1.0])
    turn = torch.tensor([[0.8, -0.6], [0.6, 0.8]])
    assert firmness((places @ turn)[None], apart=(1 / 32, 1.5 / 48)).min() > 0.999
    assert firmness((places * torch.tensor([-1.0, 1.0]))[None], apart=(1 / 32, 1.5 / 48)).max() == 0
    assert firmness((places * torch.tensor([0.1, 1.0]))[None], apart=(1 / 32, 1.5 / 48)).max() == 0
    assert firmness((places * torch.tensor([6.0, 1.0]))[None], apart=(1 / 32, 1.5 / 48)).max() == 0
