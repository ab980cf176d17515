"""Things cut out of pictures from near, and laid along their tracks over a clip."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from videogen.cast import RADIUS, Cast, Look, near, placed
from videogen.tracks import OUTLINE, Tracks, draw_tracks, joined
from videogen.world.clips import render_clips
from videogen.world.creatures import SHAPES, outlines

GREEN = torch.tensor([-1.0, 1.0, -1.0])
GREY = torch.tensor([0.2, 0.2, 0.2])


def outline(shape: str) -> Tensor:
    return outlines(torch.tensor([SHAPES.index(shape)]), torch.tensor([False]))[0]


def look(shape: str, *, side: int = 64, colour: Tensor = GREEN) -> Look:
    """A thing as it would be drawn from near, on grey."""
    silhouette = draw_tracks(near(outline(shape), length=3), height=side, width=side)[0].amax(0)[:, None]
    pictures = torch.lerp(GREY.view(1, 3, 1, 1), colour.view(1, 3, 1, 1), (silhouette > 0).float())
    return Look.of(pictures.expand(3, 3, side, side), outline(shape))


def moving(*states: tuple[float, float, float, float], shape: str, camera: float = 0.0) -> Tracks:
    """The track of one thing: x, y, half extent, angle."""
    tracks = Tracks.none(1, len(states))
    tracks.state[0, :, 0, :4] = torch.tensor(states)
    tracks.state[0, :, 0, 4] = 1
    tracks.outline[0, 0] = outline(shape)
    tracks.camera[0, :, 0] = torch.linspace(0, camera, len(states))
    return tracks


def seen_at(look: Look, state: Tensor, *, height: int, width: int) -> Tensor:
    """One look at all states, `t 4 h w`."""
    return torch.stack([placed(look, one, height=height, width=width) for one in state])


def cast(*looks: Look | None, tracks: Tracks) -> Cast:
    """Things that look the same throughout."""
    each = tuple(() if look is None else (look,) for look in looks)
    return Cast(each, torch.ones(tracks.state.shape[1], 1), tracks)


def over(some: Cast, drawn: Tensor, *, begin: int = 0) -> Tensor:
    return torch.stack(list(some.over(drawn, begin=begin)))


def opaque(shown: Tensor) -> Tensor:
    """Where green is seen, `t h w`."""
    return (shown - GREEN.view(1, 3, 1, 1)).abs().amax(1) < 0.3


@pytest.mark.parametrize("shape", ["ball", "square", "star", "ring"])
@pytest.mark.parametrize("size", [(64, 64), (96, 48), (40, 120)])
def test_a_thing_stands_where_its_map_is_drawn(shape: str, size: tuple[int, int]) -> None:
    height, width = size
    tracks = moving((0.3, 0.6, 0.25, 0.0), (0.7, 0.4, 0.3, 1.0), shape=shape)
    wanted = draw_tracks(tracks, height=height, width=width)[0, 0] > 0.5
    seen = seen_at(look(shape), tracks.state[0, :, 0], height=height, width=width)[:, 3] > 0.5
    both, either = (wanted & seen).sum((1, 2)), (wanted | seen).sum((1, 2))
    assert (both / either > 0.86).all()


def test_a_thing_is_no_ellipse_in_a_wide_picture() -> None:
    seen = seen_at(
        look("ball"), moving((0.5, 0.5, 0.3, 0.0), shape="ball").state[0, :, 0], height=40, width=90
    )
    rows, columns = (seen[0, 3] > 0.5).any(1).sum(), (seen[0, 3] > 0.5).any(0).sum()
    assert abs(int(rows) - int(columns)) <= 1
    assert abs(int(rows) - 24) <= 1


def test_edges_between_points_of_an_outline_are_straight() -> None:
    tracks = moving((0.5, 0.5, 0.4, 0.0), shape="square")
    alpha = seen_at(look("square"), tracks.state[0, :, 0], height=300, width=300)[0, 3]
    rows = (alpha > 0.5).sum(1)[(alpha > 0.5).any(1)]
    assert int(rows[4:-4].max() - rows[4:-4].min()) <= 4
    soft = ((alpha > 0.05) & (alpha < 0.95)).float().mean()
    assert float(soft) < 0.01, "edges are as sharp as the picture is large, not as the close-up"


def test_a_ring_has_its_hole_and_shows_the_ground_through_it() -> None:
    tracks = moving((0.5, 0.5, 0.35, 0.0), shape="ring")
    ground = torch.full((1, 3, 64, 64), -0.5)
    shown = over(cast(look("ring"), None, tracks=tracks), ground)
    assert torch.allclose(shown[0, :, 32, 32], ground[0, :, 32, 32], atol=0.02)
    assert opaque(shown)[0, 32, 32 + round(0.35 * 64 * 0.7)]


def test_what_the_network_drew_of_a_thing_is_gone_and_the_place_stays() -> None:
    length = 8
    states = [(0.2 + 0.6 * n / (length - 1), 0.5, 0.12, 0.0) for n in range(length)]
    tracks = moving(*states, shape="star")
    across = torch.linspace(-0.8, 0.8, 64)
    place = torch.stack([across[None].expand(64, 64), across[:, None].expand(64, 64), torch.zeros(64, 64)])
    drawn = place.expand(length, 3, 64, 64).clone()
    rows, columns = torch.meshgrid(torch.arange(64) + 0.5, torch.arange(64) + 0.5, indexing="ij")
    for number, (x, y, size, _) in enumerate(states):  # a lump where a star should be
        lump = torch.hypot(columns - x * 64, rows - y * 64) < 64 * size + 1
        drawn[number, :, lump] = 1.0
    shown = over(cast(look("star"), None, tracks=tracks), drawn)
    star = seen_at(look("star"), tracks.state[0, :, 0], height=64, width=64)[:, 3]
    assert ((shown - place).abs().amax(1)[star == 0] < 0.05).all(), "the lump is seen beside the star"
    far = torch.ones(64, dtype=torch.bool)
    far[18:46] = False
    assert torch.equal(shown[:, :, far], drawn[:, :, far]), "what is far from things is the network's own"


def test_where_the_camera_moves_a_frame_is_filled_from_itself() -> None:
    tracks = moving(*[(0.5, 0.5, 0.2, 0.0)] * 4, shape="ball", camera=0.3)
    drawn = torch.stack([torch.full((3, 48, 48), level) for level in (-0.6, -0.2, 0.2, 0.6)])
    shown = over(cast(look("ball"), None, tracks=tracks), drawn)
    free = seen_at(look("ball"), tracks.state[0, :, 0], height=48, width=48)[:, 3] == 0
    for frame, own, where in zip(shown, drawn, free, strict=True):
        assert torch.allclose(frame[:, where], own[:, where], atol=1e-3)


def test_the_first_thing_hides_the_second() -> None:
    tracks = Tracks.none(1, 1)
    tracks.state[:] = torch.tensor([0.5, 0.5, 0.3, 0.0, 1.0])
    tracks.outline[:] = outline("ball")
    other = look("ball", colour=-torch.ones(3))
    shown = over(cast(look("ball"), other, tracks=tracks), torch.zeros(1, 3, 32, 32))
    assert opaque(shown)[0, 16, 16]
    shown = over(cast(other, look("ball"), tracks=tracks), torch.zeros(1, 3, 32, 32))
    assert not opaque(shown).any()


def test_pieces_of_a_clip_follow_their_own_part_of_the_track() -> None:
    states = [(0.2 + 0.15 * n, 0.5, 0.15, 0.3 * n) for n in range(5)]
    one = cast(look("star"), None, tracks=moving(*states, shape="star"))
    drawn = torch.zeros(5, 3, 32, 32)
    whole = over(one, drawn)
    parts = torch.cat([over(one, drawn[:2]), over(one, drawn[2:], begin=2)])
    assert torch.allclose(whole, parts, atol=1e-5)


def test_a_true_thing_from_near_looks_like_the_true_one_far_away() -> None:
    clips = render_clips("object", torch.arange(24), num_frames=2, share=0.0)
    for number, label in enumerate(clips.labels):
        state = clips.tracks.state[number, 0, 0]
        if label["shape"] not in ("ball", "heart", "square") or label["texture"] != "plain" or state[2] < 0.2:
            continue
        seen = seen_at(look(label["shape"]), state[None], height=64, width=64)[0, 3]
        mask = draw_tracks(clips.tracks.rows(slice(number, number + 1)), height=64, width=64)[0, 0, 0]
        assert float((seen - mask).abs().mean()) < 0.02


def test_near_is_still_and_fills_most_of_the_picture() -> None:
    tracks = near(outline("ball"), length=5)
    drawn = draw_tracks(tracks, height=50, width=50)[0, 0]
    assert torch.equal(drawn[0], drawn[4])
    assert float(drawn[0].mean()) == pytest.approx(math.pi * RADIUS**2, rel=0.1)
    assert tracks.outline.shape[-1] == OUTLINE + 1
    assert not bool(tracks.state[:, :, 1].any())


def test_a_look_goes_over_into_another() -> None:
    tracks = moving(*[(0.5, 0.5, 0.3, 0.0)] * 3, shape="ball")
    other = look("ball", colour=-torch.ones(3))
    shares = torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    shown = over(Cast(((look("ball"), other), ()), shares, tracks), torch.zeros(3, 3, 32, 32))
    first, between, last = shown[:, :, 16, 16]
    assert torch.allclose(first, GREEN, atol=0.02)
    assert torch.allclose(last, -torch.ones(3), atol=0.02)
    assert torch.allclose(between, (first + last) / 2, atol=1e-4)


def test_stretches_are_joined_one_after_the_other() -> None:
    ball = moving(*[(0.5, 0.5, 0.3, 0.0)] * 3, shape="ball")
    star = moving(*[(0.6, 0.5, 0.3, 0.0)] * 2, shape="star")
    whole = joined([ball, star])
    assert whole.state.shape[1] == whole.camera.shape[1] == 5
    assert torch.equal(whole.state[:, 3:], star.state)
