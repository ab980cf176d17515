"""The networks that better frames: loaded, placed, and called as their streams call them."""

from __future__ import annotations

import json
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import videogen as vg
from tests.jobs.test_interpolate import film
from tests.tiny import stir
from videogen.enhancer import Enhancer
from videogen.jobs.making import load_enhancer
from videogen.media.video import write_video
from videogen.models.interpolator import Interpolator, InterpolatorConfig
from videogen.models.upscaler import Upscaler, UpscalerConfig


def write_part(folder: Path, network: Any) -> Path:
    folder.mkdir(parents=True)
    stir(network, amount=0.02)
    config = {"_class_name": type(network).__name__, **asdict(network.config)}
    (folder / "config.json").write_text(json.dumps(config))
    save_file(network.state_dict(), folder / "diffusion_pytorch_model.safetensors")
    return folder


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with a film, and with the parts of pocket, small and untrained, in its folder."""
    load_enhancer.cache_clear()
    torch.manual_seed(0)
    write_part(tmp_path / "pocket" / "interpolator", Interpolator(InterpolatorConfig()))
    write_part(tmp_path / "pocket" / "upscaler", Upscaler(UpscalerConfig(width=8, inner=8, blocks=1)))
    monkeypatch.setattr("videogen.weights.enhancers.POCKET", tmp_path / "pocket")
    monkeypatch.chdir(tmp_path)
    write_video("film", iter(film()[:4]), fps=Fraction(8))
    return tmp_path


def test_pocket_s_parts_are_loaded_where_they_are_wanted_and_only_there(parts: Path) -> None:
    smooth, large = Enhancer(interpolates=True), Enhancer(scale=2)
    assert len({*smooth.hashes, *large.hashes}) == 2
    assert Enhancer(interpolates=True, scale=2).hashes == smooth.hashes | large.hashes
    assert (smooth.context, large.context, Enhancer(scale=4).context) == (0, 1, 2)


def test_both_streams_run_and_precision_matters(parts: Path) -> None:
    own = film()[:4]
    found = []
    for precision in ("float32", "bfloat16"):
        networks = Enhancer(interpolates=True, scale=2, precision=precision)
        marked = [(frame, False) for frame in own]
        smooth = list(networks.interpolate(marked, source_fps=Fraction(8), fps=Fraction(16)))
        assert len(smooth) == 8
        made = np.stack(list(networks.upscale(smooth, size=(50, 76))))
        assert made.shape == (8, 50, 76, 3)
        found.append(made)
    assert (found[0] != found[1]).any()


@pytest.mark.parametrize(
    "request_",
    [vg.Interpolate("film", factor=3), vg.Interpolate("film", scale=2), vg.Upscale("film", scale=4)],
    ids=["smooth", "both", "large"],
)
def test_the_jobs_run_on_them_and_go_on_bit_for_bit(
    request_: Any, parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("videogen.jobs.film.SECONDS", 0.0)
    vg.render(request_, "whole.mp4")
    left = [5 if request_.job == "interpolate" else 2]

    def stop(stage: str, done: int, total: int | None) -> None:
        left[0] -= stage == "frames"
        if left[0] < 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vg.render(request_, "clip.mp4", job="job", progress=stop)
    path, _ = vg.resume("job")
    assert path.read_bytes() == Path("whole.mp4").read_bytes()


def test_a_precision_that_is_none_is_refused() -> None:
    with pytest.raises(vg.RequestError, match="float8"):
        Enhancer(precision="float8")


def test_freed_memory_goes_back_while_a_film_passes(parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    monkeypatch.setattr("videogen.enhancer.give_back_freed_memory", lambda: given.append(1))
    marked = ((np.zeros((16, 16, 3), np.uint8), False) for _ in range(20))
    assert len(list(Enhancer(scale=2).upscale(marked))) == 20
    assert len(given) == 3
    marked = ((np.zeros((16, 16, 3), np.uint8), False) for _ in range(5))
    smooth = Enhancer(interpolates=True).interpolate(marked, source_fps=Fraction(8), fps=Fraction(16))
    assert len(list(smooth)) == 10
    assert len(given) == 5
