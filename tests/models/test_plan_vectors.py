"""Plans become vectors and come back; what is absent is zero and stays absent."""

from __future__ import annotations

import pytest
import torch

from tests.tiny import planner
from videogen.models.plan_vectors import PoseBasis
from videogen.skeleton import FEET_SLICE, KEYPOINTS
from videogen.tracks import Tracks
from videogen.world.clips import write_script


def things(count: int = 1) -> Tracks:
    """Things that swing and turn, seen by a camera that moves."""
    tracks, time = Tracks.none(1, 9), torch.linspace(0, 2, 9)
    for number in range(count):
        state = [0.5 + 0.2 * time.sin(), 0.3 + 0.1 * time, 0.2 + 0.02 * time, time - 1, torch.ones(9)]
        tracks.state[0, :, number] = torch.stack(state, -1)
        tracks.outline[0, number] = torch.linspace(0.5, 1, 33)
    tracks.camera[0] = torch.stack([0.05 * time, -0.03 * time, 0.1 * time], -1)
    return tracks


def nobody() -> torch.Tensor:
    return torch.zeros(1, 9, KEYPOINTS, 3)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_tracks_come_back_as_they_were(count: int) -> None:
    tracks = things(count)
    vectors = planner().vectors.encode(tracks, nobody(), kind="body")
    assert vectors.shape == (1, planner().vectors.width, 9, 1, 1)
    found, pose = planner().vectors.decode(vectors)
    assert pose is None
    assert torch.equal(found.state[..., 4], tracks.state[..., 4])
    there = tracks.state[..., 4] > 0
    torch.testing.assert_close(found.state[there], tracks.state[there])
    torch.testing.assert_close(found.outline[:, :count], tracks.outline[:, :count])
    torch.testing.assert_close(found.camera, tracks.camera)


def test_what_changes_is_told_in_every_frame_and_ignored_on_the_way_back() -> None:
    vectors = planner().vectors
    resting, turning = things(), things()
    for tracks in (resting, turning):
        tracks.state[0, :, 0, :3], tracks.camera[:] = 0.4, 0
    resting.state[0, :, 0, 3] = 1.0
    rest, turn = (vectors.encode(tracks, nobody(), kind="body") for tracks in (resting, turning))
    changes = rest[0, vectors.changes, :, 0, 0]
    assert torch.equal(changes, changes[:, :1].expand_as(changes))
    assert (changes < -1).all()
    more = turn[0, vectors.changes, 0, 0, 0] - changes[:, 0]
    assert more.nonzero().flatten().tolist() == [3, 4], "cosine and sine of the first angle"
    assert (more[3:5] > 1).all()
    louder = turn.clone()
    louder[:, vectors.changes] += 1
    assert torch.equal(vectors.decode(louder)[0].state, vectors.decode(turn)[0].state)


def test_a_camera_that_hardly_moves_is_at_rest() -> None:
    tracks = things()
    trembling = Tracks(tracks.state, tracks.outline, tracks.camera * 0.02)
    found, _ = planner().vectors.decode(planner().vectors.encode(trembling, nobody(), kind="body"))
    assert not found.camera.any()


def test_an_outline_that_flickers_is_averaged_over_time() -> None:
    vectors = planner().vectors.encode(things(), nobody(), kind="body")
    noise = torch.zeros_like(vectors)
    noise[:, 6:39, ::2], noise[:, 6:39, 1:-1:2] = 0.4, -0.5
    plain, flickering = (planner().vectors.decode(each)[0].outline for each in (vectors, vectors + noise))
    torch.testing.assert_close(plain, flickering)


@pytest.mark.parametrize(("kind", "clip"), [("body", "person"), ("head", "portrait")])
def test_poses_of_the_world_come_back_nearly_with_the_same_points_absent(kind: str, clip: str) -> None:
    basis = PoseBasis(20)
    basis.fit(write_script(clip, torch.arange(400), num_frames=1).points[:, 1])
    points = write_script(clip, torch.arange(900, 940), num_frames=1).points[:, 1]
    found = basis.decode(basis.encode(points))
    assert torch.equal(found[..., 2] > 0, points[..., 2] > 0)
    assert (found - points)[points[..., 2] > 0][:, :2].abs().mean() < 0.01
    assert basis.encode(points).std() < 2


def test_a_body_and_a_head_are_told_apart() -> None:
    for kind, clip in (("body", "person"), ("head", "portrait")):
        script = write_script(clip, torch.arange(1), num_frames=9)
        vectors = planner().vectors.encode(Tracks.none(1, 9), script.points[:, 1:], kind=kind)
        tracks, pose = planner().vectors.decode(vectors)
        assert not tracks.state[..., 4].any()
        assert pose is not None
        assert bool((pose[:, 18:88, 2] > 0).any()) == bool((script.points[..., 18:88, 2] > 0).any())


def test_feet_which_the_world_lacks_are_neither_read_nor_made() -> None:
    points = write_script("person", torch.arange(40), num_frames=2).points[:, 1]
    assert not points[:, FEET_SLICE].any()
    basis = PoseBasis(6)
    basis.fit(points)
    walking = points.clone()
    walking[:, FEET_SLICE] = torch.tensor([0.5, 0.9, 1.0])
    assert torch.equal(basis.encode(walking), basis.encode(points))
    assert not basis.decode(basis.encode(walking))[:, FEET_SLICE].any()


def test_too_few_poses_are_refused() -> None:
    with pytest.raises(ValueError, match="3 poses cannot give 6 components"):
        PoseBasis(6).fit(torch.rand(3, KEYPOINTS, 3))


def test_a_small_hole_is_noise_and_a_ring_keeps_its_own() -> None:
    tracks, vectors = things(2), planner().vectors
    tracks.outline[0, 0, -1], tracks.outline[0, 1, -1] = 0.2, 0.44
    outline = vectors.decode(vectors.encode(tracks, nobody(), kind="body"))[0].outline
    assert float(outline[0, 0, -1]) == 0
    assert float(outline[0, 1, -1]) == pytest.approx(0.44)
