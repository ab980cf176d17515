"""Layers by the processor's best product equal torch's own, whichever way they are computed."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from videogen.models import linear as module
from videogen.models.linear import Conv2d, Linear, PointConv2d, linear

CLOSE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}


def rand(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("shape", [(7,), (3, 7), (2, 3, 5, 7)])
@pytest.mark.parametrize("biased", [True, False])
def test_a_linear_layer_is_torchs(dtype: torch.dtype, shape: tuple[int, ...], biased: bool) -> None:
    x, weight = rand(*shape, dtype=dtype), rand(4, 7, seed=1, dtype=dtype)
    bias = rand(4, seed=2, dtype=dtype) if biased else None
    close = CLOSE.get(dtype, 1e-12)
    torch.testing.assert_close(linear(x, weight, bias), F.linear(x, weight, bias), rtol=close, atol=close)


def test_a_processor_without_bfloat16_products_leaves_them_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    if not module._ONEDNN:
        pytest.skip("this build of torch has no oneDNN")

    def refuse(x: Tensor, *others: object) -> Tensor:
        raise RuntimeError(f"could not create a primitive for {x.dtype}")

    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", refuse)
    module.multiplies.cache_clear()
    x, weight = rand(3, 7, dtype=torch.bfloat16), rand(4, 7, seed=1, dtype=torch.bfloat16)
    assert torch.equal(linear(x, weight), F.linear(x, weight))
    with pytest.raises(RuntimeError, match="float32"):
        linear(x.float(), weight.float())
    module.multiplies.cache_clear()


def test_a_product_that_is_learnt_keeps_its_gradient() -> None:
    layer = Linear(7, 4)
    layer(rand(3, 7)).square().sum().backward()
    found = layer.weight.grad
    assert found is not None
    plain = torch.nn.Linear(7, 4)
    plain.load_state_dict(layer.state_dict())
    plain(rand(3, 7)).square().sum().backward()
    torch.testing.assert_close(found, plain.weight.grad)


def test_nothing_changes_under_autocast() -> None:
    layer = Linear(7, 4).requires_grad_(False)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(rand(3, 7)).dtype == torch.bfloat16


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 4), (12, 11)])
def test_a_convolution_of_maps_of_any_size_is_torchs(
    dtype: torch.dtype, stride: int, size: tuple[int, int]
) -> None:
    layer = Conv2d(6, 40, stride=stride).to(dtype).requires_grad_(False)
    for memory in (torch.channels_last, torch.contiguous_format):
        layer.to(memory_format=memory)
        x = rand(2, 6, *size, dtype=dtype).contiguous(memory_format=torch.channels_last)
        expected = F.conv2d(x.float(), layer.weight.float(), layer.bias.float(), stride=stride, padding=1)
        close = CLOSE[dtype]
        torch.testing.assert_close(layer(x).float(), expected, rtol=close, atol=2 * close)


def test_small_maps_are_gathered_and_large_ones_convolved(monkeypatch: pytest.MonkeyPatch) -> None:
    if not module._ONEDNN:
        pytest.skip("this build of torch has no oneDNN")
    seen: list[tuple[int, ...]] = []
    monkeypatch.setattr(module, "linear", lambda x, w, b: (seen.append(tuple(x.shape)), linear(x, w, b))[1])
    layer = Conv2d(6, 40).requires_grad_(False)
    layer(rand(1, 6, 6, 6))
    layer(rand(1, 6, 7, 7))
    assert seen == [(1, 6, 6, 54)]


@pytest.mark.parametrize("dtype", CLOSE)
def test_a_convolution_of_single_places_is_torchs(dtype: torch.dtype) -> None:
    layer = PointConv2d(6, 9).to(dtype).requires_grad_(False)
    x = rand(2, 6, 5, 4, dtype=dtype)
    expected = F.conv2d(x, layer.weight, layer.bias)
    close = CLOSE[dtype]
    torch.testing.assert_close(layer(x), expected, rtol=close, atol=close)
