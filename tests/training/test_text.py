"""Pocket's words: every caption fits, every word of the world is one token, any text can be read."""

from __future__ import annotations

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from videogen.training.text import MAX_TOKENS, MAX_VOCABULARY, WIDTH, build_text_encoder, build_tokenizer
from videogen.world.caption import WORDS
from videogen.world.clips import write_script


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    """Return pocket's tokenizer."""
    return build_tokenizer()


def test_every_word_of_the_world_is_one_token(tokenizer: PreTrainedTokenizerFast) -> None:
    for word in WORDS:
        start, *tokens, end = tokenizer(word).input_ids
        assert (start, end) == (tokenizer.bos_token_id, tokenizer.eos_token_id)
        assert len(tokens) == 1, word


def test_the_vocabulary_is_small(tokenizer: PreTrainedTokenizerFast) -> None:
    assert 259 + len(WORDS) < len(tokenizer) < MAX_VOCABULARY


@pytest.mark.parametrize("kind", ["object", "person", "portrait"])
def test_every_caption_fits(tokenizer: PreTrainedTokenizerFast, kind: str) -> None:
    captions = write_script(kind, torch.arange(10_000, 12_000), num_frames=2).captions
    assert max(len(tokens) for tokens in tokenizer(captions).input_ids) <= MAX_TOKENS


def test_any_text_survives_but_for_case(tokenizer: PreTrainedTokenizerFast) -> None:
    for text in ("A Red BALL", "größer als 世界 🎈", "tab\tand\nline", ""):
        tokens = tokenizer(text).input_ids
        assert tokenizer.decode(tokens, skip_special_tokens=True).strip() == text.lower().strip()


def test_prompts_are_padded_and_cut_to_one_length(tokenizer: PreTrainedTokenizerFast) -> None:
    tokens = tokenizer(
        ["", "ball " * 100], padding="max_length", truncation=True, return_tensors="pt"
    ).input_ids
    assert tokens.shape == (2, MAX_TOKENS)
    assert tokens[0].tolist() == [1, 2] + [0] * (MAX_TOKENS - 2)
    assert tokens[1, -1] == 2


def test_the_same_world_makes_the_same_tokenizer() -> None:
    first, second = (build_tokenizer().backend_tokenizer.to_str() for _ in range(2))
    assert first == second


def test_the_text_encoder_reads_the_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    encoder = build_text_encoder(len(tokenizer)).eval()
    tokens = tokenizer(["a red ball", "a blue ball"], padding="max_length", return_tensors="pt").input_ids
    with torch.no_grad():
        features = encoder(tokens).last_hidden_state
    assert features.shape == (2, MAX_TOKENS, WIDTH)
    assert not torch.allclose(features[0], features[1], atol=1e-3)
