"""Upscalers that spandrel knows, of a few random weights, saved under their authors' names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from videogen.errors import CheckpointError
from videogen.weights.enhancers import load_upscaler
from videogen.weights.inspection import inspect

pytest.importorskip("spandrel")

from spandrel.architectures.Compact import Compact
from spandrel.architectures.ESRGAN import ESRGAN
from spandrel.architectures.SCUNet import SCUNet
from spandrel.architectures.SwinIR import SwinIR

pytestmark = pytest.mark.filterwarnings("ignore:torch.meshgrid:UserWarning")  # of SwinIR, about itself


def rrdb(*, scale: int = 4, channels: int = 3) -> nn.Module:
    torch.manual_seed(0)
    return ESRGAN(in_nc=channels, out_nc=channels, num_filters=8, num_blocks=1, scale=scale).eval()


def real_esrgan_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the names of Real-ESRGAN, which spandrel's network of one block does not use itself."""
    rules = {
        r"^model\.0\.": "conv_first.", r"^model\.1\.sub\.0\.RDB(\d)\.conv(\d)\.0\.": r"body.0.rdb\1.conv\2.",
        r"^model\.1\.sub\.1\.": "conv_body.", r"^model\.3\.": "conv_up1.", r"^model\.6\.": "conv_up2.",
        r"^model\.8\.": "conv_hr.", r"^model\.10\.": "conv_last.",
    }  # fmt: skip
    for pattern, name in rules.items():
        state = {re.sub(pattern, name, key): value for key, value in state.items()}
    return state


def compact() -> nn.Module:
    torch.manual_seed(0)
    return Compact(num_feat=8, num_conv=2, upscale=2).eval()


def swin() -> nn.Module:
    torch.manual_seed(0)
    return SwinIR(
        img_size=16, depths=[2], embed_dim=12, num_heads=[2], window_size=8, mlp_ratio=2, upscale=2,
        upsampler="pixelshuffledirect", resi_connection="1conv",
    ).eval()  # fmt: skip


def enlarged(network: nn.Module, clip: Tensor) -> Tensor:
    with torch.no_grad():
        made: Tensor = network(clip[:, clip.shape[1] // 2])
    return made.clamp(0, 1)


@pytest.mark.parametrize("key", ["params_ema", "params", None])
def test_a_checkpoint_in_its_authors_wrapping_gives_what_their_network_gives(
    tmp_path: Path, key: str | None
) -> None:
    network, path = rrdb(), tmp_path / "RealESRGAN_x4plus.pth"
    state = real_esrgan_names(network.state_dict())
    assert {"conv_first.weight", "body.0.rdb1.conv1.weight", "conv_last.bias"} <= state.keys()
    torch.save(state if key is None else {key: state}, path)
    found = load_upscaler(path, scale=4)
    assert found.network.scale == 4
    assert found.network.frames == 1
    assert found.title.startswith("ESRGAN")
    assert list(found.hashes) == [path.name]
    assert not found.network.training
    clip = torch.rand(2, 1, 3, 12, 9)
    torch.testing.assert_close(found.network(clip), enlarged(network, clip))


def test_averaged_weights_are_taken_where_a_file_has_both(tmp_path: Path) -> None:
    network = rrdb()
    other = {name: value + 1 for name, value in network.state_dict().items()}
    torch.save({"params": other, "params_ema": network.state_dict()}, tmp_path / "x.pth")
    clip = torch.rand(1, 3, 3, 8, 8)
    made = load_upscaler(tmp_path / "x.pth", scale=4).network(clip)
    torch.testing.assert_close(made, enlarged(network, clip))


def test_sizes_that_a_network_cannot_take_are_padded_and_cropped_back(tmp_path: Path) -> None:
    network = swin()
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, tmp_path / "swin.safetensors")
    found = load_upscaler(tmp_path / "swin.safetensors", scale=2)
    assert found.title.startswith("SwinIR")
    assert found.network(torch.rand(1, 1, 3, 13, 21)).shape == (1, 3, 26, 42)
    clip = torch.rand(1, 1, 3, 16, 24)
    torch.testing.assert_close(found.network(clip), enlarged(network, clip))


def test_a_network_for_grey_pictures_takes_the_colours_one_by_one(tmp_path: Path) -> None:
    network = rrdb(scale=2, channels=1)
    save_file(network.state_dict(), tmp_path / "grey.safetensors")
    found = load_upscaler(tmp_path / "grey.safetensors", scale=2)
    clip = torch.rand(1, 1, 3, 10, 8)
    expected = torch.cat([enlarged(network, clip[:, :, c : c + 1]) for c in range(3)], 1)
    torch.testing.assert_close(found.network(clip), expected)


def test_half_precision_is_read_as_whole(tmp_path: Path) -> None:
    save_file({k: v.half() for k, v in compact().state_dict().items()}, tmp_path / "x.safetensors")
    found = load_upscaler(tmp_path / "x.safetensors", scale=2)
    assert {weights.dtype for weights in found.network.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("make", "title"), [(rrdb, "ESRGAN"), (compact, "RealESRGAN Compact"), (swin, "Swin")]
)
def test_inspect_names_the_kind_and_the_scale(tmp_path: Path, make: type[nn.Module], title: str) -> None:
    torch.save({"params_ema": make().state_dict()}, tmp_path / "x.pth")
    line = next(iter(inspect(tmp_path / "x.pth")))
    assert line.startswith(f"x.pth: upscaler of spandrel's kinds: {title}")
    assert line.endswith("4x" if make is rrdb else "2x")


def test_networks_for_other_purposes_are_refused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = SCUNet(in_nc=3, config=[1] * 7, dim=64).state_dict()
    save_file({name: value.contiguous() for name, value in state.items()}, tmp_path / "x.safetensors")
    with pytest.raises(
        CheckpointError, match=r"SCUNet.*does not make them larger; give a checkpoint for super"
    ):
        load_upscaler(tmp_path / "x.safetensors", scale=2)


def test_files_of_no_known_kind_are_refused_in_one_line(tmp_path: Path) -> None:
    save_file({"strange.weight": torch.zeros(3)}, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match=r"no upscaler that spandrel knows \(strange\.weight\)"):
        load_upscaler(tmp_path / "x.safetensors", scale=2)
    cut = real_esrgan_names(rrdb().state_dict())
    del cut["conv_body.bias"]
    save_file(cut, tmp_path / "y.safetensors")
    with pytest.raises(CheckpointError, match="spandrel") as caught:
        load_upscaler(tmp_path / "y.safetensors", scale=4)
    assert "\n" not in str(caught.value)


class Harm:
    """What runs a program when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('ran')",)


def test_an_archive_that_would_run_something_is_refused_before_spandrel_sees_it(tmp_path: Path) -> None:
    torch.save({"params_ema": rrdb().state_dict(), "more": Harm()}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="holds more than weights"):
        load_upscaler(tmp_path / "x.pth", scale=4)
