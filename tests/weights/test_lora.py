"""Low-rank changes: what is added, to which layer, and that it comes off again bit for bit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from videogen.errors import CheckpointError
from videogen.weights.lora import merge, read_lora


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attn_one = nn.ModuleDict(
            {"to_q": nn.Linear(4, 6, bias=False), "to_out": nn.ModuleList([nn.Linear(6, 4)])}
        )
        self.conv = nn.Conv2d(3, 5, 3)


def pair(out: int, into: tuple[int, ...], rank: int = 2) -> tuple[Tensor, Tensor]:
    up = torch.randn(out, rank, *([1] * (len(into) - 1)))
    return up, torch.randn(rank, *into)


@pytest.mark.parametrize("scale", [1.0, 0.4, -1.0])
def test_animatediff_adds_up_times_down(scale: float) -> None:
    net, before = Net(), Net()
    before.load_state_dict(net.state_dict())
    (up_q, down_q), (up_o, down_o) = pair(6, (4,)), pair(4, (6,))
    found = {
        "module.attn_one.processor.to_q_lora.up.weight": up_q,
        "module.attn_one.processor.to_q_lora.down.weight": down_q,
        "module.attn_one.processor.to_out_lora.up.weight": up_o,
        "module.attn_one.processor.to_out_lora.down.weight": down_o,
    }
    changes = read_lora(found, net.state_dict(), source="x")
    merged = merge(net, changes, scale=scale, source="x")
    torch.testing.assert_close(
        net.attn_one["to_q"].weight, before.attn_one["to_q"].weight + scale * up_q @ down_q
    )
    torch.testing.assert_close(
        net.attn_one["to_out"][0].weight, before.attn_one["to_out"][0].weight + scale * up_o @ down_o
    )
    assert torch.equal(net.conv.weight, before.conv.weight)
    merged.undo()
    for name, tensor in before.state_dict().items():
        assert torch.equal(net.state_dict()[name], tensor)


@pytest.mark.parametrize(("alpha", "factor"), [(None, 1.0), (1.0, 0.5), (2.0, 1.0)])
def test_kohya_names_with_underscores_and_divides_by_the_rank(alpha: float | None, factor: float) -> None:
    net = Net()
    before = net.conv.weight.detach().clone()
    up, down = pair(5, (3, 3, 3))
    found = {"lora_unet_conv.lora_up.weight": up, "lora_unet_conv.lora_down.weight": down}
    if alpha is not None:
        found["lora_unet_conv.alpha"] = torch.tensor(alpha)
    merge(net, read_lora(found, net.state_dict(), source="x"), scale=1.0, source="x")
    expected = nn.functional.conv2d(
        nn.functional.conv2d(torch.ones(1, 3, 4, 4), down), up
    ) * factor + nn.functional.conv2d(torch.ones(1, 3, 4, 4), before)
    torch.testing.assert_close(nn.functional.conv2d(torch.ones(1, 3, 4, 4), net.conv.weight), expected)
    up, down = pair(6, (4,))
    layer = {"lora_unet_attn_one_to_q.lora_up.weight": up, "lora_unet_attn_one_to_q.lora_down.weight": down}
    assert read_lora(layer, net.state_dict(), source="x").keys() == {"attn_one.to_q.weight"}


def test_half_precision_weights_stay_so() -> None:
    net = Net().half()
    up, down = pair(5, (3, 3, 3))
    found = {"lora_unet_conv.lora_up.weight": up, "lora_unet_conv.lora_down.weight": down}
    merge(net, read_lora(found, net.state_dict(), source="x"), scale=1.0, source="x")
    assert net.conv.weight.dtype == torch.float16


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["lora_unet_conv.lora_up.weight"], "lacks up or down"),
        (["lora_unet_other.lora_up.weight"], r"changes lora_unet_other\.lora_up\.weight \(and 0 more\)"),
        (["a.processor.to_q_lora.up.weight", "a.processor.to_q_lora.down.weight"], r"and 1 more"),
        (["something.else"], "does not have"),
        ([], "it lacks up or down"),
    ],
)
def test_what_belongs_to_another_network_is_refused(names: list[str], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        read_lora({name: torch.ones(2, 2) for name in names}, Net().state_dict(), source="x")


def test_a_change_of_another_size_is_refused_before_anything_is_changed() -> None:
    net = Net()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    up, down = pair(5, (3, 1, 1))
    good_up, good_down = pair(6, (4,))
    found = {
        "lora_unet_attn_one_to_q.lora_up.weight": good_up,
        "lora_unet_attn_one_to_q.lora_down.weight": good_down,
        "lora_unet_conv.lora_up.weight": up, "lora_unet_conv.lora_down.weight": down,
    }  # fmt: skip
    with pytest.raises(CheckpointError, match="does not fit"):
        merge(net, read_lora(found, net.state_dict(), source="x"), scale=1.0, source="x")
    assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in before.items())
