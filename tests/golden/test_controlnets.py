"""ControlNets and SparseCtrl against the originals."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.golden.conftest import WORST, Golden, difference
from tests.golden.test_animatediff import build
from videogen.models.controlnet import ControlNet, Residuals
from videogen.weights.keymaps import CONTROLNET, rename
from videogen.weights.unet_config import unet_config


def build_sparse(fixture: Golden) -> ControlNet:
    settings = fixture.config["controlnet_config"]
    motion = settings["motion_module_kwargs"]
    config = unet_config(
        settings,
        source=str(fixture.folder),
        motion_levels=(True,) * 4,
        motion_heads=motion["num_attention_heads"],
        motion_attentions=len(motion["attention_block_types"]),
        motion_num_groups=fixture.config["motion_norm_num_groups"],
        motion_max_frames=motion["temporal_position_encoding_max_len"],
    )  # fmt: skip
    latent = settings["use_simplified_condition_embedding"]
    network = ControlNet(
        config,
        hint_channels=settings["conditioning_channels"] + 1,
        hint_widths=() if latent else tuple(settings["conditioning_embedding_out_channels"]),
        blind=settings["set_noisy_sample_input_to_zero"],
    )
    network.load_state_dict(rename(fixture.tensors("controlnet"), CONTROLNET), strict=True)
    return network.eval().requires_grad_(False)


def hint_of(given: dict[str, Tensor], num_frames: int) -> Tensor:
    """The known pictures at their frames, and a mask of them as the last channel."""
    pictures, index = given["controlnet_images"], given["controlnet_image_index"]
    b, c, _, h, w = pictures.shape
    hint = torch.zeros(b, c + 1, num_frames, h, w)
    hint[:, :c, index], hint[:, c:, index] = pictures, 1.0
    return hint


def compare(found: Residuals, expected: dict[str, Tensor], *, clips: int) -> None:
    def like(residual: Tensor, wanted: Tensor) -> Tensor:
        if wanted.ndim == 4:
            return residual
        return residual.unflatten(0, (clips, -1)).transpose(1, 2)

    for number, residual in enumerate(found.down):
        wanted = expected[f"down_block_res_samples.{number}"]
        assert difference(like(residual, wanted), wanted) < WORST
    wanted = expected["mid_block_res_sample"]
    assert difference(like(found.mid, wanted), wanted) < WORST


@pytest.mark.parametrize("name", ["sparsectrl_rgb", "sparsectrl_scribble"])
def test_sparse_control(golden: Any, name: str) -> None:
    fixture = golden(name)
    given = fixture.tensors("inputs")
    sample, timestep, text = given["sample"], given["timestep"], given["encoder_hidden_states"]
    network = build_sparse(fixture)
    found = network(sample, timestep, text, hint_of(given, sample.shape[2]))
    compare(found, fixture.case("outputs", "scale1"), clips=len(sample))
    unet = build(golden("animatediff_v3"))
    for scale in (1.0, 0.6):
        residuals = found.scaled(scale)
        out = unet(sample, timestep, text, down_residuals=residuals.down, mid_residual=residuals.mid)
        expected = fixture.tensors("outputs")[f"scale{scale:g}/unet_sample"]
        assert difference(out, expected) < WORST


def test_a_control_net_of_pictures(golden: Any) -> None:
    fixture = golden("diffusers_controlnet")
    settings, options = fixture.config["model_config"], fixture.config["cases"]["main"]
    config = unet_config(settings, source=str(fixture.folder))
    network = ControlNet(
        config,
        hint_channels=settings["conditioning_channels"],
        hint_widths=tuple(settings["conditioning_embedding_out_channels"]),
    )
    network.load_state_dict(fixture.tensors("diffusion_pytorch_model"), strict=True)
    given = fixture.case("inputs", "main")
    with torch.no_grad():
        found = network(
            given["sample"][:, :, None],
            given["timestep"],
            given["encoder_hidden_states"],
            given["controlnet_cond"][:, :, None],
        ).scaled(options["conditioning_scale"])
    compare(found, fixture.case("outputs", "main"), clips=2)
