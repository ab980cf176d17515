"""Interpolators and upscalers: of pocket, of a folder, and from checkpoints of the field."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from tests.tiny import export_tiny
from videogen.errors import CheckpointError, MissingExtra, RequestError
from videogen.models.interpolator import Interpolator, InterpolatorConfig
from videogen.models.upscaler import Upscaler, UpscalerConfig
from videogen.training.export import export_enhancer
from videogen.weights import enhancers
from videogen.weights.enhancers import load_interpolator, load_upscaler
from videogen.weights.formats import sha256_of
from videogen.weights.inspection import inspect
from videogen.weights.load import load_networks

INTERPOLATOR = InterpolatorConfig(features=(4, 4, 4, 4), estimators=(4, 4, 4, 4), memory=4)
UPSCALER = UpscalerConfig(frames=3, width=4, inner=4, blocks=1)
FILE = "diffusion_pytorch_model.safetensors"


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """Return the folder of a tiny model with both enhancers."""
    folder = tmp_path / "model"
    export_tiny(folder)
    torch.manual_seed(0)
    for part, network, config in (
        ("interpolator", Interpolator(INTERPOLATOR), INTERPOLATOR.to_dict()),
        ("upscaler", Upscaler(UPSCALER), UPSCALER.to_dict()),
    ):
        for weights in network.parameters():
            nn.init.normal_(weights, std=0.1)
        export_enhancer(network, folder, part=part, config=config, record={"seconds": 1})
    return folder


def test_the_parts_of_a_model_are_loaded_as_they_were_written(whole: Path) -> None:
    interpolator, upscaler = load_interpolator(whole), load_upscaler(whole, scale=4)
    for part, found in (("interpolator", interpolator), ("upscaler", upscaler)):
        saved = load_file(whole / part / FILE)
        state = found.network.state_dict()
        assert saved.keys() == state.keys()
        for name, tensor in saved.items():
            assert tensor.dtype == torch.float16
            torch.testing.assert_close(state[name], tensor.float(), rtol=0, atol=0)
        assert not found.network.training
        assert not any(weights.requires_grad for weights in found.network.parameters())
        assert found.hashes == {f"{part}/{FILE}": sha256_of(whole / part / FILE)}
    pair = torch.rand(2, 3, 20, 24)
    assert interpolator.network(pair, pair.flip(0), torch.tensor([0.25, 0.5])).shape == pair.shape
    assert upscaler.network(torch.rand(1, 3, 3, 8, 10)).shape == (1, 3, 16, 20)


def test_a_part_s_own_folder_is_loaded_too(whole: Path) -> None:
    assert load_interpolator(whole / "interpolator").network.config == INTERPOLATOR
    assert load_upscaler(whole / "upscaler", scale=2).network.scale == 2


def test_pocket_s_parts_are_loaded_where_no_path_is_given(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enhancers, "POCKET", whole)
    assert load_interpolator().title == "pocket's interpolator"
    assert load_upscaler(scale=2).title == "pocket's upscaler"


def test_a_pocket_without_the_part_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enhancers, "POCKET", tmp_path)
    with pytest.raises(CheckpointError, match=r"no interpolator in this installation.*give --checkpoint"):
        load_interpolator()
    with pytest.raises(CheckpointError, match="no upscaler in this installation"):
        load_upscaler(scale=2)


def test_a_model_that_makes_clips_does_not_load_them(whole: Path) -> None:
    for part in ("interpolator", "upscaler"):
        (whole / part / FILE).write_bytes(b"never read")
    assert not any(name.startswith(("interpolator", "upscaler")) for name in load_networks(whole).hashes)


def test_inspect_names_them_and_finds_them_whole(whole: Path) -> None:
    text = "\n".join(inspect(whole))
    assert "interpolator, upscaler" in text.splitlines()[0]
    assert f"interpolator/{FILE}: frame interpolator of videogen" in text
    assert f"upscaler/{FILE}: upscaler of videogen" in text


@pytest.mark.parametrize("part", ["interpolator", "upscaler"])
def test_damaged_parts_are_refused_in_one_line(whole: Path, part: str) -> None:
    def load() -> None:
        if part == "interpolator":
            load_interpolator(whole)
        else:
            load_upscaler(whole, scale=2)

    path = whole / part / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    for broken, message in (
        (config | {"_class_name": "Other"}, "describes a 'Other'"),
        (config | {"surprise": 1}, "cannot be used"),
        ({name: v if name == "_class_name" else _larger(v) for name, v in config.items()}, "another network"),
    ):
        path.write_text(json.dumps(broken), encoding="utf-8")
        with pytest.raises(CheckpointError, match=message):
            load()
    path.write_text(json.dumps(config), encoding="utf-8")
    tensors = load_file(whole / part / FILE)
    tensors[min(tensors)] += float("nan")
    save_file(tensors, whole / part / FILE)
    with pytest.raises(CheckpointError, match="NaN or Inf"):
        load()


def _larger(value: object) -> object:
    return [_larger(each) for each in value] if isinstance(value, list) else int(str(value)) + 2


def test_a_folder_without_the_part_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"neither an interpolator's folder.*nor a model with one"):
        load_interpolator(tmp_path)
    with pytest.raises(CheckpointError, match=r"gone\.pth is not there; give the file of an upscaler"):
        load_upscaler(tmp_path / "gone.pth", scale=2)


@pytest.mark.parametrize(("scale", "fits"), [(2, True), (4, True), (8, True), (3, False), (1, False)])
def test_only_scales_that_passes_lead_to_are_taken(whole: Path, scale: int, fits: bool) -> None:
    if fits:
        load_upscaler(whole, scale=scale)
    else:
        with pytest.raises(RequestError, match=rf"2 times as large.*{scale} times; give --scale 2"):
            load_upscaler(whole, scale=scale)


def test_the_upscaler_of_a_checkpoint_needs_spandrel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_file({"conv_first.weight": torch.zeros(4, 3, 3, 3)}, tmp_path / "x.safetensors")
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(MissingExtra, match=r"spandrel.*pip install 'videogen\[upscale\]'"):
        load_upscaler(tmp_path / "x.safetensors", scale=2)
