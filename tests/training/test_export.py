"""The exported folder has diffusers' layout and says what is in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from diffusers import AutoencoderTiny, DPMSolverMultistepScheduler
from safetensors import safe_open
from transformers import CLIPTextModel, PreTrainedTokenizerFast

from tests.tiny import UNET, export_tiny
from videogen.models.temporal_unet import TemporalUNetConfig
from videogen.training.export import SPEC, TRAINING
from videogen.weights.installed import ENHANCERS, POCKET
from videogen.weights.spec import ModelSpec
from videogen.world.caption import WORDS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an exported folder."""
    path = tmp_path_factory.mktemp("models") / "tiny"
    export_tiny(path)
    return path


def read(path: Path) -> dict[str, object]:
    values: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return values


def test_the_index_names_every_part_and_its_class(folder: Path) -> None:
    index = read(folder / "model_index.json")
    assert index.pop("_class_name") == "VideogenModel"
    assert ModelSpec.from_dict(index.pop("videogen"), source="index") == SPEC
    assert index == {
        "denoiser": ["videogen", "ConditionedUNet"],
        "vae": ["diffusers", "AutoencoderTiny"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
        "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
    }
    assert {path.name for path in folder.iterdir() if path.is_dir()} == index.keys()


def test_each_library_loads_its_part_by_itself(folder: Path) -> None:
    vae = AutoencoderTiny.from_pretrained(folder / "vae")
    assert (vae.config.scaling_factor, vae.config.shift_factor) == (1.5, 0.25)
    encoder, loaded = CLIPTextModel.from_pretrained(folder / "text_encoder", output_loading_info=True)
    assert not any(loaded[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder / "tokenizer")
    assert len(tokenizer) == encoder.config.vocab_size
    assert DPMSolverMultistepScheduler.from_pretrained(folder / "scheduler").config.use_flow_sigmas


def test_the_denoiser_says_how_large_it_is(folder: Path) -> None:
    config = read(folder / "denoiser" / "config.json")
    assert config.pop("_class_name") == "ConditionedUNet"
    assert TemporalUNetConfig.from_dict(config) == UNET


def test_the_record_is_kept(folder: Path) -> None:
    assert read(folder / "training.json") == {"steps": 0}
    files = list(folder.rglob("*.safetensors"))
    assert len(files) == 3
    for path in files:
        with safe_open(path, "pt") as file:
            assert json.loads(file.metadata()[TRAINING]) == {"steps": 0}


@pytest.mark.parametrize("part", ["denoiser", "vae", "text_encoder", "planner", "clip", *ENHANCERS])
def test_every_shipped_file_says_how_it_was_trained(part: str) -> None:
    [path] = (POCKET / part).glob("*.safetensors")
    with safe_open(path, "pt") as file:
        assert json.loads(file.metadata()[TRAINING])["steps"] > 1000


def test_pocket_knows_the_words_of_the_world() -> None:
    assert list(SPEC.known_words) == sorted(WORDS)
    assert SPEC.width == SPEC.height == 64
    assert SPEC.num_frames == SPEC.window == 16


def test_a_second_export_replaces_the_first(tmp_path: Path) -> None:
    export_tiny(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for path in before:
        path.write_bytes(b"")
    export_tiny(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
