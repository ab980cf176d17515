"""Files of weights: safetensors only, every tensor finite, every name accounted for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from videogen.errors import CheckpointError

_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_LARGEST_JSON = 64 << 20


def read_weights(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file; raises CheckpointError where it is damaged or holds NaN or Inf."""
    if path.suffix != ".safetensors":
        raise CheckpointError(
            f"{path} is not a .safetensors file; other formats can run code and are not read"
        )
    try:
        tensors = load_file(path)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing; the model folder is incomplete, get it again") from None
    except (SafetensorError, OSError) as error:
        reason = first_line(error)
        raise CheckpointError(f"{path} cannot be read as safetensors ({reason}); get it again") from error
    check_finite(tensors, source=path)
    return tensors


def check_finite(tensors: Mapping[str, Tensor], *, source: Path) -> None:
    """Raise CheckpointError naming the first tensor of an unknown kind, or with NaN or Inf."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.dtype not in _FLOATS:
            raise CheckpointError(f"{source}: the tensor {name} is of {tensor.dtype}, which is not read here")
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor.float()).all()):
            raise CheckpointError(
                f"{source}: the tensor {name} holds NaN or Inf; the file is damaged, get it again"
            )


def check_fit(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor], *, source: Path) -> None:
    """Raise CheckpointError naming the first tensor of a file that a network lacks, or the other way round.

    `own` is the state of the network; tensors on torch's meta device will do.
    """
    both = sorted(own.keys() & tensors.keys())
    problems = {
        "lacks": sorted(own.keys() - tensors.keys()),
        "has the unexpected": sorted(tensors.keys() - own.keys()),
        "has another shape of": [name for name in both if own[name].shape != tensors[name].shape],
        "has another kind of number in": [
            name for name in both if own[name].is_floating_point() != tensors[name].is_floating_point()
        ],
    }
    for problem, names in problems.items():
        if names:
            raise CheckpointError(
                f"{source} {problem} {names[0]} (and {len(names) - 1} more); it belongs to another network, "
                f"give the weights that were made for these settings"
            )


def assign_weights(network: nn.Module, tensors: Mapping[str, Tensor], *, source: Path) -> None:
    """Load tensors into a network, each exactly once; raises CheckpointError naming the first mismatch."""
    own = network.state_dict()
    check_fit(own, tensors, source=source)
    taken = {name: tensor.to(own[name].dtype) for name, tensor in tensors.items()}
    network.load_state_dict(taken, assign=True)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a model folder; raises CheckpointError."""
    try:
        if path.stat().st_size > _LARGEST_JSON:
            raise CheckpointError(
                f"{path} is larger than {_LARGEST_JSON >> 20} MB; expected a short JSON object"
            )
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing; the model folder is incomplete, get it again") from None
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON ({first_line(error)}); get it again") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} holds a {type(values).__name__}, expected a JSON object")
    return values


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
