"""The measure of agreement on an engine without networks: both judges, every way, and the cost."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from videogen.bench.agreement import evaluate_agreement, evaluate_encoder
from videogen.bench.figures import BEST, LED, MADE, TRIVIAL, TRUE
from videogen.world.caption import words_of


class Knowing:
    """An encoder that sees colours only, by the mean of the brightest channel: enough to be judged by."""

    hashes: dict[str, str] = {}  # noqa: RUF012

    def words(self, *prompts: str) -> torch.Tensor:
        """Return a vector for each prompt, whether it says grey."""
        grey = torch.tensor([float("grey" in words_of(prompt)) for prompt in prompts])
        return torch.stack([grey, 1 - grey], 1)

    def vector(self, video: torch.Tensor) -> torch.Tensor:
        """Return that a video is grey."""
        return torch.tensor([[1.0, 0.0]]).expand(len(video), -1)

    def similarity(self, video: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """Return how near the mean is to a number of the words."""
        return -(video.mean() - words.mean()).square()


def test_every_way_is_judged_twice_beside_its_cost(fake_engine: Any) -> None:
    fake_engine.spec.width = fake_engine.spec.height = 64
    fake_engine.agreement = Knowing()
    fake_engine.similarity = fake_engine.agreement.similarity
    calls: list[None] = []
    found = evaluate_agreement(fake_engine, clips=4, among=4, progress=lambda: calls.append(None))
    scores = found.scores()
    assert len(calls) == 4
    ways = {MADE, LED, BEST}
    assert ways <= scores["agreement: seconds"].keys()
    assert ways | {TRUE, TRIVIAL} <= scores["agreement: similarity"].keys()
    for name in ("colour", "colours of both", "what is named", "all that is named"):
        assert ways | {TRUE} <= scores[f"agreement: {name}"].keys()
    assert scores["agreement: colour"][TRUE] == scores["agreement: colours of both"][TRUE] == 1
    assert scores["agreement: what is named"]["clips"] > scores["agreement: all that is named"]["clips"]
    assert len(found.sheets["agreement"]) == 4 * 4


def test_the_encoder_is_measured_beside_chance() -> None:
    scores = evaluate_encoder(Knowing(), among=6).scores()  # type: ignore[arg-type]
    assert scores["encoder: colour of objects, by words"][TRIVIAL] == pytest.approx(1 / 11)
    assert {"encoder: motion of objects, by words", "encoder: action of persons, by words"} <= scores.keys()
    found = scores["encoder: sentences find their clip among 6 of objects"]
    assert 0 < found[TRIVIAL] < 1
    assert 0 <= found[TRUE] <= 1
