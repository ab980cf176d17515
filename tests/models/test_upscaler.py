"""The upscaler starts as bicubic, takes any size, and reads its neighbours where they have moved to."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from videogen.models.alignment import brightness, find_motion
from videogen.models.flow import warp
from videogen.models.upscaler import Upscaler, UpscalerConfig

TINY = UpscalerConfig(width=8, inner=8, blocks=1)


def waves(shift_x: float, shift_y: float, *, size: int = 48) -> torch.Tensor:
    """A smooth picture `1 3 size size`, moved by so many pixels."""
    y, x = torch.arange(size)[:, None] - shift_y, torch.arange(size)[None] - shift_x
    one = torch.sin(x / 3.1) * torch.cos(y / 4.3) + 0.5 * torch.sin((x + 2 * y) / 7)
    return (0.5 + 0.2 * one).expand(1, 3, -1, -1)


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (1, 5)])
def test_it_starts_as_bicubic_at_any_size(size: tuple[int, int]) -> None:
    clip = torch.rand(2, 3, 3, *size)
    with torch.no_grad():
        made = Upscaler(TINY)(clip)
    assert made.shape == (2, 3, 2 * size[0], 2 * size[1])
    bicubic = F.interpolate(clip[:, 1], scale_factor=2, mode="bicubic")
    torch.testing.assert_close(made[..., :-4, :-4], bicubic[..., :-4, :-4])
    torch.testing.assert_close(made, bicubic, atol=2e-5, rtol=0)


def test_the_usual_size_is_about_a_million_weights() -> None:
    count = sum(weight.numel() for weight in Upscaler(UpscalerConfig()).parameters())
    assert 0.8e6 < count < 1.2e6


def test_neighbours_that_only_moved_count_as_no_difference() -> None:
    torch.manual_seed(0)
    network = Upscaler(TINY)
    torch.nn.init.normal_(network.head.weight, std=0.1)
    still = waves(0, 0)
    moved, other = waves(1.4, -0.7), waves(14, 9).flip(-1)
    with torch.no_grad():
        alone, carried, strange = (
            network(torch.stack([near, still, near], 1))[..., 16:-16, 16:-16]
            for near in (still, moved, other)
        )
    assert float((carried - alone).abs().mean()) < 0.1 * float((strange - alone).abs().mean())


def test_a_clip_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="sees 3 frames, not 5"):
        Upscaler(TINY)(torch.rand(1, 5, 3, 16, 16))


def test_one_frame_is_enough_for_a_network_of_one() -> None:
    assert Upscaler(UpscalerConfig(frames=1, width=8, inner=8, blocks=1))(torch.rand(1, 1, 3, 9, 8)).shape[
        -2:
    ] == (18, 16)


@pytest.mark.parametrize("values", [{"frames": 2}, {"width": 0}, {"blocks": 5000}])
def test_impossible_sizes_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="the upscaler's"):
        UpscalerConfig(**values)


def test_a_config_goes_through_json_and_refuses_what_is_foreign() -> None:
    assert UpscalerConfig.from_dict(TINY.to_dict()) == TINY
    for values in ({"depth": 3}, {"width": "8"}, {"width": True}):
        with pytest.raises(TypeError):
            UpscalerConfig.from_dict(values)


@pytest.mark.parametrize("shift", [(0.3, -0.2), (2.6, 1.3), (-4.5, 3.0)])
def test_motion_is_found_to_fractions_of_a_pixel(shift: tuple[float, float]) -> None:
    first, second = brightness(waves(0, 0)), brightness(waves(*shift))
    motion = find_motion(first, second)[0, :, 12:-12, 12:-12]
    for found, true in zip(motion, shift, strict=True):
        assert abs(float(found.median()) - true) < 0.1
    back = warp(second, find_motion(first, second))
    assert float((back - first)[..., 12:-12, 12:-12].abs().mean()) < 0.01


def test_brightness_is_luma_of_three_colours_and_the_mean_of_others() -> None:
    assert float(brightness(torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1))) == pytest.approx(0.299)
    assert float(brightness(torch.tensor([1.0, 0]).view(1, 2, 1, 1))) == pytest.approx(0.5)


def test_a_trained_network_leaves_out_what_is_as_small_as_noise() -> None:
    network = Upscaler(UpscalerConfig(width=8, inner=16, blocks=1))
    torch.manual_seed(0)
    torch.nn.init.normal_(network.head.weight, std=0.01)
    clip = torch.rand(1, 3, 3, 20, 24)
    plain = torch.nn.functional.interpolate(clip[:, 1], scale_factor=2, mode="bicubic")
    raw, quiet = network.train()(clip) - plain, network.eval()(clip) - plain
    large = raw.abs() > 2.5 / 255
    assert 0.1 < float(large.float().mean()) < 0.9
    assert not quiet[~large].abs().gt(1e-6).any()
    torch.testing.assert_close(quiet[large], raw[large] - raw[large].sign() * 2.5 / 255, atol=1e-6, rtol=0)
