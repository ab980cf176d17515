"""Training state on disk: everything that the next step depends on, in safetensors, replaced atomically.

A checkpoint is one file `state.safetensors` with the weights, their running average and the optimiser's
moments, and in its metadata the step and the seconds spent. Random numbers are functions of (seed, step),
so there is no generator state to keep, and a resumed run equals an uninterrupted one wherever the learning
rate does: the rate follows the seconds spent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from videogen.errors import CheckpointError

FILE = "state.safetensors"
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


@dataclass
class Progress:
    """How far a stage has come: optimiser `step`, `seconds` of training."""

    step: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if type(self.step) is not int or self.step < 0 or not self.seconds >= 0:
            raise ValueError(f"step {self.step!r} after {self.seconds!r} seconds")


def save(
    directory: Path, model: nn.Module, *, average: Mapping[str, Tensor], optimizer: torch.optim.Optimizer,
    progress: Progress,
) -> None:  # fmt: skip
    """Write the whole state to `directory`; a kill at any moment leaves the old file or the new one."""
    directory.mkdir(parents=True, exist_ok=True)
    names = _trained(model)
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{key}.{names[index]}": torch.as_tensor(value) for key, value in state.items()}
    tensors = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    write_atomically(tensors, directory / FILE, metadata={"progress": json.dumps(vars(progress))})


def write_atomically(tensors: dict[str, Tensor], path: Path, *, metadata: dict[str, str]) -> None:
    """Write a safetensors file under another name, then give it its own."""
    partial = path.with_name(f".{path.name}.partial")
    save_file(tensors, partial, metadata=metadata)
    partial.replace(path)


def load(
    directory: Path, model: nn.Module, *, average: Mapping[str, Tensor], optimizer: torch.optim.Optimizer
) -> Progress | None:
    """Restore the state in place; None where the folder holds none; CheckpointError on a foreign file."""
    path = directory / FILE
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            progress = Progress(**json.loads((file.metadata() or {})["progress"]))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path} is not a training state of videogen ({error}); remove it or use another folder"
        ) from error
    _check(path, model, average=average, tensors=tensors)
    _restore(model, average=average, optimizer=optimizer, tensors=tensors)
    return progress


def _check(
    path: Path, model: nn.Module, *, average: Mapping[str, Tensor], tensors: Mapping[str, Tensor]
) -> None:
    """Raise CheckpointError where the file's weights are not exactly those of `model` and `average`."""
    own = {f"model.{name}": value for name, value in model.state_dict().items()}
    own |= {f"average.{name}": value for name, value in average.items()}
    shapes = {name: value for name, value in model.named_parameters() if value.requires_grad}
    moments = {f"optimizer.{key}.{name}": value for name, value in shapes.items() for key in _MOMENTS[1:]}
    allowed = own | moments | {f"optimizer.step.{name}": torch.empty(()) for name in shapes}
    wrong = sorted(own.keys() - tensors.keys()) + sorted(tensors.keys() - allowed.keys())
    wrong += sorted(name for name in tensors.keys() & allowed if tensors[name].shape != allowed[name].shape)
    if wrong:
        raise CheckpointError(
            f"{path} was made by another network: {wrong[0]} (and {len(wrong) - 1} more) does not fit; "
            f"use another folder"
        )


def _restore(
    model: nn.Module, *, average: Mapping[str, Tensor], optimizer: torch.optim.Optimizer,
    tensors: Mapping[str, Tensor],
) -> None:  # fmt: skip
    model.load_state_dict({name: tensors[f"model.{name}"] for name in model.state_dict()})
    for name, value in average.items():
        value.copy_(tensors[f"average.{name}"])
    state: dict[int, dict[str, Tensor]] = {}
    for index, name in enumerate(_trained(model)):
        places = {key: f"optimizer.{key}.{name}" for key in _MOMENTS}
        kept = {key: tensors[place] for key, place in places.items() if place in tensors}
        if kept:
            state[index] = kept
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _trained(model: nn.Module) -> list[str]:
    """The names of what the optimiser sees, in its order."""
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad]
