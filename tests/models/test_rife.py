"""RIFE's networks, against another statement of the same layers, and where the answer is known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from videogen.models.rife import Rife, RifeConfig, warp

CONFIGS = {
    "without a head": RifeConfig((16, 12, 8, 8), (8, 4, 2, 1), spare=1, remembers=False),
    "with two layers": RifeConfig(
        (16, 12, 8, 8), (8, 4, 2, 1), spare=1, remembers=False, features=4, head_layers=2, head_width=6
    ),
    "with four layers": RifeConfig(
        (16, 12, 8, 8), (8, 4, 2, 1), spare=1, remembers=False, features=4, head_layers=4, head_width=6
    ),
    "in groups": RifeConfig(
        (16, 12, 8, 8), (8, 4, 2, 1), spare=1, remembers=False, features=4, head_layers=4, head_width=6,
        named_head=True, groups=2,
    ),
    "with thoughts": RifeConfig(
        (16, 12, 8, 8, 4), (16, 8, 4, 2, 1), spare=8, remembers=True, features=4, head_layers=4, head_width=6,
        named_head=True,
    ),
}  # fmt: skip


def make(config: RifeConfig, *, seed: int = 0, scale: float = 0.2) -> Rife:
    """Return a network of random weights that are large enough to tell layers apart."""
    torch.manual_seed(seed)
    network = Rife(config).eval().requires_grad_(False)
    for weights in network.parameters():
        weights.copy_(torch.randn_like(weights) * scale)
    return network


def restated(state: dict[str, Tensor], config: RifeConfig, first: Tensor, second: Tensor, t: float) -> Tensor:
    """Return what the layers of the paper give, called one by one on a state under the checkpoints' names."""

    def conv(x: Tensor, name: str, **how: Any) -> Tensor:
        return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1, **how)

    def bend(x: Tensor) -> Tensor:
        return torch.where(x > 0, x, 0.2 * x)

    def look(picture: Tensor, flow: Tensor) -> Tensor:
        h, w = flow.shape[-2:]
        y, x = torch.meshgrid(torch.linspace(-1, 1, h), torch.linspace(-1, 1, w), indexing="ij")
        grid = torch.stack([x + flow[:, 0] / ((w - 1) / 2), y + flow[:, 1] / ((h - 1) / 2)], -1)
        return F.grid_sample(picture, grid, padding_mode="border", align_corners=True)

    def encode(picture: Tensor) -> Tensor:
        if not config.features:
            return picture[:, :0]
        steps = 1 if config.head_layers == 2 else 2
        names = [
            f"encode.cnn{n}" if config.named_head else f"encode.{n * steps}"
            for n in range(config.head_layers)
        ]
        x = conv(picture, names[0], stride=2)
        for name in names[1:-1]:
            x = conv(bend(x), name)
        last = x if config.head_layers == 2 else bend(x)
        return F.conv_transpose2d(
            last, state[f"{names[-1]}.weight"], state[f"{names[-1]}.bias"], stride=2, padding=1
        )

    def block(number: int, x: Tensor, flow: Tensor | None, scale: int) -> tuple[Tensor, Tensor, Tensor]:
        name = f"block{number}"
        x = F.interpolate(x, scale_factor=1 / scale, mode="bilinear")
        if flow is not None:
            x = torch.cat([x, F.interpolate(flow, scale_factor=1 / scale, mode="bilinear") / scale], 1)
        x = bend(conv(x, f"{name}.conv0.0.0", stride=2))
        x = bend(conv(x, f"{name}.conv0.1.0", stride=2))
        for layer in range(8):
            inner = f"{name}.convblock.{layer}"
            x = bend(conv(x, f"{inner}.conv", groups=config.groups) * state[f"{inner}.beta"] + x)
        last = f"{name}.lastconv.0"
        x = F.conv_transpose2d(x, state[f"{last}.weight"], state[f"{last}.bias"], stride=2, padding=1)
        x = F.interpolate(F.pixel_shuffle(x, 2), scale_factor=scale, mode="bilinear")
        return x[:, :4] * scale, x[:, 4:5], x[:, 5:]

    h, w = first.shape[-2:]
    side = 4 * config.scales[0]
    first, second = (F.pad(each, (0, -w % side, 0, -h % side)) for each in (first, second))
    f0, f1 = encode(first), encode(second)
    moment = torch.full_like(first[:, :1], t)
    flow, mask, thoughts = block(0, torch.cat([first, second, f0, f1, moment], 1), None, config.scales[0])
    for number in range(1, len(config.scales)):
        seen = [look(first, flow[:, :2]), look(second, flow[:, 2:])]
        seen += [look(f0, flow[:, :2]), look(f1, flow[:, 2:])] if config.features else []
        seen += [moment, mask, *([thoughts] if config.remembers else [])]
        change, said, thoughts = block(number, torch.cat(seen, 1), flow, config.scales[number])
        flow = flow + change
        mask = said if config.features else mask + said
    share = mask.sigmoid()
    made = look(first, flow[:, :2]) * share + look(second, flow[:, 2:]) * (1 - share)
    return made[..., :h, :w].clamp(0, 1)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_it_is_what_the_layers_one_by_one_give(config: RifeConfig) -> None:
    network = make(config)
    first, second = torch.rand(2, 3, 50, 70), torch.rand(2, 3, 50, 70)
    found = network(first, second, torch.tensor([0.3, 0.3]))
    expected = restated(dict(network.state_dict()), config, first, second, 0.3)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert (found - (first + second) / 2).abs().mean() > 0.05


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_blocks_that_say_nothing_leave_the_mean_of_both_frames(config: RifeConfig) -> None:
    network = make(config)
    for name, weights in network.named_parameters():
        if ".lastconv." in name:
            weights.zero_()
    first, second = torch.rand(1, 3, 33, 41), torch.rand(1, 3, 33, 41)
    torch.testing.assert_close(network(first, second, torch.tensor([0.5])), (first + second) / 2)


def test_motion_that_a_block_says_moves_both_frames_by_it() -> None:
    network = make(CONFIGS["with thoughts"])
    for name, weights in network.named_parameters():
        if ".lastconv." in name:
            weights.zero_()
    spoken = torch.tensor([3.0, -2.0, -1.0, 4.0])  # pixels: the first frame's x and y, then the second's
    bias = network.get_submodule("block4.lastconv.0").bias
    assert isinstance(bias, Tensor)
    bias[:16] = spoken.repeat_interleave(4)
    first, second = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)
    made = network(first, second, torch.tensor([0.5]))
    inner = slice(8, -8)
    expected = (first.roll((2, -3), (2, 3)) + second.roll((-4, 1), (2, 3))) / 2
    torch.testing.assert_close(made[..., inner, inner], expected[..., inner, inner], rtol=1e-4, atol=1e-4)


def test_the_moment_matters_and_each_frame_of_a_batch_has_its_own() -> None:
    network = make(CONFIGS["with two layers"])
    pair = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    two = network(pair[0].repeat(2, 1, 1, 1), pair[1].repeat(2, 1, 1, 1), torch.tensor([0.25, 0.75]))
    torch.testing.assert_close(two[1:], network(*pair, torch.tensor([0.75])), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(two[0], two[1], atol=1e-3)


def test_a_whole_shift_is_looked_up_exactly_and_edges_go_on() -> None:
    picture = torch.rand(1, 2, 6, 7)
    flow = torch.zeros(1, 2, 6, 7)
    flow[:, 0] = 2
    moved = warp(picture, flow)
    torch.testing.assert_close(moved[..., :5], picture[..., 2:], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(moved[..., 5:], picture[..., 6:].expand(-1, -1, -1, 2), rtol=1e-5, atol=1e-5)


def test_shapes_that_do_not_agree_are_refused() -> None:
    network = make(CONFIGS["without a head"])
    with pytest.raises(ValueError, match="expected b 3 h w twice, and b"):
        network(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 30), torch.tensor([0.5]))
    with pytest.raises(ValueError, match="expected b 3 h w twice, and b"):
        network(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32), torch.tensor([0.5, 0.5]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scales": (4, 2, 1)}, "4 widths for 3 scales"),
        ({"features": 4}, "head and its features"),
        ({"groups": 3}, "do not fit 3 groups"),
    ],
)
def test_sizes_that_no_version_has_are_refused(changes: dict[str, Any], message: str) -> None:
    sizes: dict[str, Any] = {"widths": (16, 8, 8, 8), "scales": (8, 4, 2, 1), "spare": 1, "remembers": False}
    with pytest.raises(ValueError, match=message):
        RifeConfig(**(sizes | changes))
