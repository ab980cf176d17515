"""Networks that animate a reference picture, against the originals: AnimateAnyone and MagicAnimate."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import ControlNetModel, DDIMScheduler
from diffusers.models.controlnets.controlnet import ControlNetConditioningEmbedding
from einops import rearrange
from torch import Tensor, nn

from tests.golden.conftest import Golden, difference
from videogen.models.temporal_unet import TemporalUNet
from videogen.weights.keymaps import MOTION_MODULES, REFERENCE_UNET, rename
from videogen.weights.unet_config import unet_config

WORST = 1e-4


def build_unet(fixture: Golden, unet: str, motion: str, *, over_frames: bool) -> TemporalUNet:
    options = fixture.config["unet_additional_kwargs"]
    config = unet_config(
        fixture.config["unet_config"],
        source=str(fixture.folder),
        norm_over_frames=over_frames,
        motion_levels=(True,) * 4,
        motion_mid_block=options["motion_module_mid_block"],
        motion_heads=options["motion_module_kwargs"]["num_attention_heads"],
        motion_num_groups=fixture.config["motion_norm_num_groups"],
        motion_max_frames=options["motion_module_kwargs"]["temporal_position_encoding_max_len"],
    )
    return filled(
        TemporalUNet(config), fixture.tensors(unet) | rename(fixture.tensors(motion), MOTION_MODULES)
    )


def build_reference(fixture: Golden, file: str, settings: str) -> TemporalUNet:
    config = unet_config(fixture.config[settings], source=str(fixture.folder), only_read=True)
    return filled(TemporalUNet(config), rename(fixture.tensors(file), REFERENCE_UNET))


def filled(network: Any, tensors: dict[str, Tensor]) -> Any:
    network.load_state_dict(tensors, strict=True)
    return network.eval().requires_grad_(False)


def next_latents(fixture: Golden, guided: Tensor, timestep: Tensor, latents: Tensor) -> Tensor:
    settings = fixture.config["scheduler"]
    own = {name: value for name, value in settings.items() if name in DDIMScheduler().config}
    scheduler = DDIMScheduler(**own)
    scheduler.set_timesteps(settings["num_inference_steps"])
    out: Tensor = scheduler.step(guided, int(timestep), latents).prev_sample
    return out


CASES = ("single", "first_step", "three_tokens")


@pytest.mark.parametrize("case", CASES)
def test_animate_anyone(golden: Any, case: str) -> None:
    fixture = golden("animate_anyone")
    given, expected = fixture.tensors("inputs"), fixture.case("outputs", case)
    settings, scale = fixture.config["cases"].get(case, {}), fixture.config["guidance_scale"]
    unet = build_unet(fixture, "denoising_unet", "motion_module", over_frames=False)
    reference = build_reference(fixture, "reference_unet", "unet_config")
    guider = fixture.config["pose_guider"]
    pose = filled(
        ControlNetConditioningEmbedding(
            guider["conditioning_embedding_channels"],
            guider["conditioning_channels"],
            tuple(guider["block_out_channels"]),
        ),
        fixture.tensors("pose_guider"),
    )
    latents = given["latents"][:, :, :5]
    at = settings.get("timestep_index", fixture.config["cases"]["single"]["timestep_index"])
    timestep = torch.tensor(fixture.config["scheduler"]["timesteps"][at])
    words = given["image_embeds_3" if case == "three_tokens" else "image_embeds"]
    residual = pose(rearrange(given["pose"][:, :, :5] / 255, "b c t h w -> (b t) c h w"))
    tokens = reference.read(given["ref_image_latents"][:, :, None], torch.tensor(0), words)
    halves = {
        "uncond": unet(latents, timestep, torch.zeros_like(words), first_residual=residual),
        "cond": unet(latents, timestep, words, reference=tokens, first_residual=residual),
    }
    for half, found in halves.items():
        assert difference(found, expected[f"pred_{half}"]) < WORST
    guided = halves["uncond"] + scale * (halves["cond"] - halves["uncond"])
    assert difference(next_latents(fixture, guided, timestep, latents), expected["latents_next"]) < WORST
    if case == "single":
        bank = fixture.case("outputs", "debug/bank")
        assert {name.removesuffix(".transformer_blocks.0") for name in bank} == tokens.keys()
        for name, wanted in bank.items():
            assert difference(tokens[name.removesuffix(".transformer_blocks.0")][0], wanted[1]) < WORST


def test_magic_animate(golden: Any) -> None:
    fixture = golden("magicanimate")
    given, expected = fixture.tensors("inputs"), fixture.case("outputs", "single")
    unet = build_unet(fixture, "unet", "temporal_attention", over_frames=True)
    encoder = build_reference(fixture, "appearance_encoder", "appearance_encoder_config")
    settings = dict(fixture.config["controlnet_config"])
    settings["conditioning_embedding_out_channels"] = tuple(settings["conditioning_embedding_out_channels"])
    control: nn.Module = filled(ControlNetModel(**settings), fixture.tensors("densepose_controlnet"))
    latents, timestep = given["latents"][:, :, :5], given["timestep"]
    uncond, cond = given["text_embeddings"][:1], given["text_embeddings"][1:]
    pictures = rearrange(given["control"][:5] / 255, "t h w c -> t c h w")
    down, mid = control(
        rearrange(latents, "1 c t h w -> t c h w"), timestep, cond.expand(5, -1, -1), pictures,
        return_dict=False,
    )  # fmt: skip
    tokens = encoder.read(given["ref_image_latents"][:, :, None], timestep, cond)
    read = {name.removesuffix(".transformer_blocks.0") for name in fixture.config["reference_pairs"]}
    tokens = {name: tokens[name] for name in read}
    halves = {
        "uncond": unet(latents, timestep, uncond, down_residuals=down, mid_residual=mid),
        "cond": unet(latents, timestep, cond, reference=tokens, down_residuals=down, mid_residual=mid),
    }
    for half, found in halves.items():
        assert difference(found, expected[f"noise_{half}"]) < WORST
    guided = halves["uncond"] + fixture.config["guidance_scale"] * (halves["cond"] - halves["uncond"])
    assert difference(next_latents(fixture, guided, timestep, latents), expected["latents_next"]) < WORST
