"""The planner's stage: batches and losses follow from their numbers, and a little training helps."""

from __future__ import annotations

from itertools import islice

import pytest
import torch

from tests.tiny import PLANNER, tokenizer
from videogen.models.motion_planner import Told
from videogen.training.planner import PlannerStage, draw_known, draw_plan_levels

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def stage() -> PlannerStage:
    """Return a stage of a tiny planner."""
    return PlannerStage(tokenizer(), config=PLANNER, batch_size=12, fitted=64)


def test_the_same_number_gives_the_same_batch(stage: PlannerStage) -> None:
    third = next(iter(stage.batches(3)))
    _, again = islice(stage.batches(2), 2)
    assert torch.equal(third.clean, again.clean)
    assert torch.equal(third.tokens, again.tokens)
    assert not torch.equal(third.tokens, stage.batch(4).tokens)


def test_batches_mix_kinds_and_differ_in_length_and_rate(stage: PlannerStage) -> None:
    batches = [stage.batch(number) for number in range(8)]
    assert {batch.clean.shape[2] for batch in batches} == {8, 16, 24}
    assert len({rate for batch in batches for rate in batch.fps.tolist()}) > 3
    assert any((batch.seconds[:, 0] > 0).all() for batch in batches), "no clip is joined later"
    clean = batches[0].clean
    things, bodies, heads = (clean[:, channel, 0, 0, 0] > 0 for channel in (0, 81, 82))
    assert [int(kind.sum()) for kind in (things, bodies, heads)] == [7, 3, 2]


def test_time_runs_at_the_clips_rate(stage: PlannerStage) -> None:
    batch = stage.batch(5)
    steps = batch.seconds.diff(dim=1)
    torch.testing.assert_close(steps, (1 / batch.fps)[:, None].expand_as(steps), atol=1e-5, rtol=0)


def test_the_loss_follows_from_the_step(stage: PlannerStage) -> None:
    batch = stage.batch(0)
    with torch.no_grad():
        first, again, other = (stage.loss(batch, step=step, device=CPU)[0] for step in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_known_parts_are_paths_of_things_that_are_there_and_first_frames() -> None:
    clean = torch.ones(400, 131, 8, 1, 1)
    clean[200:, 0] = -1
    mask = draw_known(clean, generator=torch.Generator().manual_seed(0))[..., 0, 0]
    whole = mask.all(1)  # b t
    assert (whole.float().diff(dim=1) <= 0).all(), "known frames are the first ones"
    assert 10 < int(whole[:, 0].sum()) < 90
    path = mask[:, 1:3].all(2).all(1)
    assert 20 < int(path[:200].sum()) < 70
    assert not path[200:].any(), "a path of a thing that is not there"
    assert not mask[:, 6:].all(2).any(), "only path, size, angle and presence may be known throughout"


def test_how_much_changes_is_never_known(stage: PlannerStage, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    plain = stage.model.clean

    def watched(noisy: torch.Tensor, timestep: torch.Tensor, told: Told) -> torch.Tensor:
        seen.append(told.mask)
        return plain(noisy, timestep, told)

    monkeypatch.setattr(stage.model, "clean", watched)
    for number in range(8):
        stage.loss(stage.batch(number), step=number, device=CPU)
    changes = stage.model.vectors.changes
    assert not any(mask[:, changes].any() for mask in seen)
    assert any(mask.any() for mask in seen)


def test_nearly_half_of_the_levels_is_high_where_words_decide() -> None:
    levels = draw_plan_levels(6000, generator=torch.Generator().manual_seed(0))
    assert 0.42 < float((levels > 0.9).float().mean()) < 0.5
    assert float(levels.min()) >= 0.0199
    assert float(levels.max()) <= 1


def test_a_little_training_lowers_the_loss(stage: PlannerStage) -> None:
    batch, optimizer = stage.batch(0), torch.optim.AdamW(stage.model.parameters(), lr=3e-3)
    losses = []
    for _ in range(12):
        loss, _ = stage.loss(batch, step=0, device=CPU)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
