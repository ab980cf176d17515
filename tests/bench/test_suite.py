"""The evaluation runs on any engine and reports every figure with its ceiling and baseline."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from videogen.bench.figures import CODED, MADE, TRIVIAL, TRUE, Evaluation
from videogen.bench.frames import through_autoencoder, to_frames
from videogen.bench.suite import evaluate, steps_of

CLIPS = 3
PARTS = ("text", "people", "pose", "builds")


@pytest.fixture(scope="module")
def found(make_fake_engine: Any) -> tuple[Evaluation, int]:
    calls: list[None] = []
    engine = make_fake_engine()
    engine.spec.width = engine.spec.height = 64
    return evaluate(engine, clips=CLIPS, parts=PARTS, progress=lambda: calls.append(None)), len(calls)


def test_every_figure_comes_with_its_ceiling_and_baseline(found: tuple[Evaluation, int]) -> None:
    evaluation, calls = found
    scores = evaluation.scores()
    assert {"text: colour", "text: shape", "people: action", "pose: PCK@0.1", "pose: SSIM"} <= scores.keys()
    for name, columns in scores.items():
        assert {MADE, CODED} <= columns.keys(), name
        assert all(math.isfinite(value) for value in columns.values())
    assert {TRUE, TRIVIAL} <= scores["text: colour"].keys()
    assert {TRUE, TRIVIAL} <= scores["pose: PCK@0.1"].keys()
    assert {f"driver of {whose} build: SSIM" for whose in ("own", "another")} <= scores.keys()
    assert calls == steps_of(PARTS, clips=CLIPS), "progress is called once a generated clip"


def test_true_renders_score_full_marks_and_an_engine_without_networks_does_not(
    found: tuple[Evaluation, int],
) -> None:
    scores = found[0].scores()
    for name in ("text: colour", "text: shape", "pose: PCK@0.1", "pose: PCK@0.05"):
        assert scores[name][TRUE] == 1, name
    assert scores["text: colour, shape and motion"][MADE] == 0
    assert scores["pose: SSIM of the drawing alone"][MADE] < scores["pose: SSIM"][TRIVIAL] < 1
    assert scores["pose: SSIM"][MADE] < scores["pose: SSIM of the carried picture alone"][MADE] < 1


def test_contact_sheets_hold_the_truth_above_what_was_made(found: tuple[Evaluation, int]) -> None:
    sheets = found[0].sheets
    assert sheets.keys() == {"text", "people", "pose"}
    assert all(len(rows) == 2 * CLIPS for rows in sheets.values())


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
