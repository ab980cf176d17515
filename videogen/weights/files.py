"""Files of weights in every form that people have: safetensors, and torch's archives without what runs.

A pickle is read with torch's unpickler for weights alone, which builds tensors and plain containers and
refuses everything else before it is called. Wrappers around the tensors are taken off.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from videogen.errors import CheckpointError
from videogen.weights.formats import check_finite, first_line, read_weights

PICKLES = (".ckpt", ".pth", ".pt", ".bin", ".pkl")
WRAPPERS = ("state_dict", "params_ema", "params", "controlnet", "model")
"""Keys under which training programs put the tensors."""
_KINDS = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8,
    "BOOL": torch.bool,
}  # fmt: skip


@dataclass(frozen=True)
class Header:
    """The names in a file with the shape and the kind of number of each."""

    shapes: dict[str, tuple[int, ...]]
    dtypes: dict[str, torch.dtype]

    @property
    def parameters(self) -> int:
        """How many numbers there are."""
        return sum(torch.Size(shape).numel() for shape in self.shapes.values())


def read_header(path: Path) -> Header:
    """The names, shapes and kinds of a file without its numbers; raises CheckpointError."""
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, "pt") as file:
                slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
                return Header(
                    {name: tuple(one.get_shape()) for name, one in slices.items()},
                    {name: _KINDS.get(one.get_dtype(), torch.uint8) for name, one in slices.items()},
                )
        except FileNotFoundError:
            raise CheckpointError(f"{path} is not there") from None
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{path} cannot be read as safetensors ({first_line(error)})") from error
    tensors = _unpickle(path, device="meta")
    return Header(
        {name: tuple(tensor.shape) for name, tensor in tensors.items()},
        {name: tensor.dtype for name, tensor in tensors.items()},
    )


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file under their own names; raises CheckpointError, also for NaN and Inf."""
    if path.suffix == ".safetensors":
        return read_weights(path)
    tensors = _unpickle(path, device="cpu")
    check_finite(tensors, source=path)
    return tensors


def _unpickle(path: Path, *, device: str) -> dict[str, Tensor]:
    if path.suffix not in PICKLES:
        kinds = ", ".join((".safetensors", *PICKLES))
        raise CheckpointError(f"{path} is of no kind that holds weights here ({kinds})")
    try:
        found = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is not there") from None
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds more than weights, which could run as a program, so it was not read; "
            f"get it as .safetensors, or from its authors again"
        ) from error
    # A damaged archive ends in whatever its bytes happen to spell.
    except Exception as error:
        raise CheckpointError(
            f"{path} cannot be read; it is damaged or cut short ({first_line(error)[:200]})"
        ) from error
    return dict(_tensors_in(found, source=path))


def _tensors_in(found: object, *, source: Path, start: str = "") -> Iterator[tuple[str, Tensor]]:
    """Tensors of nested dicts by dotted names; wrappers leave no trace, what is no tensor is left out."""
    if not isinstance(found, Mapping):
        raise CheckpointError(f"{source} holds a {type(found).__name__}, expected tensors by name")
    wrapped = next((found[key] for key in WRAPPERS if isinstance(found.get(key), Mapping)), None)
    if wrapped is not None and not start:
        yield from _tensors_in(wrapped, source=source)
        return
    for name, value in found.items():
        if isinstance(value, Tensor):
            yield f"{start}{name}", value.detach()
        elif isinstance(value, Mapping):
            yield from _tensors_in(value, source=source, start=f"{start}{name}.")
