"""The analyser on true renders, which it must read right, and on made-up tracks, poses and pictures."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from videogen.errors import RequestError
from videogen.skeleton import KEYPOINTS
from videogen.world.analyse import Reading, analyse, classify_action, classify_motion, clothes
from videogen.world.analysis.colour import to_lab
from videogen.world.analysis.ground import roughen, to_side
from videogen.world.analysis.places import as_frames
from videogen.world.clips import render_clips, write_script

FPS = 8.0
RATES = [(8, 8.0), (16, 8.0), (8, 4.0), (8, 12.0)]


@cache
def readings(*, rough: bool) -> list[tuple[Reading, dict[str, str], np.ndarray]]:
    """What is read of 64 clips of things (rough: 32) beside what is true: labels, states `t THINGS 5`."""
    out = []
    for held_out in (False, True):
        batch = render_clips(
            "object", torch.arange(16 if rough else 32), num_frames=8, seed=11, fps=FPS, held_out=held_out
        )
        states = batch.tracks.state.double().numpy()
        for number, (video, label) in enumerate(zip(batch.video, batch.labels, strict=True)):
            frames = as_frames(video)
            frames = roughen(frames, seed=number) if rough else frames
            out.append((analyse(frames, fps=FPS, kind="object"), label, states[number]))
    return out


def share_right(attribute: str, *, rough: bool) -> float:
    """The share of things (or of clips, for what a clip has once) whose attribute is read right."""
    right = []
    for reading, label, _ in readings(rough=rough):
        if attribute in ("scene", "camera"):
            right.append(getattr(reading, attribute) == label[attribute])
        elif attribute == "count":
            right.append(str(reading.count) == label["count"])
        else:
            seen = {thing.colour: thing for thing in reading.things}
            for suffix in ("", "2") if label["count"] == "2" else ("",):
                thing = seen.get(label[f"colour{suffix}"])
                right.append(thing is not None and getattr(thing, attribute) == label[f"{attribute}{suffix}"])
    return float(np.mean(right))


@pytest.mark.parametrize(
    ("attribute", "clean", "rough"),
    [
        ("scene", 0.98, 0.95), ("colour", 0.98, 0.95), ("count", 0.98, 0.95), ("motion", 0.95, 0.9),
        ("camera", 0.96, 0.9), ("shape", 0.93, 0.88),
    ],
)  # fmt: skip
def test_true_renders_of_things_are_read_right_and_rough_ones_nearly(
    attribute: str, clean: float, rough: float
) -> None:
    assert share_right(attribute, rough=False) >= clean
    assert share_right(attribute, rough=True) >= rough


def test_tracks_lie_on_the_things() -> None:
    gaps, sizes = [], []
    for reading, label, state in readings(rough=False):
        if label["count"] == "1" and reading.count == 1:
            track = reading.things[0].track
            gaps.append(np.nanmedian(np.hypot(*(track[:, :2] - state[:, 0, :2]).T)))
            sizes.append(np.nanmedian(track[:, 2] / state[:, 0, 2]))
    assert np.median(gaps) < 0.01
    assert 0.85 < np.median(sizes) < 1.1


@pytest.mark.parametrize(("num_frames", "fps"), RATES)
def test_motions_of_true_tracks_are_named_right(num_frames: int, fps: float) -> None:
    for held_out in (False, True):
        script = write_script(
            "object", torch.arange(200), num_frames=num_frames, seed=12, fps=fps, held_out=held_out
        )
        states, cameras = (
            script.tracks.state[:, 1:].double().numpy(),
            script.tracks.camera[:, 1:].double().numpy(),
        )
        right = [
            classify_motion(state[:, 0, :4], fps=fps, camera=camera) == label["motion"]
            for state, camera, label in zip(states, cameras, script.labels, strict=True)
        ]
        assert np.mean(right) >= 0.99


@pytest.mark.parametrize("kind", ["person", "portrait"])
@pytest.mark.parametrize(("num_frames", "fps"), RATES[:1] + RATES[3:])
def test_actions_of_true_poses_are_named_right(kind: str, num_frames: int, fps: float) -> None:
    script = write_script(kind, torch.arange(200), num_frames=num_frames, seed=12, fps=fps)
    poses = script.points[:, 1:].numpy()
    right = [
        classify_action(pose, fps=fps) == label["action"]
        for pose, label in zip(poses, script.labels, strict=True)
    ]
    assert np.mean(right) >= 0.99


def test_nobody_and_nothing_stand_still() -> None:
    assert classify_action(np.zeros((8, KEYPOINTS, 3)), fps=FPS) == "stand"
    assert classify_motion(np.full((8, 4), np.nan), fps=FPS) == "still"


def test_a_wobble_is_not_a_motion_and_a_camera_moves_nothing() -> None:
    dice = np.random.default_rng(0)
    still = np.tile([0.5, 0.5, 0.2, 0.0], (8, 1))
    wobble = still + dice.normal(0, 0.006, (8, 4))
    assert classify_motion(wobble, fps=FPS) == "still"
    pan = np.zeros((8, 3))
    pan[:, 0] = np.linspace(-0.1, 0.1, 8)
    carried = still + np.pad(pan[:, :1], ((0, 0), (0, 3)))
    assert classify_motion(carried, fps=FPS) == "right"
    assert classify_motion(carried, fps=FPS, camera=pan) == "still"


def test_a_thing_that_is_flipped_over_once_or_twice_does_not_spin() -> None:
    track = np.tile([0.5, 0.5, 0.2, 0.0], (16, 1))
    track[:, 3] = np.repeat([0.0, np.pi, 2 * np.pi], [5, 5, 6])
    assert classify_motion(track, fps=FPS) == "still"
    track[:, 3] = np.linspace(0, -2 * np.pi, 16)
    assert classify_motion(track, fps=FPS) == "spin"


@pytest.mark.parametrize("kind", ["person", "portrait"])
def test_clothes_are_read_at_true_joints(kind: str) -> None:
    batch = render_clips(kind, torch.arange(64), num_frames=4, seed=13, fps=FPS)
    right: dict[str, list[bool]] = {}
    for video, points, label in zip(batch.video, batch.points.numpy(), batch.labels, strict=True):
        for part, name in clothes(as_frames(video), points).items():
            worn = next(key for key in (part, "shorts", "skirt") if key in label)
            right.setdefault(part, []).append(label[worn] == name)
    assert np.mean(right["shirt"]) >= 0.98
    assert np.mean(right["hair"]) >= 0.9
    if kind == "person":
        assert np.mean(right["trousers"]) >= 0.98


@pytest.mark.slow
def test_people_and_their_joints_are_read_from_pixels() -> None:
    batch = render_clips("person", torch.arange(64), num_frames=8, seed=13, fps=FPS)
    actions, errors = [], []
    for video, points, label in zip(batch.video, batch.points.numpy(), batch.labels, strict=True):
        reading = analyse(as_frames(video), fps=FPS, kind="person")
        assert reading.joints is not None
        actions.append(reading.action == label["action"])
        errors.append(np.hypot(*(reading.joints[..., :2] - points[:, :18, :2]).transpose(2, 0, 1)))
    assert np.mean(actions) >= 0.95
    assert np.mean(np.array(errors) < 0.1) >= 0.95


def test_lab_of_known_colours() -> None:
    lab = to_lab(np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0], [128, 128, 128]], dtype=np.uint8))
    expected = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20], [53.59, 0, 0]]
    np.testing.assert_allclose(lab, expected, atol=0.02)


def test_larger_pictures_are_read_like_small_ones() -> None:
    small = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    large = small.repeat(2, 1).repeat(2, 2)
    np.testing.assert_allclose(to_side(large).astype(float), small, atol=1.0)


@pytest.mark.parametrize(
    ("frames", "fps", "kind"),
    [
        (np.zeros((2, 8, 8), np.uint8), 8.0, None),
        (np.zeros((2, 8, 8, 3), np.float32), 8.0, None),
        (np.zeros((0, 8, 8, 3), np.uint8), 8.0, None),
        (np.zeros((2, 8, 8, 3), np.uint8), 0.0, None),
        (np.zeros((2, 8, 8, 3), np.uint8), 8.0, "picture"),
    ],
)
def test_what_cannot_be_read_is_refused(frames: np.ndarray, fps: float, kind: str | None) -> None:
    with pytest.raises(RequestError, match="give"):
        analyse(frames, fps=fps, kind=kind)
