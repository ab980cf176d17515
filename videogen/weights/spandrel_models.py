"""Upscalers of single pictures, told apart and built by spandrel: Real-ESRGAN, SwinIR and many others.

Spandrel is given tensors that were read here, never a file: its own reader of pickles is not used.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from videogen.errors import CheckpointError, MissingExtra
from videogen.models.single_image import SingleImageUpscaler
from videogen.weights.formats import first_line

_PURPOSES = {
    "Restoration": "mends pictures and does not make them larger",
    "FaceSR": "is for faces alone",
    "Inpainting": "fills holes in pictures",
}


def read_spandrel(tensors: Mapping[str, Tensor], *, source: Path) -> tuple[SingleImageUpscaler, str]:
    """The network that these tensors fill, and what it is in words.

    Raises CheckpointError for networks of no known kind or purpose, MissingExtra without spandrel.
    """
    found = _load(tensors, source=source)
    if found.purpose != "SR":
        reason = _PURPOSES.get(found.purpose, f"is for {found.purpose}")
        raise CheckpointError(
            f"{source} ({found.architecture.name}) {reason}; give a checkpoint for super-resolution"
        )
    channels = found.input_channels
    if channels != found.output_channels or channels not in (1, 3):
        raise CheckpointError(
            f"{source} takes pictures of {channels} channels and gives {found.output_channels}; give a "
            f"checkpoint for colour pictures"
        )
    model = found.model.eval().requires_grad_(False)
    network = SingleImageUpscaler(model, found, scale=found.scale, channels=channels)
    return network.eval(), _title(found)


def describe_spandrel(shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """What tensors of these shapes are to spandrel; None where it knows no such network, or is not there."""
    blank = {name: torch.zeros(()).expand(shape) for name, shape in shapes.items()}
    try:
        return _title(_load(blank, source=Path("a file")))
    except (CheckpointError, MissingExtra):
        return None


def _load(tensors: Mapping[str, Tensor], *, source: Path) -> Any:
    try:
        from spandrel import ModelLoader, UnsupportedModelError, canonicalize_state_dict
    except ImportError as error:
        raise MissingExtra("spandrel", extra="upscale") from error
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "torch.meshgrid", UserWarning)  # of SwinIR, about itself
            return ModelLoader().load_from_state_dict(
                canonicalize_state_dict({name: _whole(tensor) for name, tensor in tensors.items()})
            )
    except UnsupportedModelError:
        names = ", ".join(sorted(tensors)[:3]) or "no tensors at all"
        raise CheckpointError(
            f"{source} is no upscaler that spandrel knows ({names}); give one such as Real-ESRGAN or SwinIR"
        ) from None
    # Each of its architectures has own errors for a file that only looks like one of its kind.
    except Exception as error:
        raise CheckpointError(f"{source} cannot be built by spandrel ({first_line(error)[:200]})") from error


def _whole(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _title(found: Any) -> str:
    tags = f" ({', '.join(found.tags)})" if found.tags else ""
    does = _PURPOSES.get(found.purpose)
    return f"{found.architecture.name}{tags}, {found.scale}x" + (f", {does}" if does else "")
