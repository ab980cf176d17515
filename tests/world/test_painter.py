"""Layers, their edges, and the motion that the painter reports of every pixel."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from videogen.world.painter import Layer, Painting, paint

SIZE, FRAMES = 32, 3
RED, BLUE = torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[0.0, 0.0, 1.0]])
GREY = torch.full((1, 3, SIZE, SIZE), 0.5)


def track(*places: tuple[float, float]) -> Tensor:
    return torch.tensor([places])


def layer(*, centre: Tensor, colour: Tensor = RED, half: float = 0.2, shape: str = "box") -> Layer:
    t = centre.shape[1]
    return Layer(shape, centre, torch.zeros(1, t), torch.full((1, t, 2), half), colour)


def painted(*layers: Layer) -> Painting:
    return paint(GREY, layers, num_frames=layers[0].centre.shape[1])


def pixel(picture: Tensor, x: float, y: float) -> Tensor:
    return picture[..., int(y * SIZE), int(x * SIZE)]


def grid() -> Tensor:
    axis = (torch.arange(SIZE) + 0.5) / SIZE
    return torch.stack(torch.broadcast_tensors(axis[None, :], axis[:, None]), -1)


def test_edges_are_as_soft_as_a_pixel_and_cover_the_right_area() -> None:
    alpha = painted(layer(centre=track((0.513, 0.487)), shape="ellipse")).video[0, 0, 0] * 2 - 1
    assert alpha.sum().item() / SIZE**2 == pytest.approx(math.pi * 0.04, rel=0.01)
    assert ((alpha > 0.01) & (alpha < 0.99)).sum() > 10


def test_later_layers_cover_earlier_ones() -> None:
    here = track((0.5, 0.5))
    video = painted(layer(centre=here, half=0.3), layer(centre=here, half=0.1, colour=BLUE)).video[0, 0]
    torch.testing.assert_close(pixel(video, 0.5, 0.5), BLUE[0])
    torch.testing.assert_close(pixel(video, 0.5, 0.7), RED[0])
    torch.testing.assert_close(pixel(video, 0.05, 0.05), torch.full((3,), 0.5))


@pytest.mark.parametrize("angle", [0.0, 0.7, -2.0])
def test_a_pixel_remembers_where_its_layer_was(angle: float) -> None:
    going = layer(centre=track((0.3, 0.5), (0.5, 0.5), (0.5, 0.6)))
    painting = painted(replace(going, angle=torch.full((1, 3), angle)))
    inside = painting.video[0, 2, 0] > 0.99
    torch.testing.assert_close(
        painting.source[0, 2][inside], grid()[inside] - torch.tensor([0.2, 0.1]), rtol=0, atol=1e-6
    )
    outside = painting.video[0, 2, 0] < 0.51
    torch.testing.assert_close(painting.source[0, 2][outside], grid()[outside])
    torch.testing.assert_close(painting.source[0, 0], grid())


def test_a_pixel_remembers_turns_and_growth() -> None:
    here = track((0.5, 0.5), (0.5, 0.5))
    quarter = replace(layer(centre=here), angle=torch.tensor([[0.0, math.pi / 2]]))
    source = paint(GREY, [quarter], num_frames=2).source[0, 1]
    x, y = pixel(grid().permute(2, 0, 1), 0.6, 0.5).tolist()
    torch.testing.assert_close(
        pixel(source.permute(2, 0, 1), 0.6, 0.5), torch.tensor([0.5 + (y - 0.5), 0.5 - (x - 0.5)])
    )
    grown = Layer("box", here, torch.zeros(1, 2), torch.tensor([[[0.1, 0.1], [0.2, 0.2]]]), RED)
    source = paint(GREY, [grown], num_frames=2).source[0, 1]
    expected = 0.5 + (pixel(grid().permute(2, 0, 1), 0.6, 0.6) - 0.5) / 2
    torch.testing.assert_close(pixel(source.permute(2, 0, 1), 0.6, 0.6), expected)


def test_what_was_covered_or_outside_at_first_is_not_visible() -> None:
    cover = layer(centre=track((0.3, 0.5), (0.7, 0.5)), colour=BLUE)
    arriving = layer(centre=track((0.5, -0.5), (0.5, 0.15)), half=0.1)
    visible = paint(GREY, [cover, arriving], num_frames=2).visible[0]
    assert visible[0].min() == 1
    assert pixel(visible[1], 0.3, 0.5) == 0, "the background was under the cover"
    assert pixel(visible[1], 0.7, 0.5) == 1, "the cover itself was seen"
    assert pixel(visible[1], 0.5, 0.15) == 0, "this came from outside"
    assert pixel(visible[1], 0.05, 0.95) == 1


def test_an_absent_layer_is_not_there() -> None:
    here = layer(centre=track((0.5, 0.5)))
    absent = replace(here, present=torch.tensor([False]))
    assert torch.equal(painted(absent).video[0, 0], GREY[0])


def test_shade_darkens_downwards_and_stripes_bring_the_second_colour() -> None:
    here = layer(centre=track((0.5, 0.5)))
    shaded = replace(here, shade=0.4)
    column = painted(shaded).video[0, 0, 0, 11:21, SIZE // 2]
    assert (column.diff() < 0).all()
    striped = replace(here, stripes=torch.tensor([True]), second=BLUE)
    column = painted(striped).video[0, 0, :, 10:22, SIZE // 2]
    assert column[0].max() > 0.9
    assert column[2].max() > 0.9
