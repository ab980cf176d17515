"""How well clips agree with words: pocket's text-video encoder, ready for any model's pictures and latents.

In: a device. Out: vectors of words, and the similarity of a video to them, −1…1, also as a number that
gradients flow back from. It reads the words of the world that pocket was trained on, and no others.
"""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from torch import Tensor

from videogen.errors import RequestError
from videogen.reading import unknown_words
from videogen.types import Video
from videogen.weights.text_video import load_text_video
from videogen.world.caption import simplify, words_of

log = logging.getLogger(__name__)


class Agreement:
    """The encoder on a device; `folder` is a model that has one in place of pocket.

    `hashes` are those of its files. Raises CheckpointError where there is none, saying what to do.
    """

    def __init__(self, device: torch.device, *, folder: Path | None = None) -> None:
        loaded = load_text_video(folder)
        self._encoder, self._tokenizer = loaded.encoder.to(device), loaded.tokenizer
        self._spec, self._device = loaded.spec, device
        self.hashes = loaded.hashes

    @torch.no_grad()
    def words(self, *prompts: str) -> Tensor:
        """The unit vectors of prompts, `n d`.

        Words that it was never taught are said in the log. Raises RequestError where it knows none.
        """
        for prompt in prompts:
            self._check(prompt)
        tokens = self._tokenizer(
            [simplify(prompt) for prompt in prompts], padding="max_length", truncation=True,
            max_length=self._tokenizer.model_max_length, return_tensors="pt",
        ).input_ids  # fmt: skip
        vectors: Tensor = self._encoder.encode_words(tokens.to(self._device))
        return vectors

    def _check(self, prompt: str) -> None:
        unknown = unknown_words(self._spec, prompt)
        if unknown and len(unknown) == len({*words_of(simplify(prompt))}):
            raise RequestError(
                f"pocket's text-video encoder knows no word of {prompt[:60]!r}, so it cannot say what agrees "
                f"with it; leave --clip-guidance and --best-of out, or name things that pocket knows"
            )
        if unknown:
            log.warning(
                "pocket's text-video encoder does not know %s and leads to the other words",
                ", ".join(repr(word) for word in unknown[:8]),
            )

    def similarity(self, video: Video, words: Tensor) -> Tensor:
        """The cosine of a video −1…1 `1 3 t h w`, of any size and length, and of words `1 d`; a scalar."""
        return (self.vector(video) * words.to(self._device)).sum()

    def vector(self, video: Video) -> Tensor:
        """The unit vectors of videos −1…1 `b 3 t h w`, `b d`."""
        return self._encoder.encode_video(video.to(self._device).float())
