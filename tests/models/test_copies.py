"""No layer copies its input to change axes: copies are counted, for networks of every size that matters."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.profiler import profile

from videogen.models.conditioned import Inputs
from videogen.models.linear import multiplies
from videogen.models.temporal_unet import TemporalUNet, TemporalUNetConfig
from videogen.weights.installed import POCKET
from videogen.weights.load import load_networks


def copies(network: nn.Module, *given: object) -> int:
    """Calls of clone and copy_ in one forward."""
    with torch.inference_mode():
        network(*given)
        with profile() as found:
            network(*given)
    names = ("aten::clone", "aten::copy_")
    return sum(event.count for event in found.key_averages() if event.key in names)


KINDS = [
    torch.float32,
    pytest.param(
        torch.bfloat16,
        marks=pytest.mark.skipif(
            not multiplies(torch.bfloat16), reason="torch's own layers, which copy, take bfloat16 here"
        ),
    ),
]


@pytest.mark.parametrize("dtype", KINDS)
def test_a_network_of_stable_diffusions_depth_copies_less_than_500_times(dtype: torch.dtype) -> None:
    config = TemporalUNetConfig(  # every layer of the full size, thinner: the number of calls is the same
        block_out_channels=(32, 64, 128, 128), cross_attention_dim=32, motion_levels=(True,) * 4
    )
    with torch.device("meta"):
        network = TemporalUNet(config)
    network = network.to_empty(device="cpu").to(dtype).eval().requires_grad_(False)
    nn.Module.to(network, memory_format=torch.channels_last)
    clip, text = torch.zeros(1, 4, 8, 32, 32, dtype=dtype), torch.zeros(1, 77, 32, dtype=dtype)
    assert copies(network, clip, torch.tensor(500), text) < 500


@pytest.mark.parametrize("dtype", KINDS)
def test_pocket_copies_less_than_200_times(dtype: torch.dtype) -> None:
    network = load_networks(POCKET).denoiser.to(dtype)
    given = Inputs(text=torch.zeros(1, 24, 128, dtype=dtype), fps=torch.tensor([8.0]))
    assert copies(network, torch.zeros(1, 8, 16, 16, 16, dtype=dtype), torch.tensor(500.0), given) < 200
