"""Networks as diffusers has them: its own motion U-Net on ours, SVD and ModelScope by its classes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import UNet3DConditionModel, UNetSpatioTemporalConditionModel

from tests.golden.conftest import WORST, difference
from videogen.models.temporal_unet import TemporalUNet
from videogen.weights.keymaps import MOTION_ADAPTER, rename
from videogen.weights.unet_config import unet_config


def test_the_motion_unet_of_diffusers_with_its_norm(golden: Any) -> None:
    fixture = golden("diffusers_unet_motion")
    settings = fixture.config["model_config"]
    config = unet_config(
        settings,
        source=str(fixture.folder),
        motion_norm_over_frames=True,
        motion_levels=(True,) * 4,
        motion_mid_block=settings["use_motion_mid_block"],
        motion_heads=settings["motion_num_attention_heads"],
        motion_num_groups=settings["norm_num_groups"],
        motion_max_frames=settings["motion_max_seq_length"],
    )
    unet = TemporalUNet(config).eval().requires_grad_(False)
    unet.load_state_dict(rename(fixture.tensors("diffusion_pytorch_model"), MOTION_ADAPTER), strict=True)
    given = fixture.case("inputs", "main")
    found = unet(given["sample"], given["timestep"], given["encoder_hidden_states"])
    assert difference(found, fixture.case("outputs", "main")["sample"]) < WORST


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("diffusers_unet_svd", UNetSpatioTemporalConditionModel),
        ("diffusers_unet3d_modelscope", UNet3DConditionModel),
    ],
)
def test_networks_that_diffusers_runs(golden: Any, name: str, kind: Any) -> None:
    fixture = golden(name)
    network = kind(**fixture.config["model_config"]).eval()
    tensors = fixture.tensors("diffusion_pytorch_model")
    network.load_state_dict({key: tensor.float() for key, tensor in tensors.items()}, strict=True)
    network.double()  # else two machines' rounding adds up to more than is allowed
    for case in fixture.config["cases"]:
        given = {key: tensor.double() for key, tensor in fixture.case("inputs", case).items()}
        with torch.no_grad():
            found = network(**given).sample
        assert difference(found, fixture.case("outputs", case)["sample"]) < WORST
