"""Photographs come from the installed package alone, some only for judging, and none are needed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from videogen.errors import MediaError
from videogen.world import photographs as module
from videogen.world.dice import Dice
from videogen.world.photographs import (
    HELD_OUT_PHOTOGRAPHS,
    TRAINED,
    count_photographs,
    draw_photographs,
    photographs,
)

pytest.importorskip("skimage")


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hide scikit-image."""
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    module._find.cache_clear()
    module._load.cache_clear()
    yield
    module._find.cache_clear()
    module._load.cache_clear()


def test_every_named_photograph_is_installed_and_in_one_set_only() -> None:
    assert not set(TRAINED) & set(HELD_OUT_PHOTOGRAPHS)
    assert count_photographs(held_out=False) == len(TRAINED)
    assert count_photographs(held_out=True) == len(HELD_OUT_PHOTOGRAPHS)


def test_crops_vary_in_place_and_light() -> None:
    crops = draw_photographs(Dice(torch.arange(40), seed=0), size=32, held_out=False)
    assert crops.shape == (40, 3, 32, 32)
    assert crops.min() >= 0
    assert crops.max() <= 1
    assert crops.flatten(1).unique(dim=0).shape[0] == 40
    assert crops.mean((2, 3)).std(0).min() > 0.05


def test_the_set_to_judge_by_is_fixed_and_sharp() -> None:
    views = photographs(128)
    assert views.shape == (6 * len(HELD_OUT_PHOTOGRAPHS), 3, 128, 128)
    assert views.min() >= 0
    assert views.max() <= 1
    assert torch.equal(views, photographs(128))
    assert views.diff(dim=-1).abs().amax((1, 2, 3)).min() > 0.2
    astronaut, coffee = views[0], views[6]
    assert astronaut.mean((1, 2)).sub(torch.tensor([0.5, 0.42, 0.4])).abs().max() < 0.1
    assert coffee.mean((1, 2)).diff().max() < -0.05, "red over green over blue"


def test_a_smaller_view_is_the_average_of_a_larger() -> None:
    large = torch.nn.functional.avg_pool2d(photographs(128), 4)
    assert (large - photographs(32)).abs().mean() < 0.03


def test_without_its_files_there_are_none_and_that_is_said(nothing_installed: None) -> None:
    assert count_photographs(held_out=False) == 0
    with pytest.raises(MediaError, match=r"install scikit-image again"):
        photographs(32)
