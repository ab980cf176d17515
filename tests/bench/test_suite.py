"""The evaluation runs on any engine and reports every figure with its ceiling and baseline."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from videogen.bench.suite import Scores, evaluate, table, through_autoencoder, to_frames

CANDIDATES = ("", " of true renders", " of autoencoded")
NAMES = {
    *(f"autoencoder psnr{kind}" for kind in ("", ", object", ", person", ", portrait")),
    *(f"{figure}{name}" for figure in ("colour", "scene") for name in CANDIDATES),
    *(
        f"{figure}{name}"
        for figure in ("pck@0.1", "pck@0.05")
        for name in (*CANDIDATES, " of the repeated reference")
    ),
    *(
        f"{figure}{name}"
        for figure in ("ssim", "psnr")
        for name in ("", " of autoencoded", " of the repeated reference")
    ),
}


@pytest.fixture(scope="module")
def scores(make_fake_engine: Any) -> tuple[Scores, int]:
    calls: list[None] = []
    engine = make_fake_engine()
    engine.spec.width = engine.spec.height = 64
    return evaluate(engine, clips=2, progress=lambda: calls.append(None)), len(calls)


def test_every_figure_comes_with_its_ceiling_and_baseline(scores: tuple[Scores, int]) -> None:
    values, calls = scores
    assert values.keys() == NAMES
    assert all(math.isfinite(value) for value in values.values())
    assert calls == 4, "progress is called once a generated clip"


def test_true_renders_score_full_marks_and_an_engine_without_networks_does_not(
    scores: tuple[Scores, int],
) -> None:
    values, _ = scores
    for figure in ("colour", "scene", "pck@0.1", "pck@0.05"):
        assert values[f"{figure} of true renders"] == 1
    assert values["ssim"] < values["ssim of the repeated reference"] < 1
    assert values["psnr"] < values["psnr of the repeated reference"]


def test_frames_go_through_the_autoencoder(fake_engine: Any) -> None:
    frames = np.full((2, 16, 16, 3), 100, np.uint8)
    coded = through_autoencoder(fake_engine, frames)
    np.testing.assert_array_equal(
        coded, np.full_like(frames, 114)
    )  # the fake one halves the distance to grey


def test_a_video_becomes_frames_of_whole_numbers() -> None:
    video = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0]).reshape(1, 5, 1, 1).expand(3, -1, 1, 2)
    assert to_frames(video).shape == (5, 1, 2, 3)
    assert to_frames(video)[:, 0, 0, 0].tolist() == [0, 0, 128, 255, 255]


def test_the_table_is_markdown() -> None:
    assert table({"ssim": 0.75, "psnr": 29.0}, title="pocket") == (
        "| pocket | |\n|---|---|\n| ssim | 0.750 |\n| psnr | 29.000 |\n"
    )
