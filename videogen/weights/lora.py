"""Low-rank changes to a network's weights (LoRA, Hu et al. 2021): read, merged with a scale, taken back.

A change to a weight of shape `o i …` is the product of `up` (`o r`) and `down` (`r i …`). AnimateDiff's
motion LoRA and domain adapter name the layer that they change, as do diffusers and peft; kohya's layout
writes its path with underscores, so that only the network itself can say which layer is meant, and divides by
the rank. A file may hold changes of the U-Net and of the text encoder side by side.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from videogen.errors import CheckpointError
from videogen.weights.keymaps import LORA, follow

_PAIR = re.compile(r"^(?P<layer>.+)\.(?:(?P<half>up|down)\.weight|(?P<alpha>alpha))$")
_TEXT = re.compile(r"^(?:lora_te1?_|text_encoder\.)")
_TEXT_MODEL = re.compile(r"\btext_model\.|(?<=lora_te_)text_model_")
_KOHYA = re.compile(r"^lora_(?:unet|te)_(?P<layer>\w+)\.(?P<half>lora_up\.weight|lora_down\.weight|alpha)$")


@dataclass(frozen=True)
class LowRank:
    """One change: `up` `o r` or `o r 1 1`, `down` `r i` or `r i h w`, and the `factor` that belongs to it."""

    up: Tensor
    down: Tensor
    factor: float = 1.0

    def product(self, like: Tensor) -> Tensor:
        """The change in the shape of the weight; raises ValueError where it does not fit."""
        change = self.up.flatten(1).float() @ self.down.flatten(1).float() * self.factor
        if change.numel() != like.numel() or len(change) != len(like):
            raise ValueError(f"a change of {tuple(change.shape)} for a weight of {tuple(like.shape)}")
        return change.view_as(like)


@dataclass
class Merged:
    """What a merge has changed; `undo` puts every weight back, bit for bit."""

    before: dict[nn.Parameter, Tensor]

    @torch.no_grad()
    def undo(self) -> None:
        """Put back the weights as they were."""
        for weight, value in self.before.items():
            weight.copy_(value)
        self.before.clear()


def read_lora(tensors: Mapping[str, Tensor], weights: Iterable[str], *, source: str) -> dict[str, LowRank]:
    """Changes by the name of the weight that each is for, among the `weights` of a network.

    Raises CheckpointError for halves without the other, and for layers that the network does not have.
    """
    own = set(weights)
    flat = {name.removesuffix(".weight").replace(".", "_"): name for name in own}
    halves: dict[str, dict[str, Tensor]] = {}
    strange = []
    for name, tensor in tensors.items():
        if kohya := _KOHYA.match(name):
            target = flat.get(kohya["layer"])
            half = kohya["half"].removeprefix("lora_").removesuffix(".weight")
        else:
            pair = _PAIR.match(str(follow(name, LORA)))
            target = f"{pair['layer']}.weight" if pair and f"{pair['layer']}.weight" in own else None
            half = (pair["half"] or "alpha") if pair else ""
        if target is None:
            strange.append(name)
        else:
            halves.setdefault(target, {})[half] = tensor
    if strange:
        raise CheckpointError(
            f"{source} changes {strange[0]} (and {len(strange) - 1} more), which this network does not have; "
            f"it belongs to another one"
        )
    alone = [target for target, found in halves.items() if not {"up", "down"} <= found.keys()]
    if alone or not halves:
        raise CheckpointError(f"{source} is not whole: {alone[0] if alone else 'it'} lacks up or down")
    return {
        target: LowRank(
            found["up"], found["down"],
            factor=float(found["alpha"]) / found["down"].shape[0] if "alpha" in found else 1.0,
        )
        for target, found in halves.items()
    }  # fmt: skip


def split_lora(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The changes of the U-Net, and those of the text encoder under names that its layers have.

    The name of the text model within its encoder is left out, as by `bare_text_name`.
    """
    drawing = {name: tensor for name, tensor in tensors.items() if not _TEXT.match(name)}
    reading = {
        bare_text_name(re.sub(r"^lora_te1_", "lora_te_", name).removeprefix("text_encoder.")): tensor
        for name, tensor in tensors.items()
        if _TEXT.match(name)
    }
    return drawing, reading


def bare_text_name(name: str) -> str:
    """A name of a text encoder's weight without that of the text model, which versions put there or not."""
    return _TEXT_MODEL.sub("", name, count=1)


@torch.no_grad()
def merge(network: nn.Module, changes: Mapping[str, LowRank], *, scale: float, source: str) -> Merged:
    """Add `scale` times the changes to a network's weights; raises CheckpointError where one does not fit."""
    own = dict(network.named_parameters())
    try:
        products = {name: change.product(own[name]) for name, change in changes.items()}
    except ValueError as error:
        raise CheckpointError(f"{source} does not fit this network ({error})") from error
    merged = Merged({own[name]: own[name].detach().clone() for name in products})
    for name, product in products.items():
        weight = own[name]
        weight.copy_(weight.float() + scale * product.to(weight.device))
    return merged
