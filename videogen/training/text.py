"""Pocket's text encoder: transformers' CLIPTextModel in a small size, and a tokenizer made from the grammar.

The tokenizer is byte-level BPE, so that any prompt can be encoded; words of the grammar are one token.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

from videogen.world import render_clips

MAX_TOKENS = 24
WIDTH = 128


def build_tokenizer(*, captions: int = 6000) -> PreTrainedTokenizerFast:
    """Train the tokenizer on captions of the world."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=800,
        special_tokens=["<pad>", "<start>", "<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_captions(captions), trainer)
    start, end = tokenizer.token_to_id("<start>"), tokenizer.token_to_id("<end>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", start), ("<end>", end)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<start>",
        eos_token="<end>",
        pad_token="<pad>",
        model_max_length=MAX_TOKENS,
    )


def _captions(count: int) -> Iterator[str]:
    for kind in ("object", "person", "portrait"):
        yield from render_clips(kind, torch.arange(count // 3), size=4, num_frames=1).captions


def build_text_encoder(vocabulary: int) -> CLIPTextModel:
    """Pocket's text encoder, untrained."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=MAX_TOKENS,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )
