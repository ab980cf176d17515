"""Which RIFE a file of weights is, told from the shapes of its tensors.

The layout of Practical-RIFE's `flownet.pkl`: `block{0,1,…}.conv0.{0,1}.0`, `.convblock.{0…7}.{conv,beta}`,
`.lastconv.0`, and from 4.7 on `encode`. Versions that share all shapes (4.7 to 4.9, say) are one network with
other numbers. 4.0 to 4.4 are other networks and are refused, as is whatever has sizes that no version has.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from videogen.errors import CheckpointError
from videogen.models.rife import RifeConfig
from videogen.weights import keymaps
from videogen.weights.recognise import Shapes, shapes_of

_SCALES = {4: (8, 4, 2, 1), 5: (16, 8, 4, 2, 1)}
_LITE_25 = ((192, 128, 96, 64, 24), (32, 16, 8, 4, 1))
"""Widths of 4.25 lite, the only version with other scales."""

_NAMES: dict[tuple[tuple[int, ...], int, int, int, bool], str] = {
    ((192, 128, 96, 64), 0, 0, 0, False): "4.5",
    ((192, 128, 96, 64), 1, 0, 0, False): "4.6",
    ((192, 128, 96, 64), 1, 4, 2, False): "4.7 to 4.9",
    ((192, 128, 96, 64), 1, 8, 4, False): "4.10 to 4.13",
    ((128, 96, 64, 48), 1, 4, 4, False): "4.12 lite or 4.13 lite",
    ((192, 128, 96, 64), 1, 8, 4, True): "4.14 to 4.19, or 4.24",
    ((128, 96, 64, 48), 1, 4, 4, True): "4.15 lite to 4.17 lite",
    ((384, 192, 96, 48), 1, 8, 4, True): "4.20",
    ((256, 192, 96, 48), 8, 8, 4, True): "4.21 to 4.23",
    ((192, 128, 64, 32), 8, 4, 4, True): "4.22 lite",
    ((192, 128, 96, 64, 32), 8, 4, 4, True): "4.25 or 4.26",
    ((192, 128, 96, 64, 24), 8, 4, 4, True): "4.25 lite",
    ((384, 256, 192, 128, 64), 8, 4, 4, True): "4.25 heavy",
    ((192, 128, 96, 64, 32), 8, 16, 4, True): "4.26 large",
}
"""Widths, spare channels, features, layers of the head and whether they have names → the versions."""


def rife_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors under the network's names: without wrappers, and without what only training needs."""
    return keymaps.rename(tensors, keymaps.RIFE)


def rife_config(tensors: Mapping[str, Tensor], *, source: str) -> RifeConfig:
    """The sizes of the network that these tensors fill; raises CheckpointError where no version has them."""
    config = config_of_shapes(shapes_of(tensors), source=source)
    if _key(config) not in _NAMES:
        raise CheckpointError(
            f"{source} is a RIFE of unknown sizes (blocks of {', '.join(map(str, config.widths))} channels, "
            f"{config.features} features, {config.spare} spare channels); give one of 4.5 to 4.26"
        )
    return config


def config_of_shapes(shapes: Shapes, *, source: str) -> RifeConfig:
    """The sizes that shapes under the network's names tell; raises CheckpointError for other networks."""
    if "block0.lastconv.weight" in shapes or any(name.startswith("contextnet.") for name in shapes):
        raise CheckpointError(
            f"{source} is a RIFE before 4.5, another network; give one of 4.5 to 4.26, such as 4.25"
        )
    try:
        blocks = sum(name.endswith(".lastconv.0.weight") for name in shapes)
        last = [shapes[f"block{number}.lastconv.0.weight"] for number in range(blocks)]
        widths = tuple(shape[0] for shape in last)
        spare = last[0][1] // 4 - 5
        features = (shapes["block0.conv0.0.0.weight"][1] - 7) // 2
        remembers = shapes["block1.conv0.0.0.weight"][1] - (12 + 2 * features) == spare
        head = [shape for name, shape in shapes.items() if name.startswith("encode.") and len(shape) == 4]
        return RifeConfig(
            widths=widths,
            scales=_LITE_25[1] if widths == _LITE_25[0] else _SCALES[blocks],
            spare=spare,
            remembers=remembers and spare > 0,
            features=features,
            head_layers=len(head),
            head_width=0 if not head else next(shape[0] for shape in head if shape[1] == 3),
            named_head="encode.cnn0.weight" in shapes,
            groups=widths[0] // shapes["block0.convblock.0.conv.weight"][1],
        )
    except (KeyError, IndexError, StopIteration, ValueError, ZeroDivisionError) as error:
        names = ", ".join(sorted(shapes)[:3]) or "no tensors at all"
        raise CheckpointError(
            f"{source} is no RIFE that is known here ({names}; no {error}); give a flownet.pkl of "
            f"Practical-RIFE 4.5 to 4.26"
        ) from error


def describe_rife(config: RifeConfig) -> str:
    """The versions that have these sizes, for people."""
    version = "4.14 lite" if config.groups == 2 else _NAMES.get(_key(config), "of unknown sizes")
    return f"RIFE {version}"


def _key(config: RifeConfig) -> tuple[tuple[int, ...], int, int, int, bool]:
    return config.widths, config.spare, config.features, config.head_layers, config.named_head
