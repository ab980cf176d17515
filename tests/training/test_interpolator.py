"""The stage of the frame interpolator."""

import pytest
import torch

from videogen.models.flow import warp
from videogen.training.interpolator import Batch, InterpolatorStage, varied
from videogen.world.triplets import draw_album, draw_triplets


@pytest.fixture(scope="module")
def stage() -> InterpolatorStage:
    return InterpolatorStage(batch_size=4, size=32)


def test_a_batch_is_the_same_for_the_same_number(stage: InterpolatorStage) -> None:
    other = InterpolatorStage(batch_size=4, size=32)
    for number in (0, 1, 2):
        assert torch.equal(stage.batch(number).frames, other.batch(number).frames)


def test_the_loss_reaches_every_weight_that_can_learn(stage: InterpolatorStage) -> None:
    batch = Batch.of(draw_triplets(draw_album(0, count=8), torch.arange(4), size=32, large=True))
    loss, figures = stage.loss(batch, step=0, device=torch.device("cpu"))
    loss.backward()
    assert {"frame", "gain", "motion"} <= figures.keys()
    for head in (stage.model.below.to_fields, stage.model.finest.to_fields, stage.model.fusion.to_picture):
        assert head.weight.grad is not None
        assert head.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("seed", range(6))
def test_told_motion_is_mirrored_turned_and_reversed_with_the_pictures(seed: int) -> None:
    batch = Batch.of(draw_triplets(draw_album(0, count=8, seed=1), torch.arange(8), size=64, large=True))
    first, second, middle, time, flows = varied(batch, generator=torch.Generator().manual_seed(seed))
    assert flows is not None
    mixed = torch.lerp(first, second, time[:, None, None, None])
    for frame, flow in ((first, flows[:, :2]), (second, flows[:, 2:])):
        assert (warp(frame, flow) - middle).abs().mean() < 0.75 * (mixed - middle).abs().mean()
