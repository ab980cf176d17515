"""The rebuilding of frames: what is compared, on what, and the floors that the clips are known by."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from videogen.bench import enlarging, interpolation
from videogen.bench.figures import MADE, RIVAL, TRIVIAL, Evaluation
from videogen.bench.interpolation import (
    CLIPS,
    SIDES,
    blend,
    draw_world,
    evaluate_interpolation,
    follow_flow,
    read_triplets,
    score,
)
from videogen.media.video import write_video
from videogen.models.interpolator import Interpolator, InterpolatorConfig
from videogen.models.upscaler import Upscaler, UpscalerConfig
from videogen.weights.enhancers import Enhancer

MEDIA = Path(os.environ.get("VIDEOGEN_MEDIA", Path(__file__).parents[3] / "shared" / "media"))


def texture(height: int, width: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    noise = torch.rand(1, 3, height // 4, width // 4, generator=torch.Generator().manual_seed(0))
    large = torch.nn.functional.interpolate(noise, size=(height, width), mode="bicubic").clamp(0, 1)
    return np.asarray((large[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy())


def test_blending_mixes_by_nearness_and_flow_follows_a_shift() -> None:
    first, second = np.full((4, 4, 3), 100, np.uint8), np.full((4, 4, 3), 200, np.uint8)
    assert (blend(first, second, 0.25) == 125).all()
    pytest.importorskip("cv2")
    picture = texture(96, 120)
    inner = slice(16, -16)
    for moment, shift in ((0.5, 4), (0.25, 2), (0.75, 6)):
        made = follow_flow(picture, np.roll(picture, 8, 1), moment)
        truth = np.roll(picture, shift, 1)
        error = np.abs(made.astype(int) - truth)[inner, inner].mean()
        mixed = np.abs(blend(picture, np.roll(picture, 8, 1), moment).astype(int) - truth)[
            inner, inner
        ].mean()
        assert error < 2 < mixed, moment


def test_odd_frames_are_rebuilt_from_their_neighbours(tmp_path: Path) -> None:
    frames = [np.full((32, 48, 3), 40 + 20 * n, np.uint8) for n in range(6)]
    write_video(tmp_path / "clip", frames, fps=8)
    found = list(read_triplets(tmp_path / "clip", size=(24, 16)))
    assert [(int(t.first.mean()), int(t.truth.mean()), int(t.second.mean())) for t in found] == [
        (40, 60, 80),
        (80, 100, 120),
    ]
    assert found[0].truth.shape == (16, 24, 3)


def test_collages_are_the_same_every_time_and_move_far() -> None:
    one, two = list(draw_world(3, side=64)), list(draw_world(2, side=64))
    for a, b in zip(one, two, strict=False):
        assert a.moment == b.moment
        np.testing.assert_array_equal(a.truth, b.truth)
    assert all(0 < each.moment < 1 for each in one)
    assert min(np.abs(each.first.astype(int) - each.second).mean() for each in one) > 5


def test_a_perfect_method_has_no_error_and_progress_counts_every_triplet() -> None:
    found, calls = Evaluation(), []
    triplets = list(draw_world(2, side=64))
    answers = iter([each.truth for each in triplets])
    score(found, "x", triplets, {MADE: lambda *_: next(answers)}, progress=lambda: calls.append(1))
    assert found.samples["interpolation, x: PSNR"][MADE] == [float("inf")] * 2
    assert found.samples["interpolation, x: SSIM"][MADE] == [1.0, 1.0]
    assert len(calls) == 2


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    small = InterpolatorConfig(features=(4, 4, 4, 4), estimators=(4, 4, 4, 4), memory=4)
    between = Enhancer(Interpolator(small).eval().requires_grad_(False), "untrained", {})
    larger = Enhancer(
        Upscaler(UpscalerConfig(width=4, inner=4, blocks=1)).eval().requires_grad_(False), "", {}
    )
    monkeypatch.setattr(interpolation, "has_enhancer", lambda _: True)
    monkeypatch.setattr(interpolation, "load_interpolator", lambda: between)
    monkeypatch.setattr(interpolation, "_SPEED_SIDE", 64)
    monkeypatch.setattr(enlarging, "has_enhancer", lambda _: True)
    monkeypatch.setattr(enlarging, "load_upscaler", lambda *, scale: larger)


@pytest.mark.usefixtures("untrained")
def test_an_evaluation_has_every_figure_beside_its_baselines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpolation, "SIDES", (64,))
    calls: list[int] = []
    engine: Any = SimpleNamespace(device=torch.device("cpu"))
    found = evaluate_interpolation(engine, clips=2, progress=lambda: calls.append(1))
    scores = found.scores()
    assert len(calls) == 2
    for measure in ("PSNR", "SSIM"):
        columns = scores[f"interpolation, large motion at 64: {measure}"]
        assert {MADE, TRIVIAL} <= columns.keys()
    assert scores["interpolation: frames of 64x64 a second"][MADE] > 0
    assert torch.get_num_threads() >= 1


def test_without_weights_there_are_no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpolation, "has_enhancer", lambda _: False)
    assert not evaluate_interpolation(SimpleNamespace(device=None), clips=1).samples  # type: ignore[arg-type]
    assert SIDES == (128, 256)


@pytest.mark.usefixtures("untrained")
def test_an_upscaler_that_has_not_learnt_is_bicubic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "clips").mkdir()
    frames = [np.roll(texture(64, 96), n, 1) for n in range(4)]
    write_video(tmp_path / "clips" / "tiny.mp4", frames, fps=8)
    monkeypatch.setattr(enlarging, "CLIPS", {"clips/tiny.mp4": None, "clips/absent.mp4": None})
    engine: Any = SimpleNamespace(device=torch.device("cpu"))
    scores = enlarging.evaluate_upscaling(engine, media=tmp_path).scores()
    assert {"upscaling, tiny, clean: PSNR", "upscaling, tiny, H.264 at 23: flicker"} <= scores.keys()
    clean = scores["upscaling, tiny, clean: PSNR"]
    assert {MADE, RIVAL, TRIVIAL} <= clean.keys()
    assert abs(clean[MADE] - clean[TRIVIAL]) < 1


@pytest.mark.slow
def test_the_floors_of_the_walk_are_those_that_are_known() -> None:
    path = MEDIA / next(iter(CLIPS))
    if not path.is_file():
        pytest.skip("the real clips are not here")
    pytest.importorskip("cv2")
    found = Evaluation()
    score(found, "walk", read_triplets(path, size=(640, 360)), {RIVAL: follow_flow, TRIVIAL: blend})
    scores = found.scores()
    assert scores["interpolation, walk: PSNR"] == pytest.approx(
        {RIVAL: 41.92, TRIVIAL: 35.16, "clips": 30}, abs=0.05
    )
    assert scores["interpolation, walk: SSIM"] == pytest.approx(
        {RIVAL: 0.9905, TRIVIAL: 0.963, "clips": 30}, abs=0.001
    )
