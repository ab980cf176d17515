"""Convolutions over space and time: the identity at the start, plain mathematics after, no copies."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from diffusers.models.embeddings import get_timestep_embedding
from einops import rearrange
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from videogen.models.layers import (
    Downsample,
    PseudoConv3d,
    ResnetBlock,
    TemporalConv,
    TimestepEmbedding,
    Upsample,
    normalize,
    sinusoid,
)

B, T, C, H, W = 2, 5, 6, 4, 3


def frames(channels: int = C) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(B * T, channels, H, W).contiguous(memory_format=torch.channels_last)


def randomised(layer: TemporalConv) -> TemporalConv:
    torch.manual_seed(1)
    nn.init.normal_(layer.weight)
    assert layer.bias is not None
    nn.init.normal_(layer.bias)
    return layer


def test_sinusoids_are_those_of_diffusers() -> None:
    values = torch.tensor([0.0, 1.0, 37.5, 999.0])
    expected = get_timestep_embedding(values, 32, flip_sin_to_cos=True, downscale_freq_shift=0)
    torch.testing.assert_close(sinusoid(values, 32), expected)


def test_sinusoids_keep_the_leading_axes() -> None:
    assert sinusoid(torch.rand(2, 3), 8).shape == (2, 3, 8)


def test_a_fresh_temporal_convolution_is_the_identity() -> None:
    x = frames()
    torch.testing.assert_close(TemporalConv(C)(x, T), x, rtol=0, atol=0)


def test_a_fresh_video_convolution_is_its_image_convolution() -> None:
    video = PseudoConv3d(C, 8, temporal=True)
    x = frames()
    torch.testing.assert_close(video(x, T), F.conv2d(x, video.weight, video.bias, padding=1), rtol=0, atol=0)


def test_without_time_a_pseudo_convolution_is_a_plain_one_with_its_names() -> None:
    layer, plain = PseudoConv3d(C, 8, temporal=False), nn.Conv2d(C, 8, 3, padding=1)
    plain.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer(frames(), T), plain(frames()))


def test_a_temporal_convolution_is_a_conv1d_over_the_frames_of_each_pixel() -> None:
    layer, x = randomised(TemporalConv(C)), frames()
    tracks = rearrange(x, "(b t) c h w -> (b h w) c t", t=T)
    expected = F.conv1d(tracks, layer.weight[..., 0], layer.bias, padding=1)
    expected = rearrange(expected, "(b h w) c t -> (b t) c h w", b=B, h=H)
    torch.testing.assert_close(layer(x, T), expected)


def test_frames_of_one_clip_do_not_reach_another() -> None:
    layer, x = randomised(TemporalConv(C)), frames()
    changed = x.clone()
    changed[T:] += 1
    torch.testing.assert_close(layer(changed, T)[:T], layer(x, T)[:T], rtol=0, atol=0)
    assert not torch.equal(layer(changed, T)[T:], layer(x, T)[T:])


def test_a_temporal_convolution_gives_the_same_from_any_memory_layout() -> None:
    layer, x = randomised(TemporalConv(C)), frames()
    torch.testing.assert_close(layer(x.contiguous(), T), layer(x, T))


@pytest.mark.parametrize("length", [1, T])
def test_a_temporal_convolution_copies_nothing_on_channels_last_memory(length: int) -> None:
    layer = TemporalConv(C).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = frames()
    with torch.no_grad(), profile(activities=[ProfilerActivity.CPU]) as seen:
        out = layer(x, length)
    called = {event.key for event in seen.key_averages()}
    assert "aten::conv2d" in called
    assert not called & {"aten::copy_", "aten::clone", "aten::contiguous", "aten::_to_copy"}
    assert out.is_contiguous(memory_format=torch.channels_last)


def test_the_count_of_copies_sees_one_where_there_is_one() -> None:
    layer = TemporalConv(C).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = frames().contiguous()
    with torch.no_grad(), profile(activities=[ProfilerActivity.CPU]) as seen:
        layer(x, T)
    assert "aten::copy_" in {event.key for event in seen.key_averages()}


def block(*, scale_shift: bool, temporal: bool = True, out: int = 8) -> ResnetBlock:
    torch.manual_seed(2)
    return ResnetBlock(C, out, 12, groups=2, eps=1e-5, scale_shift=scale_shift, temporal=temporal)


@pytest.mark.parametrize("scale_shift", [False, True])
def test_one_embedding_per_clip_is_the_same_one_for_each_frame(scale_shift: bool) -> None:
    layer, embedding = block(scale_shift=scale_shift), torch.randn(B, 1, 12)
    torch.testing.assert_close(layer(frames(), embedding), layer(frames(), embedding.expand(-1, T, -1)))


@pytest.mark.parametrize("scale_shift", [False, True])
def test_the_embedding_of_a_frame_reaches_only_that_frame_before_time_is_learnt(scale_shift: bool) -> None:
    layer, embedding = block(scale_shift=scale_shift), torch.randn(B, T, 12)
    changed = embedding.clone()
    changed[1, 2] += 1
    difference = (layer(frames(), changed) - layer(frames(), embedding)).abs().amax((1, 2, 3))
    assert difference.nonzero().flatten().tolist() == [T + 2]


def test_a_block_keeps_its_input_as_a_shortcut() -> None:
    layer = block(scale_shift=True, out=C)
    nn.init.zeros_(layer.conv2.weight)
    assert layer.conv2.bias is not None
    nn.init.zeros_(layer.conv2.bias)
    assert layer.conv_shortcut is None
    torch.testing.assert_close(layer(frames(), torch.randn(B, 1, 12)), frames(), rtol=0, atol=0)


def test_sizes_halve_and_double() -> None:
    x = torch.randn(1, C, 8, 6)
    assert Downsample(C)(x).shape == (1, C, 4, 3)
    assert Upsample(C)(x, (16, 12)).shape == (1, C, 16, 12)
    assert Downsample(C)(x[..., :7, :5]).shape == (1, C, 4, 3)
    assert Upsample(C)(x, (15, 11)).shape == (1, C, 15, 11)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_a_norm_sees_one_frame_or_all_of_a_clip(memory: torch.memory_format) -> None:
    norm = nn.GroupNorm(2, C)
    nn.init.normal_(norm.weight)
    clip = torch.randn(2, C, 3, 8, 6) * torch.tensor([1.0, 3.0, 9.0]).view(3, 1, 1)  # b c t h w
    flat = clip.transpose(1, 2).flatten(0, 1).contiguous(memory_format=memory)
    together = norm(clip).transpose(1, 2).flatten(0, 1)
    torch.testing.assert_close(normalize(norm, flat, num_frames=3), together)
    torch.testing.assert_close(normalize(norm, flat), norm(flat))
    assert (normalize(norm, flat) - together).abs().max() > 0.1


def test_an_embedding_is_two_linear_layers() -> None:
    layer, x = TimestepEmbedding(4, 6), torch.randn(2, 3, 4)
    expected = layer.linear_2(F.silu(layer.linear_1(x)))
    torch.testing.assert_close(layer(x), expected)
    assert layer(x).shape == (2, 3, 6)
