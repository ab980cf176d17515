"""Several people keep who they are, whatever order a file has them in."""

from __future__ import annotations

import numpy as np
import pytest

from videogen.conditions.pose_people import follow_people
from videogen.skeleton import KEYPOINTS
from videogen.types import Pose

LENGTH = 40


@pytest.fixture
def body(dance: Pose) -> np.ndarray:
    """A dancer in the middle, `t k 3`, about 0.8 pictures tall."""
    return dance.points[:LENGTH].astype(np.float64)


def placed(body: np.ndarray, x: np.ndarray | float, *, scale: float = 0.5, y: float = 0.5) -> np.ndarray:
    """The dancer smaller, with the middle at `x` (per frame, if wanted), `t k 3`."""
    moved = body.copy()
    moved[..., :2] = (body[..., :2] - 0.5) * scale + y
    moved[..., 0] += np.broadcast_to(x, LENGTH)[:, None] - y
    return moved * (body[..., 2:] > 0)


def shuffled(*people: np.ndarray, seed: int = 0) -> list[list[np.ndarray]]:
    """The people of each frame in an order of its own; who is nowhere is left out."""
    random = np.random.default_rng(seed)
    frames = []
    for number in range(LENGTH):
        there = [person[number] for person in people if person[number].any()]
        frames.append([there[n] for n in random.permutation(len(there))])
    return frames


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_largest_over_the_whole_clip_comes_first(body: np.ndarray) -> None:
    small, large = placed(body, 0.2, scale=0.3), placed(body, 0.7, scale=0.6)
    tracks = follow_people(shuffled(small, large))
    assert len(tracks) == 2
    assert_same(tracks[0], large)
    assert_same(tracks[1], small)


def test_who_is_large_for_a_moment_only_is_not_first(body: np.ndarray) -> None:
    passer = placed(body, 0.2, scale=0.9)
    passer[5:] = 0
    tracks = follow_people(shuffled(placed(body, 0.7, scale=0.4), passer))
    assert_same(tracks[0], placed(body, 0.7, scale=0.4))
    assert_same(tracks[1], passer)


@pytest.mark.parametrize("seed", range(5))
def test_people_who_cross_are_not_mixed(body: np.ndarray, seed: int) -> None:
    there, back = np.linspace(0.2, 0.8, LENGTH), np.linspace(0.8, 0.2, LENGTH)
    one, two = placed(body, there), placed(body[::-1], back, scale=0.45)
    tracks = follow_people(shuffled(one, two, seed=seed))
    assert len(tracks) == 2
    assert_same(tracks[0], one)
    assert_same(tracks[1], two)


def test_people_who_look_the_same_keep_their_headings_where_they_cross(body: np.ndarray) -> None:
    there = np.linspace(0.2, 0.8, LENGTH)
    still = np.repeat(body[:1], LENGTH, 0)
    one, two = placed(still, there), placed(still, there[::-1])
    tracks = follow_people(shuffled(one, two))
    assert len(tracks) == 2
    places = sorted(track[:, 1, 0].tolist() for track in tracks)
    np.testing.assert_allclose(places, sorted(person[:, 1, 0].tolist() for person in (one, two)), atol=1e-6)


def test_people_who_hide_each_other_while_they_cross_are_not_mixed(body: np.ndarray) -> None:
    there, back = np.linspace(0.2, 0.8, LENGTH), np.linspace(0.8, 0.2, LENGTH)
    front, behind = placed(body, there), placed(body[::-1], back, scale=0.45)
    behind[17:23] = 0
    tracks = follow_people(shuffled(front, behind))
    assert len(tracks) == 2
    assert_same(tracks[0], front)
    assert_same(tracks[1], behind)


def test_who_is_away_for_some_frames_is_waited_for(body: np.ndarray) -> None:
    stays, leaves = placed(body, 0.3, scale=0.3), placed(body, 0.7, scale=0.6)
    leaves[10:25] = 0
    tracks = follow_people(shuffled(stays, leaves))
    assert len(tracks) == 2
    assert_same(tracks[0], leaves)
    assert_same(tracks[1], stays)


def test_who_takes_a_place_far_from_any_other_is_somebody_new(body: np.ndarray) -> None:
    stays, first, second = (placed(body, x, scale=0.3) for x in (0.5, 0.1, 0.9))
    first[15:], second[:20] = 0, 0
    tracks = follow_people(shuffled(stays, first, second))
    assert len(tracks) == 3
    assert_same(tracks[0], stays)


def test_two_thirds_of_the_points_may_come_and_go(body: np.ndarray) -> None:
    random = np.random.default_rng(0)
    one, two = placed(body, 0.3, scale=0.5), placed(body, 0.7, scale=0.4)
    for person in (one, two):
        person[random.random(person.shape[:2]) < 0.66] = 0
    tracks = follow_people(shuffled(one, two))
    assert_same(tracks[0], one)
    assert_same(tracks[1], two)


def test_a_single_person_may_jump(body: np.ndarray) -> None:
    jumps = placed(body, np.where(np.arange(LENGTH) % 2, 0.1, 0.9), scale=0.2)
    jumps[5:9] = 0
    (track,) = follow_people(shuffled(jumps))
    assert_same(track, jumps)


def test_ghosts_of_a_frame_or_two_are_nobody(body: np.ndarray) -> None:
    ghost = placed(body, 0.1, scale=0.2)
    ghost[[n for n in range(LENGTH) if n not in (3, 20)]] = 0
    (track,) = follow_people(shuffled(placed(body, 0.6), ghost))
    assert_same(track, placed(body, 0.6))


def test_a_still_has_all_its_people(body: np.ndarray) -> None:
    frame = shuffled(placed(body, 0.2, scale=0.3), placed(body, 0.7, scale=0.6))[:1]
    tracks = follow_people(frame)
    assert [track.shape for track in tracks] == [(1, KEYPOINTS, 3)] * 2
    assert_same(tracks[0][0], placed(body, 0.7, scale=0.6)[0])


def test_nobody_has_no_track() -> None:
    assert follow_people([[], [np.zeros((KEYPOINTS, 3))]]) == []
    assert follow_people([]) == []


def test_distances_count_alike_in_wide_pictures(body: np.ndarray) -> None:
    """Who is gone, and who comes a person's size beside that place, are two."""
    stays, leaves, comes = (placed(body, x, scale=0.3) for x in (2.0, 0.5, 0.9))
    leaves[20:], comes[:20] = 0, 0
    for person in (stays, leaves, comes):
        person[..., 0] /= 4
    assert len(follow_people(shuffled(stays, leaves, comes), aspect=4.0)) == 3
