"""Only whole, finite safetensors files that fit are read; everything else is refused in one line."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save, save_file
from torch import nn

from videogen.errors import CheckpointError
from videogen.weights.formats import assign_weights, read_json, read_weights, sha256_of

GOOD = {"weight": torch.arange(6.0).view(2, 3), "count": torch.tensor(3)}


class Bomb:
    """Unpickling this would leave a file behind."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


def refuses(path: Path, words: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        read_weights(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_safetensors_file_comes_back_bit_for_bit(tmp_path: Path) -> None:
    save_file(GOOD, tmp_path / "a.safetensors")
    found = read_weights(tmp_path / "a.safetensors")
    assert found.keys() == GOOD.keys()
    assert all(torch.equal(found[name], GOOD[name]) for name in GOOD)


@pytest.mark.parametrize("suffix", [".bin", ".ckpt", ".pt", ".pth", ".npz", ""])
def test_other_suffixes_are_not_even_opened(tmp_path: Path, suffix: str) -> None:
    marker = tmp_path / "ran"
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(pickle.dumps(Bomb(marker)))
    refuses(path, "is not a .safetensors file; other formats can run code")
    assert not marker.exists()


def test_a_pickle_under_another_name_is_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    (tmp_path / "weights.safetensors").write_bytes(pickle.dumps(Bomb(marker)))
    refuses(tmp_path / "weights.safetensors", "cannot be read as safetensors")
    torch.save(Bomb(marker), tmp_path / "weights.safetensors")
    refuses(tmp_path / "weights.safetensors", "cannot be read as safetensors")
    assert not marker.exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    refuses(tmp_path / "absent.safetensors", "is missing; the model folder is incomplete")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").mkdir()
    refuses(tmp_path / "a.safetensors", "cannot be read as safetensors")


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole, path = save(GOOD), tmp_path / "a.safetensors"
    for length in (0, 1, 7, 8, 9, 50, len(whole) // 2, len(whole) - 4, len(whole) - 1):
        path.write_bytes(whole[:length])
        refuses(path, "cannot be read as safetensors")


@pytest.mark.parametrize(
    "content",
    [
        (1 << 62).to_bytes(8, "little"),
        (20).to_bytes(8, "little") + b"{" * 20,
        (2).to_bytes(8, "little") + b"[]",
        b"\x08\x00\x00\x00\x00\x00\x00\x00{}      trailing bytes",
    ],
    ids=["endless header", "broken header", "another header", "more than it says"],
)
def test_a_strange_header_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    refuses(tmp_path / "a.safetensors", "cannot be read as safetensors")


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_none_is_refused(tmp_path: Path, kind: torch.dtype, value: float) -> None:
    tensor = torch.ones(3, 5, dtype=kind)
    tensor[2, 4] = value
    save_file({"fine": torch.ones(1), "layer.bias": tensor}, tmp_path / "a.safetensors")
    refuses(tmp_path / "a.safetensors", "the tensor layer.bias holds NaN or Inf")


def test_a_number_too_large_for_float32_is_refused(tmp_path: Path) -> None:
    save_file({"big": torch.tensor([1e300], dtype=torch.float64)}, tmp_path / "a.safetensors")
    refuses(tmp_path / "a.safetensors", "the tensor big holds NaN or Inf")


def test_a_kind_of_number_that_nothing_here_uses_is_refused(tmp_path: Path) -> None:
    save_file({"tiny": torch.ones(4).to(torch.float8_e4m3fn)}, tmp_path / "a.safetensors")
    refuses(tmp_path / "a.safetensors", "the tensor tiny is of torch.float8_e4m3fn")


def layer() -> nn.Linear:
    return nn.Linear(3, 2)


def tensors() -> dict[str, torch.Tensor]:
    return {"weight": torch.rand(2, 3), "bias": torch.rand(2)}


def test_every_tensor_is_assigned_in_the_networks_own_precision() -> None:
    network, given = layer(), {name: value.half() for name, value in tensors().items()}
    assign_weights(network, given, source=Path("a"))
    assert network.weight.dtype == torch.float32
    assert torch.equal(network.weight, given["weight"].float())
    assert torch.equal(network.bias, given["bias"].float())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bias": None}, "a.safetensors lacks bias (and 0 more)"),
        ({"bias": None, "weight": None}, "a.safetensors lacks bias (and 1 more)"),
        ({"gain": torch.rand(2)}, "has the unexpected gain"),
        ({"bias": torch.rand(3)}, "has another shape of bias"),
        ({"weight": torch.rand(3, 2)}, "has another shape of weight"),
        ({"bias": torch.ones(2, dtype=torch.int64)}, "has another kind of number in bias"),
    ],
)
def test_a_mismatch_is_named_and_nothing_is_assigned(change: dict[str, Any], words: str) -> None:
    network = layer()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    given = {name: value for name, value in {**tensors(), **change}.items() if value is not None}
    with pytest.raises(CheckpointError) as caught:
        assign_weights(network, given, source=Path("a.safetensors"))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_json_object_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"größe": [1, 2.5]}', encoding="utf-8")
    assert read_json(tmp_path / "a.json") == {"größe": [1, 2.5]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot be read as JSON"),
        (b"{", "cannot be read as JSON"),
        (b"\xff\xfe", "cannot be read as JSON"),
        (b'{"a": ' + b"[" * 100_000, "cannot be read as JSON"),
        (b"[1]", "holds a list, expected a JSON object"),
        (b"null", "holds a NoneType, expected a JSON object"),
        (b" " * (65 << 20), "is larger than 64 MB"),
    ],
    ids=["empty", "cut", "binary", "deep", "list", "null", "large"],
)
def test_what_is_no_json_object_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        read_json(tmp_path / "a.json")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_json_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"a\.json is missing"):
        read_json(tmp_path / "a.json")


def test_a_hash_is_that_of_the_whole_file(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000
    (tmp_path / "a").write_bytes(content)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(content).hexdigest()
