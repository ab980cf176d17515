"""A training's first weights from a model folder: pocket's, or those of an earlier training.

Words keep what was learnt of them: rows of the word embedding go over by the word, whatever its number was,
and a longer position embedding keeps the first rows. Words that are new keep their random start.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from videogen.errors import CheckpointError
from videogen.models.motion_planner import MotionPlanner
from videogen.training.unet import PocketNetworks
from videogen.weights.formats import assign_weights
from videogen.weights.load import Networks

_WORDS = "token_embedding.weight"
_PLACES = "position_embedding.weight"


def take_weights(
    model: PocketNetworks, tokenizer: PreTrainedTokenizerFast, networks: Networks, *, source: Path
) -> None:
    """Fill `model`, whose words are `tokenizer`'s; raises CheckpointError where the sizes are others."""
    assign_weights(model.denoiser, networks.pocket.state_dict(), source=source)
    given = _reworded(model.text_encoder, tokenizer, *networks.language)
    assign_weights(model.text_encoder, given, source=source)


def take_planner(
    planner: MotionPlanner, tokenizer: PreTrainedTokenizerFast, networks: Networks, *, source: Path
) -> None:
    """Fill a motion planner, whose words are `tokenizer`'s; raises as `take_weights`."""
    assert networks.planner is not None
    given = _reworded(planner, tokenizer, networks.planner, networks.language[1])
    assign_weights(planner, given, source=source)


def _reworded(
    network: nn.Module, tokenizer: PreTrainedTokenizerFast, other: nn.Module, words: PreTrainedTokenizerFast
) -> dict[str, Tensor]:
    """The weights of `other`, whose words are `words`, with the embeddings that `network` needs."""
    given: dict[str, Tensor] = dict(other.state_dict())
    for name, value in network.state_dict().items():
        if name not in given or given[name].shape[1:] != value.shape[1:]:
            continue
        if name.endswith(_WORDS):
            given[name] = words_by_name(value, tokenizer, given[name], words)
        if name.endswith(_PLACES):
            rows = min(len(value), len(given[name]))
            given[name] = torch.cat([given[name][:rows], value[rows:]])
    return given


def words_by_name(
    own: Tensor, tokenizer: PreTrainedTokenizerFast, given: Tensor, other: PreTrainedTokenizerFast
) -> Tensor:
    """Embeddings `words d` for `tokenizer`: the rows that `given` has for the same words of `other`."""
    rows, numbers = own.clone(), other.get_vocab()
    for word, number in tokenizer.get_vocab().items():
        if word in numbers and numbers[word] < len(given) and number < len(rows):
            rows[number] = given[numbers[word]]
    return rows


def spread_of(networks: Networks, *, source: Path) -> dict[str, float]:
    """How the autoencoder's latents are scaled and shifted; raises CheckpointError where it says nothing."""
    config = networks.vae.config
    if config.scaling_factor == 1.0 and config.shift_factor == 0.0:
        raise CheckpointError(f"the autoencoder of {source} does not say how its latents are scaled")
    return {"scaling_factor": config.scaling_factor, "shift_factor": config.shift_factor}
