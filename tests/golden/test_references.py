"""Networks that animate a reference picture, against the originals: AnimateAnyone and MagicAnimate."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler
from diffusers.models.controlnets.controlnet import ControlNetConditioningEmbedding
from einops import rearrange
from torch import Tensor

from tests.golden.conftest import WORST, Golden, difference
from tests.golden.test_animatediff import build
from videogen.models.controlnet import ControlNet
from videogen.models.temporal_unet import TemporalUNet
from videogen.sampling.original_windows import originally_windowed
from videogen.types import Denoiser
from videogen.weights.keymaps import REFERENCE_UNET, rename
from videogen.weights.unet_config import unet_config


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


def in_windows(denoiser: Denoiser, settings: dict[str, Any], length: int) -> Denoiser:
    """The denoiser over the case's windows; over all frames at once where it has none."""
    if "context_size" not in settings:
        return denoiser
    return originally_windowed(
        denoiser,
        length=length,
        window=settings["context_size"],
        overlap=settings.get("context_overlap", 0),
        stride=settings.get("context_stride", 1),
    )


@pytest.mark.parametrize("case", ["single", "first_step", "three_tokens", "windows"])
def test_animate_anyone(golden: Any, case: str) -> None:
    fixture = golden("animate_anyone")
    given, expected = fixture.tensors("inputs"), fixture.case("outputs", case)
    settings = fixture.config["cases"].get(case, fixture.config["cases"]["single"])
    scale, length = fixture.config["guidance_scale"], settings["frames"]
    unet = build(fixture, unet="denoising_unet", over_frames=False)
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
    latents, frames = given["latents"][:, :, :length], torch.arange(length)[None]
    timestep = torch.tensor(fixture.config["scheduler"]["timesteps"][settings["timestep_index"]])
    words = given["image_embeds_3" if case == "three_tokens" else "image_embeds"]
    residual = pose(rearrange(given["pose"][:, :, :length] / 255, "b c t h w -> (b t) c h w"))
    tokens = reference.read(given["ref_image_latents"][:, :, None], torch.tensor(0), words)

    def half(text: Tensor, reference: dict[str, Tensor] | None) -> Tensor:
        def denoise(rows: Tensor, at: Tensor, numbers: Tensor) -> Tensor:
            out: Tensor = unet(rows, at, text, reference=reference, first_residual=residual[numbers[0]])
            return out

        return in_windows(denoise, settings, length)(latents, timestep, frames)

    halves = {"uncond": half(torch.zeros_like(words), None), "cond": half(words, tokens)}
    for name, found in halves.items():
        assert difference(found, expected[f"pred_{name}"]) < WORST
    guided = halves["uncond"] + scale * (halves["cond"] - halves["uncond"])
    assert difference(next_latents(fixture, guided, timestep, latents), expected["latents_next"]) < WORST
    if case == "single":
        bank = fixture.case("outputs", "debug/bank")
        assert {name.removesuffix(".transformer_blocks.0") for name in bank} == tokens.keys()
        for name, wanted in bank.items():
            assert difference(tokens[name.removesuffix(".transformer_blocks.0")][0], wanted[1]) < WORST


@pytest.mark.parametrize("case", ["single", "windows"])
def test_magic_animate(golden: Any, case: str) -> None:
    fixture = golden("magicanimate")
    given, expected = fixture.tensors("inputs"), fixture.case("outputs", case)
    unet = build(fixture, motion="temporal_attention", over_frames=True)
    encoder = build_reference(fixture, "appearance_encoder", "appearance_encoder_config")
    settings = fixture.config["controlnet_config"]
    control = ControlNet(
        unet_config(settings, source=str(fixture.folder)),
        hint_channels=3,
        hint_widths=tuple(settings["conditioning_embedding_out_channels"]),
    )
    filled(control, fixture.tensors("densepose_controlnet"))
    settings = fixture.config["cases"][case]
    length, timestep = settings["frames"], given["timestep"]
    latents, frames = given["latents"][:, :, :length], torch.arange(length)[None]
    uncond, cond = given["text_embeddings"][:1], given["text_embeddings"][1:]
    pictures = rearrange(given["control"][:length] / 255, "t h w c -> 1 c t h w")
    residuals = control(latents, timestep, cond, pictures)
    tokens = encoder.read(given["ref_image_latents"][:, :, None], timestep, cond)
    read = {name.removesuffix(".transformer_blocks.0") for name in fixture.config["reference_pairs"]}
    tokens = {name: tokens[name] for name in read}

    def half(text: Tensor, reference: dict[str, Tensor] | None) -> Tensor:
        def denoise(rows: Tensor, at: Tensor, numbers: Tensor) -> Tensor:
            out: Tensor = unet(
                rows, at, text, reference=reference,
                down_residuals=[residual[numbers[0]] for residual in residuals.down],
                mid_residual=residuals.mid[numbers[0]],
            )  # fmt: skip
            return out

        return in_windows(denoise, settings, length)(latents, timestep, frames)

    halves = {"uncond": half(uncond, None), "cond": half(cond, tokens)}
    for name, found in halves.items():
        assert difference(found, expected[f"noise_{name}"]) < WORST
    guided = halves["uncond"] + fixture.config["guidance_scale"] * (halves["cond"] - halves["uncond"])
    assert difference(next_latents(fixture, guided, timestep, latents), expected["latents_next"]) < WORST
