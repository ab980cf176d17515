"""The text-video encoder in a model's folder: what was exported is loaded, and what does not fit is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.tiny import export_tiny, export_tiny_with_clip
from videogen.errors import CheckpointError
from videogen.models.text_video import TextVideoEncoder
from videogen.weights.formats import sha256_of
from videogen.weights.load import load_networks
from videogen.weights.text_video import has_text_video, load_text_video


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a model's folder with a text-video encoder."""
    export_tiny_with_clip(tmp_path)
    return tmp_path


def rewrite(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **values}), encoding="utf-8")


def test_what_was_exported_is_loaded(folder: Path) -> None:
    encoder, loaded = export_tiny_with_clip(folder), load_text_video(folder)
    assert has_text_video(folder)
    video = torch.rand(1, 3, 5, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    tokens = loaded.tokenizer(["a red ball"], return_tensors="pt").input_ids
    torch.testing.assert_close(loaded.encoder.encode_video(video), encoder.encode_video(video))
    torch.testing.assert_close(loaded.encoder.encode_words(tokens), encoder.encode_words(tokens))
    file = "clip/diffusion_pytorch_model.safetensors"
    assert loaded.hashes == {file: sha256_of(folder / file)}
    assert not any(parameter.requires_grad for parameter in loaded.encoder.parameters())


def test_the_index_names_it_and_who_makes_clips_does_not_load_it(folder: Path) -> None:
    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    assert index["clip"] == ["videogen", TextVideoEncoder.__name__]
    assert json.loads((folder / "clip" / "training.json").read_text(encoding="utf-8")) == {"steps": 0}
    assert not any(name.startswith("clip/") for name in load_networks(folder).hashes)


def test_where_there_is_none_it_is_said_what_to_do(tmp_path: Path) -> None:
    export_tiny(tmp_path)
    assert not has_text_video(tmp_path)
    with pytest.raises(CheckpointError, match=r"has no text-video encoder .*train pocket --stage clip"):
        load_text_video(tmp_path)


def test_another_class_and_other_words_are_refused(folder: Path) -> None:
    rewrite(folder / "clip" / "config.json", _class_name="CLIPModel")
    with pytest.raises(CheckpointError, match="describes a 'CLIPModel'; expected a 'TextVideoEncoder'"):
        load_text_video(folder)
    export_tiny_with_clip(folder)
    rewrite(folder / "tokenizer" / "tokenizer_config.json", model_max_length=99)
    with pytest.raises(CheckpointError, match="length of its sentences: 40, expected 99"):
        load_text_video(folder)


def test_settings_that_do_not_fit_the_weights_are_refused(folder: Path) -> None:
    rewrite(folder / "clip" / "config.json", hidden=24)
    with pytest.raises(CheckpointError, match="has another shape of"):
        load_text_video(folder)
    rewrite(folder / "clip" / "config.json", hidden=16, depth=3)
    with pytest.raises(CheckpointError, match="unknown setting of the text-video encoder"):
        load_text_video(folder)
