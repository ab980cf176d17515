"""What a file or folder of weights is, in words, without loading a number: `videogen inspect`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from videogen.errors import CheckpointError
from videogen.models.config import TemporalUNetConfig
from videogen.models.controlnet import ControlNet
from videogen.models.rife import Rife, RifeConfig
from videogen.models.temporal_unet import TemporalUNet
from videogen.weights.files import PICKLES, Header, read_header
from videogen.weights.formats import read_json
from videogen.weights.installed import INDEX
from videogen.weights.keymaps import RIFE, rename
from videogen.weights.recognise import (
    Format,
    config_of,
    hint_widths,
    motion_settings,
    motion_version,
    recognise,
    shapes_of,
)
from videogen.weights.rife import config_of_shapes, describe_rife
from videogen.weights.spandrel_models import describe_spandrel

_SHOWN = 3
_HINT = "controlnet_cond_embedding."
_ANY: dict[str, Any] = {"norm_num_groups": 1, "attention_heads": 1, "motion_heads": 1, "motion_num_groups": 1}
"""Groups and heads leave no trace in names and shapes; one of each fits every width."""


def inspect(path: Path) -> Iterator[str]:
    """Lines about a file, or about each file of a folder; raises CheckpointError."""
    if path.is_dir():
        yield from _inspect_folder(path)
    elif path.exists():
        yield from _inspect_file(path, name=path.name)
    else:
        raise CheckpointError(
            f"{path} is not there; give a file or a folder ('videogen models' says where presets' files are)"
        )


def _inspect_file(path: Path, *, name: str) -> Iterator[str]:
    header = read_header(path)
    try:
        found = recognise(header.shapes, source=str(path))
    except CheckpointError:
        if (title := describe_spandrel(header.shapes)) is None:
            raise
        found = Format("single-image", f"upscaler of spandrel's kinds: {title}", ())
    yield f"{name}: {found.title}"
    yield from (f"  {line}" for line in _describe(header, found, source=str(path)))


def _inspect_folder(folder: Path) -> Iterator[str]:
    files = sorted(file for file in folder.rglob("*") if file.suffix in (".safetensors", *PICKLES))
    if (folder / INDEX).is_file():
        index = read_json(folder / INDEX)
        parts = [name for name, value in index.items() if isinstance(value, list)]
        yield f"{folder.name}: {index.get('_class_name')} with {', '.join(parts) or 'no parts'}"
        for part in parts:
            if not (folder / part).is_dir():
                yield f"  the part {part} is missing"
    if not files:
        raise CheckpointError(f"{folder} holds no weights; give a file, or a folder with some")
    for file in files:
        name = str(file.relative_to(folder))
        try:
            yield from _inspect_file(file, name=name)
        except CheckpointError as error:
            yield f"{name}: {error}"


def _describe(header: Header, found: Format, *, source: str) -> Iterator[str]:
    kinds = Counter(str(dtype).removeprefix("torch.") for dtype in header.dtypes.values())
    yield f"{len(header.shapes)} tensors, {header.parameters / 1e6:,.1f} M numbers, {', '.join(kinds)}"
    if found.kind in ("motion", "motion-unet", "sparsectrl"):
        settings = motion_settings(header.shapes, source=source)
        if found.kind == "motion":
            yield f"version {motion_version(settings)}"
        yield f"at most {settings['motion_max_frames']} frames at once"
    if found.kind == "rife":
        yield f"versions: {describe_rife(_rife(header, source=source))}"
    expected = _expected(header, found, source=source)
    if expected is None:
        return
    own = rename(header.shapes, found.rules)
    yield _named("missing", expected.keys() - own.keys())
    yield _named("unexpected", own.keys() - expected.keys())
    both = own.keys() & expected.keys()
    yield _named("of another shape", {name for name in both if own[name] != expected[name]})


def _named(what: str, names: set[str]) -> str:
    shown = ", ".join(sorted(names)[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{what}: {shown}{more}" if names else f"{what}: none"


def _expected(header: Header, found: Format, *, source: str) -> dict[str, tuple[int, ...]] | None:
    """The names and shapes of the network that such a file fills; None where this is not known."""
    shapes = header.shapes
    bare = rename(shapes, found.rules)
    if found.kind == "motion":
        widths = tuple(bare[f"down_blocks.{level}.motion_modules.0.norm.weight"][0] for level in range(4))
        settings = motion_settings(shapes, source=source) | _ANY
        config = TemporalUNetConfig(block_out_channels=widths, **settings)
        whole = _shapes_of(TemporalUNet, config)
        return {name: shape for name, shape in whole.items() if ".motion_modules." in name}
    if found.kind == "rife":
        with torch.device("meta"):
            return shapes_of(Rife(_rife(header, source=source)).state_dict())
    if found.kind in ("unet", "reference"):
        return _shapes_of(
            TemporalUNet, config_of(bare, source=source, only_read=found.kind == "reference", **_ANY)
        )
    if found.kind in ("controlnet", "sparsectrl"):
        hint = next(name for name in ("conv_in.weight", "weight") if f"{_HINT}{name}" in bare)
        config = config_of(bare, shapes if found.kind == "sparsectrl" else None, source=source, **_ANY)
        channels = bare[f"{_HINT}{hint}"][1]
        widths = () if hint == "weight" else hint_widths(bare, start=_HINT)
        with torch.device("meta"):
            return shapes_of(ControlNet(config, hint_channels=channels, hint_widths=widths).state_dict())
    return None


def _rife(header: Header, *, source: str) -> RifeConfig:
    return config_of_shapes(rename(header.shapes, RIFE), source=source)


def _shapes_of(kind: type[TemporalUNet], config: TemporalUNetConfig) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return shapes_of(kind(config).state_dict())
