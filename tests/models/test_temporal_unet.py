"""The temporal U-Net against diffusers' 2-D U-Net, and what every argument of it does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel, UNetMotionModel
from einops import rearrange
from torch import Tensor

from tests.tiny import stir
from videogen.models.blocks import Given, frames_of
from videogen.models.temporal_unet import TemporalUNet, TemporalUNetConfig

B, T, H, W = 2, 3, 8, 16
SMALL = TemporalUNetConfig(
    block_out_channels=(16, 32, 32, 32),
    cross_attention_dim=12,
    attention_heads=2,
    norm_num_groups=4,
    layers_per_block=2,
)
TEMPORAL = replace(
    SMALL,
    temporal_convolution=True,
    motion_levels=(True, True, True, True),
    motion_mid_block=True,
    motion_heads=4,
    motion_num_groups=4,
    frame_conditioning=True,
    pose_widths=(4, 4, 8),
)
EXTRA = ("temporal", "motion_modules", "frame_embedding", "pose_encoder")


def flat_unet(*, scale_shift: bool = False) -> UNet2DConditionModel:
    """Return diffusers' U-Net, arranged like Stable Diffusion 1.5's, small, all weights random."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        block_out_channels=SMALL.block_out_channels,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        cross_attention_dim=12,
        attention_head_dim=2,
        norm_num_groups=4,
        layers_per_block=2,
        resnet_time_scale_shift="scale_shift" if scale_shift else "default",
    )
    stir(unet)
    return unet.eval().requires_grad_(False)


def video_unet(config: TemporalUNetConfig, flat: UNet2DConditionModel) -> TemporalUNet:
    """Return the temporal U-Net with the weights of `flat`, and whatever else is its own as it starts."""
    torch.manual_seed(1)
    unet = TemporalUNet(config).eval().requires_grad_(False)
    own, theirs = unet.state_dict(), flat.state_dict()
    extra = own.keys() - theirs.keys()
    assert all(set(name.split(".")) & set(EXTRA) for name in extra)
    assert not any(set(name.split(".")) & set(EXTRA) for name in theirs)
    unet.load_state_dict({**{name: own[name] for name in extra}, **theirs})
    return unet


def trained(config: TemporalUNetConfig = TEMPORAL) -> TemporalUNet:
    torch.manual_seed(2)
    unet = TemporalUNet(config).eval().requires_grad_(False)
    stir(unet)
    return unet


def inputs(t: int = T) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {
        "x": torch.randn(B, 4, t, H, W, generator=generator),
        "timestep": torch.tensor([700, 30]),
        "text": torch.randn(B, 7, 12, generator=generator),
    }


def frame_by_frame(flat: UNet2DConditionModel, given: dict[str, Tensor], **residuals: Any) -> Tensor:
    t = given["x"].shape[2]
    out = flat(
        rearrange(given["x"], "b c t h w -> (b t) c h w"),
        given["timestep"].repeat_interleave(t),
        given["text"].repeat_interleave(t, 0),
        **residuals,
    ).sample
    return rearrange(out, "(b t) c h w -> b c t h w", t=t)


def assert_near(found: Tensor, expected: Tensor) -> None:
    """Compare frame by frame, by the relative L2 error."""
    error = (found - expected).square().sum((1, 3, 4)) / expected.square().sum((1, 3, 4))
    assert error.sqrt().max() < 1e-4, error.sqrt()


@pytest.mark.parametrize("scale_shift", [False, True])
@pytest.mark.parametrize("config", [SMALL, TEMPORAL], ids=["flat", "temporal"])
def test_at_initialisation_it_equals_its_2d_unet_frame_by_frame(
    config: TemporalUNetConfig, scale_shift: bool
) -> None:
    flat = flat_unet(scale_shift=scale_shift)
    unet = video_unet(replace(config, scale_shift=scale_shift), flat)
    assert_near(unet(**inputs()), frame_by_frame(flat, inputs()))


@pytest.mark.parametrize("size", [(12, 10), (9, 15), (1, 3)])
def test_sizes_that_do_not_halve_evenly_are_given_back(size: tuple[int, int]) -> None:
    flat = flat_unet()
    given = inputs()
    given["x"] = given["x"].repeat(1, 1, 1, 2, 1)[..., : size[0], : size[1]]
    found = video_unet(SMALL, flat)(**given)
    assert found.shape == given["x"].shape
    assert_near(found, frame_by_frame(flat, given))


def test_a_network_that_is_only_read_lends_what_its_attention_sees() -> None:
    unet = trained(SMALL)
    reader = TemporalUNet(replace(SMALL, only_read=True)).requires_grad_(False)
    own = reader.state_dict()
    lacks = unet.state_dict().keys() - own.keys()
    assert {name.split(".")[0] for name in lacks} == {"up_blocks", "conv_norm_out", "conv_out"}
    assert all(".attentions.2." in name for name in lacks if name.startswith("up_blocks"))
    reader.load_state_dict({name: tensor for name, tensor in unet.state_dict().items() if name in own})
    given = inputs(1)
    tokens = reader.read(given["x"], given["timestep"], given["text"])
    assert tokens.keys() == unet.attention_layers().keys()
    for name, lent in unet.read(given["x"], given["timestep"], given["text"]).items():
        torch.testing.assert_close(tokens[name], lent, rtol=0, atol=0)
    with_them = unet(**inputs(), reference=tokens)
    assert (with_them - unet(**inputs())).abs().max() > 1e-3


def test_the_equality_needs_every_weight_of_the_2d_unet() -> None:
    flat = flat_unet()
    unet, expected = video_unet(TEMPORAL, flat), frame_by_frame(flat, inputs())
    with torch.no_grad():
        unet.up_blocks[1].attentions[2].transformer_blocks[0].ff.net[0].proj.weight.mul_(1.1)
    with pytest.raises(AssertionError):
        assert_near(unet(**inputs()), expected)


def test_only_temporal_layers_are_extra() -> None:
    flat, own = flat_unet().state_dict(), TemporalUNet(TEMPORAL).state_dict()
    assert flat.keys() <= own.keys()
    assert TemporalUNet(SMALL).state_dict().keys() == flat.keys()


def test_the_default_config_is_stable_diffusion_1_5() -> None:
    with torch.device("meta"):
        ours = TemporalUNet(TemporalUNetConfig()).state_dict()
        theirs = UNet2DConditionModel(sample_size=64, cross_attention_dim=768).state_dict()
    assert {name: value.shape for name, value in ours.items()} == {
        name: value.shape for name, value in theirs.items()
    }


def test_motion_modules_are_named_and_shaped_as_in_diffusers() -> None:
    config = replace(TEMPORAL, temporal_convolution=False, frame_conditioning=False, pose_widths=())
    with torch.device("meta"):
        ours = TemporalUNet(config).state_dict()
        theirs = UNetMotionModel(
            block_out_channels=SMALL.block_out_channels,
            down_block_types=("CrossAttnDownBlockMotion",) * 3 + ("DownBlockMotion",),
            up_block_types=("UpBlockMotion",) + ("CrossAttnUpBlockMotion",) * 3,
            cross_attention_dim=12,
            num_attention_heads=2,
            norm_num_groups=4,
            motion_num_attention_heads=4,
        ).state_dict()
    kept = {name: value.shape for name, value in theirs.items() if not name.endswith("pos_embed.pe")}
    assert {name: value.shape for name, value in ours.items()} == kept


def test_controlnet_residuals_add_as_in_diffusers() -> None:
    flat = flat_unet()
    unet, given = video_unet(TEMPORAL, flat), inputs()
    generator = torch.Generator().manual_seed(5)
    sizes = [(16, 1)] * 3 + [(16, 2)] + [(32, 2)] * 2 + [(32, 4)] * 3 + [(32, 8)] * 3
    down = [torch.randn(B * T, c, H // step, W // step, generator=generator) for c, step in sizes]
    mid = torch.randn(B * T, 32, H // 8, W // 8, generator=generator)
    found = unet(**given, down_residuals=down, mid_residual=mid)
    expected = frame_by_frame(
        flat, given, down_block_additional_residuals=down, mid_block_additional_residual=mid
    )
    assert_near(found, expected)
    assert not torch.allclose(found, unet(**given), atol=1e-2)


def test_an_image_is_a_clip_of_one_frame() -> None:
    flat = flat_unet()
    assert_near(video_unet(TEMPORAL, flat)(**inputs(t=1)), frame_by_frame(flat, inputs(t=1)))


def test_trained_temporal_layers_let_frames_see_each_other_and_clips_not() -> None:
    unet, given = trained(), inputs()
    changed = {**given, "x": given["x"].clone()}
    changed["x"][0, :, 2] += 1
    difference = (unet(**changed) - unet(**given)).abs().amax((1, 3, 4))
    assert difference[0].min() > 1e-4
    assert difference[1].max() == 0


def test_frame_conditioning_starts_as_the_identity_and_learns_rates_and_frames() -> None:
    flat = flat_unet()
    unet, given = video_unet(TEMPORAL, flat), inputs()
    rates = torch.tensor([8.0, 24.0])
    assert_near(unet(**given, fps=rates), unet(**given))
    stir(unet.frame_embedding)
    still = {**given, "x": given["x"][:, :, :1].expand(-1, -1, T, -1, -1)}
    slow, fast = unet(**still, fps=rates), unet(**still, fps=rates * 1.5)
    assert not torch.allclose(slow, fast, atol=1e-3)
    assert not torch.allclose(slow[:, :, 0], slow[:, :, 1], atol=1e-3)


def test_pose_maps_start_without_effect_and_reach_their_own_frame() -> None:
    flat = flat_unet()
    unet, given = video_unet(TEMPORAL, flat), inputs()
    pose = torch.rand(B, 3, T, 4 * H, 4 * W, generator=torch.Generator().manual_seed(6))
    torch.testing.assert_close(unet(**given, pose=pose), unet(**given), rtol=0, atol=0)
    assert unet.pose_encoder is not None
    stir(unet.pose_encoder)
    changed = pose.clone()
    changed[1, :, 2] = 0
    difference = (unet(**given, pose=changed) - unet(**given, pose=pose)).abs().amax((1, 3, 4))
    assert difference.nonzero().tolist() == [[1, 2]]


def test_reference_tokens_reach_the_layer_they_are_named_for() -> None:
    unet, given = trained(SMALL), inputs()
    plain = unet(**given)
    for name, (level, width) in unet.attention_layers().items():
        assert unet.get_submodule(name).proj_in.weight.shape[0] == width
        tokens = torch.randn(B, 9, width, generator=torch.Generator().manual_seed(level))
        told = unet(**given, reference={name: tokens})
        assert not torch.allclose(told, plain, atol=1e-5), name
        nobody = {name: torch.zeros(B, 0, width)}
        torch.testing.assert_close(unet(**given, reference=nobody), plain, rtol=1e-4, atol=1e-5)


def test_attention_layers_are_those_that_attend() -> None:
    unet = TemporalUNet(SMALL)
    found = {name for name, module in unet.named_modules() if type(module).__name__ == "SpatialTransformer"}
    assert unet.attention_layers().keys() == found
    assert unet.attention_layers()["mid_block.attentions.0"] == (3, 32)
    assert unet.attention_layers()["up_blocks.3.attentions.0"] == (0, 16)


def test_a_scalar_timestep_serves_every_clip() -> None:
    unet, given = trained(), inputs()
    one = unet(given["x"], torch.tensor(500), given["text"])
    torch.testing.assert_close(one, unet(given["x"], torch.tensor([500, 500]), given["text"]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(B, 4, H, W)}, "x must be b 4 t h w, got shape"),
        ({"x": torch.zeros(B, 5, T, H, W)}, "x must be b 4 t h w, got shape"),
        ({"fps": torch.tensor([8.0, 8.0])}, "no frame conditioning"),
        ({"pose": torch.zeros(B, 3, T, 4 * H, 4 * W)}, "no pose encoder"),
        ({"reference": {"mid_block.attentions.7": torch.zeros(B, 1, 32)}}, "no attention layer"),
        ({"down_residuals": [torch.zeros(1)]}, "1 ControlNet residuals; this U-Net has 12 skips"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trained(SMALL)(**{**inputs(), **change})


def test_with_the_deep_features_of_the_same_step_the_prediction_is_the_same() -> None:
    unet, given = trained(), inputs()
    residuals = [torch.randn_like(skip) for skip in skips_of(unet, given)]
    found, deep = unet.evaluate(**given, down_residuals=residuals)
    again, kept = unet.evaluate(**given, down_residuals=residuals, deep=deep)
    assert torch.equal(found, again)
    assert kept is deep
    assert torch.equal(found, unet(**given, down_residuals=residuals))


def test_with_deep_features_only_the_largest_size_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    unet, given = trained(), inputs()
    _, deep = unet.evaluate(**given)
    later = given | {"timestep": given["timestep"] - 20}
    whole, near, other = unet(**later), unet.evaluate(**later, deep=deep)[0], unet.evaluate(**given)[0]
    assert 0 < (near - whole).norm() < (other - whole).norm() * 2
    for block in (*list(unet.down_blocks)[1:], unet.mid_block, *list(unet.up_blocks)[:-1]):
        monkeypatch.setattr(block, "layer", None)
    assert torch.equal(unet.evaluate(**later, deep=deep)[0], near)


def skips_of(unet: TemporalUNet, given: dict[str, Tensor]) -> list[Tensor]:
    """Every skip of the U-Net, for its shape."""
    text, t = given["text"], given["x"].shape[2]
    embedding = unet.embed_time(given["timestep"], text)
    return unet.descend(unet.conv_in(frames_of(given["x"])), Given(embedding, text, {}, t))[1]
