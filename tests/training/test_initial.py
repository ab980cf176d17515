"""Weights of a model folder become a training's first, word by word."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from transformers import CLIPTextConfig, CLIPTextModel

from tests.tiny import UNET, export_tiny, text_config, tokenizer
from videogen.errors import CheckpointError
from videogen.training import unet
from videogen.training.initial import spread_of, take_weights
from videogen.training.unet import PocketNetworks
from videogen.weights.load import Networks, load_networks


@pytest.fixture
def networks(tmp_path: Path) -> Networks:
    """Return the networks of a tiny model folder."""
    export_tiny(tmp_path / "model")
    return load_networks(tmp_path / "model")


def fresh(monkeypatch: pytest.MonkeyPatch, *, words: int, places: int, width: int = 16) -> PocketNetworks:
    config = {**text_config().to_dict(), "vocab_size": words, "max_position_embeddings": places}
    config |= {"hidden_size": width, "intermediate_size": width}
    monkeypatch.setattr(unet, "pocket_config", lambda: UNET)
    monkeypatch.setattr(
        unet, "build_text_encoder", lambda *_, length: CLIPTextModel(CLIPTextConfig(**config))
    )
    torch.manual_seed(5)
    return PocketNetworks(words, length=places)


def embedding(model: torch.nn.Module, name: str) -> torch.Tensor:
    return next(
        value for key, value in model.state_dict().items() if key.endswith(f"{name}_embedding.weight")
    )


def test_words_keep_their_embeddings_under_other_numbers(
    networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = deepcopy(tokenizer())
    words.add_tokens(["zzz", "zzzz"])
    numbers_before = tokenizer().get_vocab()
    moved = {word: (number + 7) % len(words) for word, number in words.get_vocab().items()}
    monkeypatch.setattr(words, "get_vocab", lambda: moved)
    assert any(moved[word] != number for word, number in numbers_before.items())
    model = fresh(monkeypatch, words=len(words), places=40)
    before = {name: embedding(model.text_encoder, name).clone() for name in ("token", "position")}
    take_weights(model, words, networks, source=Path("model"))
    for name, value in networks.denoiser.state_dict().items():
        assert torch.equal(model.denoiser.state_dict()[name], value), name
    given, own = embedding(networks.text_encoder, "token"), embedding(model.text_encoder, "token")
    numbers, shared = networks.tokenizer.get_vocab(), 0
    for word, number in words.get_vocab().items():
        known = word in numbers
        shared += known
        assert torch.equal(own[number], given[numbers[word]] if known else before["token"][number]), word
    assert 0 < shared < len(words)
    places, rows = embedding(networks.text_encoder, "position"), embedding(model.text_encoder, "position")
    assert torch.equal(rows[: len(places)], places)
    assert torch.equal(rows[len(places) :], before["position"][len(places) :])


def test_another_width_is_refused_in_one_line(networks: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    model = fresh(monkeypatch, words=len(tokenizer()), places=24, width=8)
    with pytest.raises(CheckpointError, match="another network") as caught:
        take_weights(model, tokenizer(), networks, source=Path("model"))
    assert "\n" not in str(caught.value)


def test_the_spread_of_the_latents_comes_along(networks: Networks) -> None:
    networks.vae.register_to_config(scaling_factor=0.7, shift_factor=0.2)
    assert spread_of(networks, source=Path("m")) == {"scaling_factor": 0.7, "shift_factor": 0.2}
    networks.vae.register_to_config(scaling_factor=1.0, shift_factor=0.0)
    with pytest.raises(CheckpointError, match="does not say how its latents are scaled"):
        spread_of(networks, source=Path("m"))
