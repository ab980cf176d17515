"""Files of weights in every form: the same tensors, wrappers off, and nothing that they hold is run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from videogen.errors import CheckpointError
from videogen.weights.files import PICKLES, read_header, read_tensors


def weights() -> dict[str, Tensor]:
    return {"conv_in.weight": torch.randn(3, 2).half(), "conv_in.bias": torch.arange(3.0)}


def check(path: Path, expected: dict[str, Tensor]) -> None:
    header, tensors = read_header(path), read_tensors(path)
    assert tensors.keys() == header.shapes.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(tensors[name], tensor, rtol=0, atol=0)
        assert header.shapes[name] == tensor.shape
        assert header.dtypes[name] == tensor.dtype
    assert header.parameters == sum(tensor.numel() for tensor in expected.values())


def test_safetensors(tmp_path: Path) -> None:
    made = weights()
    save_file(made, tmp_path / "a.safetensors")
    check(tmp_path / "a.safetensors", made)


@pytest.mark.parametrize("suffix", PICKLES)
@pytest.mark.parametrize("wrapper", [None, "state_dict", "controlnet"])
@pytest.mark.parametrize("old", [False, True])
def test_archives_of_torch(tmp_path: Path, suffix: str, wrapper: str | None, old: bool) -> None:
    made, path = weights(), tmp_path / f"a{suffix}"
    whole: dict[str, Any] = {**made, "animatediff_config": {"a": 1}, "epoch": 3}
    torch.save(
        whole if wrapper is None else {wrapper: whole, "global_step": 7},
        path,
        _use_new_zipfile_serialization=not old,
    )
    check(path, made)


def test_nested_parts_get_dotted_names(tmp_path: Path) -> None:
    parts = {"image_proj": {"proj.weight": torch.ones(2)}, "ip_adapter": {"1.to_k_ip.weight": torch.ones(1)}}
    torch.save(parts, tmp_path / "ip.bin")
    assert read_header(tmp_path / "ip.bin").shapes == {
        "image_proj.proj.weight": (2,),
        "ip_adapter.1.to_k_ip.weight": (1,),
    }


class Canary:
    """An object whose pickle makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("read", [read_header, read_tensors])
@pytest.mark.parametrize("writer", ["torch", "old", "pickle"])
def test_a_pickle_with_code_is_refused_and_never_run(tmp_path: Path, read: Any, writer: str) -> None:
    canary, path = tmp_path / "canary", tmp_path / "evil.ckpt"
    holds = {"state_dict": weights(), "more": Canary(canary)}
    if writer == "pickle":
        path.write_bytes(pickle.dumps(holds))
    else:
        torch.save(holds, path, _use_new_zipfile_serialization=writer == "torch")
    with pytest.raises(CheckpointError, match=r"evil\.ckpt") as refused:
        read(path)
    assert not canary.exists()
    assert "\n" not in str(refused.value)
    with path.open("rb") as file:
        (torch.load(path, weights_only=False) if writer != "pickle" else pickle.load(file))
    assert canary.exists(), "the canary would have sung"


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_file_that_is_cut_short_is_one_clear_line(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"cut{suffix}"
    made = {"a": torch.randn(100, 100)}
    save_file(made, path) if suffix == ".safetensors" else torch.save(made, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    for read in (read_header, read_tensors):
        with pytest.raises(CheckpointError, match=f"cut{suffix}") as refused:
            read(path)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused(tmp_path: Path, suffix: str, bad: float) -> None:
    path = tmp_path / f"a{suffix}"
    made = {"good": torch.ones(2), "rotten": torch.tensor([1.0, bad])}
    save_file(made, path) if suffix == ".safetensors" else torch.save(made, path)
    with pytest.raises(CheckpointError, match="rotten holds NaN or Inf"):
        read_tensors(path)


@pytest.mark.parametrize("name", ["a.txt", "a.safetensors", "a.ckpt"])
def test_what_is_not_there_and_what_is_no_weights(tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match=r"a\.\w+ (is not there|is of no kind)"):
        read_header(tmp_path / name)


def test_a_list_is_no_weights(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="holds a list, expected tensors by name"):
        read_header(tmp_path / "a.pt")
