"""Layers, their edges, and the motion that the painter reports of every pixel."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from videogen.world.painter import Layer, Painting, paint, paint_picture
from videogen.world.shapes import distance_of
from videogen.world.truth import follow

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


def plainly(background: Tensor, layers: list[Layer], t: int) -> tuple[Tensor, Tensor, Tensor]:
    """Paint plain layers over the whole picture, frame by frame: slow, and as simple as can be."""
    b = len(background)
    video = background[:, None].repeat(1, t, 1, 1, 1)
    owner = torch.zeros(b, t, SIZE, SIZE, dtype=torch.int64)
    source = grid().repeat(b, t, 1, 1, 1)
    x, y = grid().unbind(-1)
    for number, one in enumerate(layers, start=1):
        for clip in range(b):
            for frame in range(t):
                cx, cy = one.centre[clip, frame].tolist()
                cos, sin = one.angle[clip, frame].cos(), one.angle[clip, frame].sin()
                sx, sy = (value.view(1, 1, 1) for value in one.size[clip, frame])
                u, v = cos * (x - cx) + sin * (y - cy), cos * (y - cy) - sin * (x - cx)
                alpha = (0.5 - SIZE * distance_of(one.shape, u[None], v[None], sx, sy, None)[0]).clamp(0, 1)
                video[clip, frame] += (one.colour[clip][:, None, None] - video[clip, frame]) * alpha
                owner[clip, frame][alpha > 0.5] = number
                p, q = (one.size[clip, 0] / one.size[clip, frame]).tolist()
                cos0, sin0 = one.angle[clip, 0].cos(), one.angle[clip, 0].sin()
                there = torch.stack([cos0 * u * p - sin0 * v * q, sin0 * u * p + cos0 * v * q], -1)
                source[clip, frame][alpha > 0.5] = (there + one.centre[clip, 0])[alpha > 0.5]
    inside = ((source >= 0) & (source < 1)).all(-1)
    column, row = (source * SIZE).long().clamp(0, SIZE - 1).unbind(-1)
    was = owner[torch.arange(b)[:, None, None, None], 0, row, column]
    return video, source, (inside & (was == owner)).float()


def crowd(*, b: int, t: int) -> list[Layer]:
    """Layers of all shapes and sizes, some beyond the border, some as large as the picture."""
    random = torch.Generator().manual_seed(3)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=random)

    return [
        Layer(shape, draw(b, t, 2) * 1.3 - 0.15, draw(b, t) * 6, 0.02 + reach * draw(b, t, 2), draw(b, 3))
        for shape in ("ellipse", "box", "capsule", "taper", "skirt")
        for reach in (0.05, 0.2, 0.6)
    ]


def test_patches_paint_what_whole_pictures_would() -> None:
    layers, background = crowd(b=3, t=4), GREY.repeat(3, 1, 1, 1)
    painting = paint(background, layers, num_frames=4)
    video, source, visible = plainly(background, layers, 4)
    torch.testing.assert_close(painting.video, video, rtol=0, atol=1e-4)
    same = (painting.source - source).abs().amax(-1) < 1e-4
    assert same.float().mean() > 0.999, "but for pixels that a rounding gives to another layer"
    assert (painting.visible == visible).float().mean() > 0.998


def test_a_picture_is_the_first_frame_of_a_painting() -> None:
    layers, background = crowd(b=2, t=1), GREY.repeat(2, 1, 1, 1)
    expected = paint(background, layers, num_frames=1).video[:, 0]
    torch.testing.assert_close(paint_picture(background, layers), expected)


def test_a_patch_holds_all_of_a_soft_flat_shadow() -> None:
    wide = Layer(
        "ellipse", track((0.5, 0.5)), torch.zeros(1, 1), torch.tensor([[[0.3, 0.02]]]), RED, soft=0.3
    )
    video = painted(wide).video[0, 0, 1]
    assert video[SIZE // 2 - 4, SIZE // 2] < 0.5
    step = video.diff(dim=0).abs().max()
    assert step < 0.15, "nothing is cut off"


def test_the_flow_leads_each_pixel_to_its_point_in_the_next_frame() -> None:
    layers = crowd(b=2, t=3)[:4]
    painting = paint(GREY.repeat(2, 1, 1, 1), layers, num_frames=3)
    assert painting.stage is not None
    flow, owner = painting.stage.flow(), painting.stage.owner
    assert flow[:, -1].abs().max() == 0
    there = (grid() + flow)[:, :-1]
    inside = ((there > 0) & (there < 1)).all(-1)
    column, row = (there * SIZE).long().clamp(0, SIZE - 1).unbind(-1)
    clip, frame = torch.arange(2)[:, None, None, None], torch.arange(2)[None, :, None, None] + 1
    met = inside & (owner[clip, frame, row, column] == owner[:, :-1]) & (owner[:, :-1] > 0)
    assert met.sum() > 50
    found = painting.source[clip, frame, row, column][met]
    # the point lies within half a pixel of the middle of the pixel that it falls into
    stretch = max(float((one.size[:, :1] / one.size).max()) for one in layers)
    assert (found - painting.source[:, :-1][met]).abs().max() < stretch / SIZE


def test_the_flow_of_a_smooth_warp_is_its_motion() -> None:
    shift = torch.tensor([0.03, -0.02])
    source = torch.stack([grid() - shift * k for k in range(4)])[None]
    flow = follow(source)
    torch.testing.assert_close(flow[:, :-1], shift.expand_as(flow[:, :-1]), rtol=0, atol=1e-5)
    assert flow[:, -1].abs().max() == 0


def test_depth_and_mask_follow_the_order_of_painting() -> None:
    here = track((0.5, 0.5))
    back, front = layer(centre=here, half=0.3), layer(centre=here, half=0.1, colour=BLUE)
    stage = painted(replace(back, thing=2), front).stage
    assert stage is not None
    for place, depth, thing in ((0.05, 0.0, 0), (0.3, 0.5, 2), (0.5, 1.0, 1)):
        assert pixel(stage.depth()[0, 0], place, 0.5) == depth
        assert pixel(stage.mask()[0, 0], place, 0.5) == thing


def test_a_camera_moves_the_background_and_nothing_else() -> None:
    camera = torch.tensor([[[0.0, 0.0, 0.0], [0.1, -0.2, math.log(2)]]])
    film = GREY[:, None].repeat(1, 2, 1, 1, 1)
    painting = paint(
        film, [layer(centre=track((0.5, 0.5), (0.5, 0.5)), half=0.1)], num_frames=2, camera=camera
    )
    expected = 0.5 + (grid() - 0.5 - camera[0, 1, :2]) / 2
    source = painting.source[0, 1]
    middle = painting.video[0, 1, 0] > 0.9
    torch.testing.assert_close(source[~middle], expected[~middle], rtol=0, atol=1e-6)
    torch.testing.assert_close(source[middle], grid()[middle], rtol=0, atol=1e-6)
    assert painting.stage is not None
    flow = painting.stage.flow()[0, 0][~middle]
    torch.testing.assert_close(flow, (grid() - 0.5 + camera[0, 1, :2])[~middle], rtol=0, atol=1e-6)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_texture_turns_with_its_layer(number: int) -> None:
    here = track((0.5, 0.5), (0.5, 0.5))
    dressed = replace(
        layer(centre=here, half=0.35, shape="ellipse"), angle=torch.tensor([[0.0, math.pi / 2]]),
        pattern=torch.tensor([number]), second=BLUE, light=0.4, rim=0.1,
    )  # fmt: skip
    first, turned = paint(GREY, [dressed], num_frames=2).video[0]
    share = first[2][first[2] > first[0]].numel() / SIZE**2
    assert 0.05 < share < 0.3
    torch.testing.assert_close(turned, first.rot90(-1, (1, 2)), rtol=0, atol=2e-4)


def test_light_brightens_the_upper_left_and_a_rim_darkens_the_edge() -> None:
    here = replace(layer(centre=track((0.5, 0.5)), half=0.35), light=0.5, rim=torch.tensor([0.15]))
    video = painted(here).video[0, 0]
    assert pixel(video, 0.38, 0.37)[1] > 0.3
    assert pixel(video, 0.62, 0.37)[1] == 0
    assert pixel(video, 0.17, 0.5)[0] < 0.6 < pixel(video, 0.5, 0.5)[0]


def test_what_is_half_transparent_owns_no_pixel() -> None:
    veil = replace(layer(centre=track((0.5, 0.5), (0.7, 0.5))), opacity=torch.tensor([[0.4, 0.2]]))
    painting = painted(veil)
    torch.testing.assert_close(pixel(painting.video[0, 0], 0.5, 0.5)[0], torch.tensor(0.7))
    torch.testing.assert_close(pixel(painting.video[0, 1], 0.7, 0.5)[0], torch.tensor(0.6))
    assert painting.stage is not None
    assert painting.stage.owner.max() == 0
    torch.testing.assert_close(painting.source[0, 1], grid())
