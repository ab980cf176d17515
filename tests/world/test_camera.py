"""Cameras move things and scene alike, and say how."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from videogen.tracks import Tracks
from videogen.world import camera as cameras
from videogen.world.dice import Dice
from videogen.world.painter import paint

CLIPS = 30
TIME = torch.linspace(0, 2, 9).expand(CLIPS, -1)


def moves(name: str) -> Tensor:
    kind = torch.full((CLIPS,), cameras.CAMERAS.index(name))
    return cameras.move_camera(
        kind, TIME, Dice(torch.arange(CLIPS), seed=0), crossing=torch.full((CLIPS,), 2.0)
    )


@pytest.mark.parametrize(
    ("name", "part", "sign"), [("left", 0, 1), ("right", 0, -1), ("in", 2, 1), ("out", 2, -1)]
)
def test_a_camera_does_what_it_is_said_to_do(name: str, part: int, sign: int) -> None:
    step = moves(name).diff(dim=1)
    assert (step[..., part] * sign > 0).all()
    others = [i for i in range(3) if i != part]
    assert step[..., others].abs().max() == 0


def test_a_camera_at_rest_is_zero_and_a_shaken_one_comes_back() -> None:
    assert moves("still").abs().max() == 0
    shaken = moves("shake")
    assert (shaken[..., :2].diff(dim=1).sign().diff(dim=1) != 0).any(1).all()
    assert 0.01 < shaken[..., :2].abs().max() < 0.05
    assert shaken[..., 2].abs().max() == 0


def test_the_share_of_moving_cameras_is_as_asked() -> None:
    chosen = cameras.choose_camera(Dice(torch.arange(4000), seed=0), moving=0.3)
    assert (chosen > 0).float().mean() == pytest.approx(0.3, abs=0.03)
    assert len(chosen.unique()) == len(cameras.CAMERAS)


@pytest.mark.parametrize("name", ["left", "right", "in", "out", "shake"])
def test_a_filmed_scene_is_the_same_scene_carried_along_the_camera(name: str) -> None:
    camera = moves(name)
    camera = torch.cat([torch.zeros_like(camera[:, :1]), camera], 1)
    scene = torch.arange(CLIPS) % 7
    film = cameras.film_scene(scene, Dice(torch.arange(CLIPS), seed=3), camera, size=48)
    assert film.shape == (CLIPS, 10, 3, 48, 48)
    painting = paint(film, [], num_frames=10, camera=camera)
    carried = F.grid_sample(
        film[:, :1].expand(-1, 10, -1, -1, -1).flatten(0, 1), painting.source.flatten(0, 1) * 2 - 1,
        padding_mode="border", align_corners=False,
    ).view_as(film)  # fmt: skip
    seen = painting.visible[:, :, None]
    assert seen.mean() > 0.5
    error = ((carried - film).square() * seen).sum() / (3 * seen.sum())
    assert -10 * error.log10() > 28


def test_scenes_of_cameras_at_rest_are_pictures() -> None:
    still = torch.zeros(7, 4, 3)
    assert cameras.film_scene(torch.arange(7), Dice(torch.arange(7), seed=0), still, size=16).shape == (
        7,
        3,
        16,
        16,
    )


def test_tracks_are_seen_through_the_camera() -> None:
    tracks = Tracks.none(CLIPS, 9)
    tracks.state[:, :, 0] = torch.tensor([0.5, 0.75, 0.2, 0.3, 1.0])
    seen = cameras.see_tracks(tracks, moves("in"))
    zoom = seen.camera[..., 2].exp()
    torch.testing.assert_close(seen.state[:, :, 0, 2], 0.2 * zoom)
    torch.testing.assert_close(seen.state[:, :, 0, 1], 0.5 + 0.25 * zoom)
    assert seen.state[:, :, 1].abs().max() == 0, "what is not there stays away"
