"""The temporal U-Net against the original AnimateDiff, from its own files."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.golden.conftest import WORST, Golden, difference
from videogen.models.temporal_unet import TemporalUNet
from videogen.weights.keymaps import MOTION_MODULES, rename
from videogen.weights.unet_config import unet_config

FAMILIES = ("animatediff_v1", "animatediff_v2", "animatediff_v3")


def build(
    fixture: Golden, *, unet: str = "unet", motion: str = "motion_module", over_frames: bool | None = None
) -> TemporalUNet:
    """The U-Net of a fixture from its files; its options say whether norms go over frames, or do not say."""
    options = fixture.config["unet_additional_kwargs"]
    modules = fixture.tensors(motion)
    if over_frames is None:
        over_frames = not options["use_inflated_groupnorm"]
    lengths = {tensor.shape[1] for name, tensor in modules.items() if name.endswith("pos_encoder.pe")}
    config = unet_config(
        fixture.config["unet_config"],
        source=str(fixture.folder),
        norm_over_frames=over_frames,
        motion_levels=(True,) * 4,
        motion_mid_block=options["motion_module_mid_block"],
        motion_heads=options["motion_module_kwargs"]["num_attention_heads"],
        motion_num_groups=fixture.config["motion_norm_num_groups"],
        motion_max_frames=lengths.pop(),
    )
    with torch.device("meta"):
        network = TemporalUNet(config)
    weights = fixture.tensors(unet) | rename(modules, MOTION_MODULES)
    network.load_state_dict(weights, strict=True, assign=True)
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("case", ["short", "full_pe", "odd_size"])
def test_predictions_are_those_of_the_original(golden: Any, name: str, case: str) -> None:
    fixture = golden(name)
    given, expected = fixture.case("inputs", case), fixture.case("outputs", case)
    found = build(fixture)(given["sample"], given["timestep"], given["encoder_hidden_states"])
    assert difference(found, expected["sample"]) < WORST


@pytest.mark.parametrize("name", FAMILIES)
def test_one_frame_more_than_the_modules_know_is_refused(golden: Any, name: str) -> None:
    fixture = golden(name)
    unet = build(fixture)
    given = fixture.case("inputs", "full_pe")
    longer = torch.cat([given["sample"], given["sample"][:, :, :1]], 2)
    with pytest.raises(ValueError, match="use windows"):
        unet(longer, given["timestep"], given["encoder_hidden_states"])
