"""Things cut out of pictures from near, and laid along their tracks over a clip."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from videogen.cast import RADIUS, Cast, cut_out, near, placed
from videogen.tracks import OUTLINE, Tracks, draw_tracks, joined
from videogen.world.clips import render_clips
from videogen.world.creatures import SHAPES, outlines

GREEN = torch.tensor([-1.0, 1.0, -1.0])
GREY = torch.tensor([0.2, 0.2, 0.2])


def outline(shape: str) -> Tensor:
    return outlines(torch.tensor([SHAPES.index(shape)]), torch.tensor([False]))[0]


def look(shape: str, *, side: int = 64) -> Tensor:
    """A green thing as it would be drawn from near, on grey, `4 n n`."""
    silhouette = draw_tracks(near(outline(shape), length=3), height=side, width=side)[0].amax(0)[:, None]
    pictures = torch.lerp(GREY.view(1, 3, 1, 1), GREEN.view(1, 3, 1, 1), (silhouette > 0).float())
    return cut_out(pictures.expand(3, 3, side, side), outline(shape))


def moving(*states: tuple[float, float, float, float], shape: str, camera: float = 0.0) -> Tracks:
    """The track of one thing: x, y, half extent, angle."""
    tracks = Tracks.none(1, len(states))
    tracks.state[0, :, 0, :4] = torch.tensor(states)
    tracks.state[0, :, 0, 4] = 1
    tracks.outline[0, 0] = outline(shape)
    tracks.camera[0, :, 0] = torch.linspace(0, camera, len(states))
    return tracks


def seen_at(look: Tensor, state: Tensor, *, height: int, width: int) -> Tensor:
    """One look at all states."""
    return placed(look.expand(len(state), *look.shape), state, height=height, width=width)


def cast(*looks: Tensor | None, tracks: Tracks) -> Cast:
    """Things that look the same throughout."""
    each = tuple(None if look is None else look[None] for look in looks)
    return Cast(each, torch.ones(tracks.state.shape[1], 1), tracks)


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
    alpha = look("square", side=128)[3] > 0.5
    rows = alpha.sum(1)[alpha.any(1)]
    assert int(rows[2:-2].max() - rows[2:-2].min()) <= 2


def test_a_ring_has_its_hole_and_shows_the_ground_through_it() -> None:
    tracks = moving((0.5, 0.5, 0.35, 0.0), shape="ring")
    ground = torch.full((1, 3, 64, 64), -0.5)
    shown = cast(look("ring"), None, tracks=tracks).over(ground, begin=0)
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
    shown = cast(look("star"), None, tracks=tracks).over(drawn, begin=0)
    star = seen_at(look("star"), tracks.state[0, :, 0], height=64, width=64)[:, 3]
    assert ((shown - place).abs().amax(1)[star == 0] < 0.05).all(), "the lump is seen beside the star"
    far = torch.ones(64, dtype=torch.bool)
    far[18:46] = False
    assert torch.equal(shown[:, :, far], drawn[:, :, far]), "what is far from things is the network's own"


def test_where_the_camera_moves_a_frame_is_filled_from_itself() -> None:
    tracks = moving(*[(0.5, 0.5, 0.2, 0.0)] * 4, shape="ball", camera=0.3)
    drawn = torch.stack([torch.full((3, 48, 48), level) for level in (-0.6, -0.2, 0.2, 0.6)])
    shown = cast(look("ball"), None, tracks=tracks).over(drawn, begin=0)
    free = seen_at(look("ball"), tracks.state[0, :, 0], height=48, width=48)[:, 3] == 0
    for frame, own, where in zip(shown, drawn, free, strict=True):
        assert torch.allclose(frame[:, where], own[:, where], atol=1e-3)


def test_the_first_thing_hides_the_second() -> None:
    tracks = Tracks.none(1, 1)
    tracks.state[:] = torch.tensor([0.5, 0.5, 0.3, 0.0, 1.0])
    tracks.outline[:] = outline("ball")
    other = look("ball").clone()
    other[:3] = -other[3:]
    shown = cast(look("ball"), other, tracks=tracks).over(torch.zeros(1, 3, 32, 32), begin=0)
    assert opaque(shown)[0, 16, 16]
    shown = cast(other, look("ball"), tracks=tracks).over(torch.zeros(1, 3, 32, 32), begin=0)
    assert not opaque(shown).any()


def test_pieces_of_a_clip_follow_their_own_part_of_the_track() -> None:
    states = [(0.2 + 0.15 * n, 0.5, 0.15, 0.3 * n) for n in range(5)]
    one = cast(look("star"), None, tracks=moving(*states, shape="star"))
    drawn = torch.zeros(5, 3, 32, 32)
    whole = one.over(drawn, begin=0)
    parts = torch.cat([one.over(drawn[:2], begin=0), one.over(drawn[2:], begin=2)])
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
    other = look("ball").clone()
    other[:3] = -other[3:]
    shares = torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    shown = Cast((torch.stack([look("ball"), other]), None), shares, tracks).over(
        torch.zeros(3, 3, 32, 32), begin=0
    )
    first, between, last = shown[:, :, 16, 16]
    assert torch.allclose(first, GREEN, atol=0.02)
    assert torch.allclose(last, -torch.ones(3), atol=0.02)
    assert torch.allclose(between, (first + last) / 2, atol=1e-4)


def test_stretches_are_joined_with_the_farthest_outline() -> None:
    ball = moving(*[(0.5, 0.5, 0.3, 0.0)] * 3, shape="ball")
    star = moving(*[(0.6, 0.5, 0.3, 0.0)] * 2, shape="star")
    whole = joined([ball, star])
    assert whole.state.shape[1] == whole.camera.shape[1] == 5
    assert torch.equal(whole.outline, torch.maximum(ball.outline, star.outline))
