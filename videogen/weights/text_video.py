"""The text-video encoder: pocket's own part `clip`, or that of another model's folder.

In: nothing, or a model's folder. Out: the encoder in evaluation mode, float32 on the CPU, with the tokenizer
and the words that it was taught, and the hashes of its files for the record. It looks at pixels, so that it
works with any model's clips.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from videogen.errors import CheckpointError
from videogen.models.text_video import TextVideoConfig, TextVideoEncoder
from videogen.weights.folder import Folder
from videogen.weights.formats import read_json
from videogen.weights.installed import CLIP, INDEX, POCKET
from videogen.weights.own_layout import read_tokenizer
from videogen.weights.parts import build, check_pairs, fill, make_text_encoder, plain
from videogen.weights.spec import ModelSpec

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True)
class TextVideo:
    """A loaded encoder, its tokenizer, the model's spec with the words known, and its files' SHA-256."""

    encoder: TextVideoEncoder
    tokenizer: PreTrainedTokenizerFast
    spec: ModelSpec
    hashes: dict[str, str]


def has_text_video(folder: Path | None = None) -> bool:
    """Whether pocket, or the model in a folder, has the part."""
    return ((folder or POCKET) / CLIP / "config.json").is_file()


def load_text_video(folder: Path | None = None) -> TextVideo:
    """Load the part of pocket, or of the model in a folder; raises CheckpointError that says what to do."""
    home = folder or POCKET
    if not has_text_video(folder):
        name = "pocket" if folder is None else str(folder)
        raise CheckpointError(
            f"{name} has no text-video encoder ({home / CLIP}), which --clip-guidance and --best-of need; "
            f"install videogen again, or train one with 'videogen train pocket --stage clip'"
        )
    whole = Folder(home)
    config, tensors, file = whole.part(CLIP)
    if config.get("_class_name") != TextVideoEncoder.__name__:
        raise CheckpointError(
            f"{home / CLIP / 'config.json'} describes a {config.get('_class_name')!r}; expected a "
            f"{TextVideoEncoder.__name__!r}"
        )

    def make() -> TextVideoEncoder:
        values = plain(config)
        text = values.pop("text_encoder")
        return TextVideoEncoder(TextVideoConfig.from_dict(values), make_text_encoder(plain(text)))

    encoder = fill(make, tensors, source=file)
    words = home / "tokenizer"
    tokenizer = build(words, lambda: read_tokenizer(words))
    known = encoder.text_encoder.config
    length = tokenizer.model_max_length
    check_pairs(
        {
            "words of the text-video encoder": (known.vocab_size, len(tokenizer)),
            "length of its sentences": (min(known.max_position_embeddings, length), length),
        },
        home,
    )
    spec = ModelSpec.from_dict(read_json(home / INDEX).get("videogen"), source=str(home / INDEX))
    return TextVideo(encoder, tokenizer, spec, whole.hashes)
