"""Which RIFE a file is: the published layouts, written down as names and shapes, and files that are none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from videogen.errors import CheckpointError
from videogen.models.rife import Rife
from videogen.weights.enhancers import load_interpolator
from videogen.weights.inspection import inspect
from videogen.weights.recognise import shapes_of
from videogen.weights.rife import config_of_shapes, describe_rife

Shapes = dict[str, tuple[int, ...]]
NORMAL, SMALL = (192, 128, 96, 64), (128, 96, 64, 48)


def convolution(name: str, before: int, after: int, *, side: int = 3) -> Shapes:
    return {f"{name}.weight": (after, before, side, side), f"{name}.bias": (after,)}


def transposed(name: str, before: int, after: int) -> Shapes:
    return {f"{name}.weight": (before, after, 4, 4), f"{name}.bias": (after,)}


def layout(widths: tuple[int, ...], inputs: tuple[int, int], outputs: int, *, groups: int = 1) -> Shapes:
    """Return the names and shapes of blocks: channels into the first and into the others, and out of all."""
    found: Shapes = {}
    for number, width in enumerate(widths):
        name = f"block{number}"
        found |= convolution(f"{name}.conv0.0.0", inputs[min(number, 1)], width // 2)
        found |= convolution(f"{name}.conv0.1.0", width // 2, width)
        for layer in range(8):
            found[f"{name}.convblock.{layer}.beta"] = (1, width, 1, 1)
            found |= convolution(f"{name}.convblock.{layer}.conv", width // groups, width)
        found |= transposed(f"{name}.lastconv.0", width, outputs)
    return found


def plain_head() -> Shapes:
    return convolution("encode.0", 3, 16) | transposed("encode.1", 16, 4)


def deep_head(width: int, features: int, *, named: bool) -> Shapes:
    names = [f"encode.cnn{n}" if named else f"encode.{2 * n}" for n in range(4)]
    middle = convolution(names[1], width, width) | convolution(names[2], width, width)
    return convolution(names[0], 3, width) | middle | transposed(names[3], width, features)


VERSIONS: dict[str, tuple[Shapes, str, int]] = {
    "4.5": (layout(NORMAL, (7, 12), 20), "RIFE 4.5", 32),
    "4.6": (layout(NORMAL, (7, 12), 24), "RIFE 4.6", 32),
    "4.7": (layout(NORMAL, (15, 20), 24) | plain_head(), "RIFE 4.7 to 4.9", 32),
    "4.10": (layout(NORMAL, (23, 28), 24) | deep_head(32, 8, named=False), "RIFE 4.10 to 4.13", 32),
    "4.12 lite": (
        layout(SMALL, (15, 20), 24) | deep_head(32, 4, named=False), "RIFE 4.12 lite or 4.13 lite", 32,
    ),
    "4.14 lite": (
        layout(NORMAL, (23, 28), 24, groups=2) | deep_head(32, 8, named=True), "RIFE 4.14 lite", 32,
    ),
    "4.17": (
        layout(NORMAL, (23, 28), 24) | deep_head(32, 8, named=True), "RIFE 4.14 to 4.19, or 4.24", 32,
    ),
    "4.17 lite": (
        layout(SMALL, (15, 20), 24) | deep_head(16, 4, named=True), "RIFE 4.15 lite to 4.17 lite", 32,
    ),
    "4.20": (layout((384, 192, 96, 48), (23, 28), 24) | deep_head(32, 8, named=True), "RIFE 4.20", 32),
    "4.22": (
        layout((256, 192, 96, 48), (23, 36), 52) | deep_head(32, 8, named=True), "RIFE 4.21 to 4.23", 32,
    ),
    "4.22 lite": (
        layout((192, 128, 64, 32), (15, 28), 52) | deep_head(16, 4, named=True), "RIFE 4.22 lite", 32,
    ),
    "4.25": (
        layout((*NORMAL, 32), (15, 28), 52) | deep_head(16, 4, named=True), "RIFE 4.25 or 4.26", 64,
    ),
    "4.25 lite": (
        layout((*NORMAL, 24), (15, 28), 52) | deep_head(16, 4, named=True), "RIFE 4.25 lite", 128,
    ),
    "4.25 heavy": (
        layout((384, 256, 192, 128, 64), (15, 28), 52) | deep_head(16, 4, named=True), "RIFE 4.25 heavy", 64,
    ),
    "4.26 large": (
        layout((*NORMAL, 32), (39, 52), 52) | deep_head(16, 16, named=True), "RIFE 4.26 large", 64,
    ),
}  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
def test_the_layout_of_each_version_is_told_by_shapes_alone_and_filled_whole(version: str) -> None:
    shapes, title, multiple = VERSIONS[version]
    config = config_of_shapes(shapes, source="a file")
    assert describe_rife(config) == title
    assert config.multiple == multiple
    with torch.device("meta"):
        assert shapes_of(Rife(config).state_dict()) == shapes


def tensors(version: str, *, prefix: str = "module.") -> dict[str, Tensor]:
    torch.manual_seed(0)
    shapes = VERSIONS[version][0]
    return {f"{prefix}{name}": torch.randn(shape) * 0.02 for name, shape in shapes.items()}


@pytest.mark.parametrize("name", ["flownet.pkl", "rife.pth", "rife.safetensors"])
def test_a_file_is_loaded_under_its_own_names(tmp_path: Path, name: str) -> None:
    saved = tensors("4.22 lite")
    path = tmp_path / name
    if name.endswith("safetensors"):
        save_file(saved, path)
    else:
        torch.save(saved | {"module.teacher.conv0.0.0.weight": torch.zeros(1)}, path)
    found = load_interpolator(path)
    assert found.title == "RIFE 4.22 lite"
    assert list(found.hashes) == [name]
    for key, value in found.network.state_dict().items():
        torch.testing.assert_close(value, saved[f"module.{key}"], rtol=0, atol=0)
    made = found.network(torch.rand(1, 3, 40, 30), torch.rand(1, 3, 40, 30), torch.tensor([0.5]))
    assert made.shape == (1, 3, 40, 30)
    assert f"{name}: RIFE" in next(iter(inspect(path)))


def test_inspect_names_the_versions_and_what_lacks(tmp_path: Path) -> None:
    saved = tensors("4.22 lite", prefix="")
    del saved["encode.cnn1.bias"]
    save_file(saved, tmp_path / "x.safetensors")
    text = "\n".join(inspect(tmp_path / "x.safetensors"))
    assert "versions: RIFE 4.22 lite" in text
    assert "missing: encode.cnn1.bias" in text
    with pytest.raises(CheckpointError, match=r"lacks encode\.cnn1\.bias.*looks like: RIFE"):
        load_interpolator(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        (
            {"contextnet.conv1.conv1.0.weight": torch.zeros(1), "block0.conv0.0.0.weight": torch.zeros(1)},
            r"is a RIFE before 4\.5, another network; give one of 4\.5 to 4\.26",
        ),
        (
            {"block0.conv0.0.0.weight": torch.zeros(96, 7, 3, 3), "block0.lastconv.weight": torch.zeros(1)},
            r"is a RIFE before 4\.5",
        ),
        ({"conv_in.weight": torch.zeros(4)}, r"is no RIFE that is known here \(conv_in\.weight"),
        ({"block0.lastconv.0.weight": torch.zeros(1, 1)}, r"is no RIFE that is known here"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, saved: dict[str, Tensor], message: str) -> None:
    save_file(saved, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match=message) as caught:
        load_interpolator(tmp_path / "x.safetensors")
    assert "\n" not in str(caught.value)


def test_sizes_of_no_version_are_refused_although_they_could_be_built(tmp_path: Path) -> None:
    shapes = layout((64, 48, 32, 16), (7, 12), 24)
    save_file({name: torch.zeros(shape) for name, shape in shapes.items()}, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match=r"unknown sizes \(blocks of 64, 48, 32, 16 channels"):
        load_interpolator(tmp_path / "x.safetensors")
