"""Prompts as a model reads them: which words it knows, its tokens, and their features for the U-Net."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from torch import Tensor

from videogen.schedule import Schedule
from videogen.weights.parts import Networks
from videogen.weights.spec import ModelSpec
from videogen.world.caption import simplify, words_of


def unknown_words(spec: ModelSpec, prompt: str) -> list[str]:
    """The words of `prompt` that a model with a vocabulary was never taught, in order, each once."""
    if not spec.known_words:
        return []
    known = set(spec.known_words)
    return list(dict.fromkeys(word for word in words_of(simplify(prompt)) if word not in known))


def meant(spec: ModelSpec, prompt: str) -> str:
    """A prompt with the words that the planner was never taught in those that it was."""
    for word, meaning in spec.aliases:
        prompt = re.sub(rf"\b(?:an? |the )?{re.escape(word)}\b", meaning, prompt, flags=re.IGNORECASE)
    return prompt


def tokens_of(networks: Networks, prompt: str) -> Tensor:
    """The tokens of a prompt, as many as the model reads, `1 l`."""
    encoder, tokenizer = networks.language
    text = simplify(prompt) if networks.spec.known_words else prompt
    length = min(tokenizer.model_max_length, encoder.config.max_position_embeddings)
    tokens: Tensor = tokenizer(
        [text], padding="max_length", truncation=True, max_length=length, return_tensors="pt"
    ).input_ids
    return tokens


def read_words(networks: Networks, prompt: str | None) -> Tensor:
    """The words of a prompt as features, `1 l c`; without a prompt, those of an empty one."""
    encoder, _ = networks.language
    features: Tensor = encoder(tokens_of(networks, prompt or "").to(encoder.device)).last_hidden_state
    return features


@dataclass(frozen=True)
class Spoken:
    """Words over the frames of a clip: the features of the texts, `n l c`, and their shares by frame, `t n`.

    Features of neighbouring texts are blended where one goes over into the next (as FreeNoise does, Qiu et
    al. 2023).
    """

    features: Tensor
    shares: Tensor

    @classmethod
    def read(cls, networks: Networks, schedule: Schedule, *, length: int) -> Spoken:
        """What a clip of `length` frames is told by a schedule."""
        features = torch.cat([read_words(networks, text) for text in schedule.texts])
        shares = torch.tensor([schedule.shares(number) for number in range(length)])
        return cls(features, shares.to(features))

    def at(self, numbers: Tensor) -> Tensor:
        """The words of the frames `numbers` `t`, `1 t l c`."""
        shares = self.shares[numbers.to(self.shares.device)]
        return torch.einsum("tn,nlc->tlc", shares, self.features)[None]

    def throughout(self) -> Tensor:
        """The words of the whole clip, for what hears no frame apart, `1 l c`."""
        return torch.einsum("n,nlc->lc", self.shares.mean(0), self.features)[None]
