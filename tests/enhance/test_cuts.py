"""Cuts: films made of shots whose beginnings are known, and what looks like a cut and is none."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data

from videogen.enhance.cuts import find_cuts, marked
from videogen.media.video import read_video
from videogen.types import Frame
from videogen.world.clips import render_clips

MEDIA = Path(__file__).parents[3] / "shared" / "media"
SIZE = 96


def photograph(name: str) -> Frame:
    """A photograph that scikit-image brings, RGB, 300 by 450 of its pixels."""
    picture = getattr(data, name)()[:300, :450]
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, 2)


def pan(picture: Frame, count: int, *, step: int, width: int = SIZE) -> list[Frame]:
    """A camera that moves to the right by so many thirds of a pixel a frame."""
    rows = picture[: 3 * SIZE : 3]
    return [rows[:, step * index : step * index + 3 * width : 3] for index in range(count)]


def world(kind: str, index: int, count: int, *, fps: float) -> list[Frame]:
    """A clip of the procedural world."""
    video = render_clips(kind, torch.tensor([index]), size=SIZE, num_frames=count, fps=fps).video[0]
    frames = video.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 3, 0).numpy()
    return [np.ascontiguousarray(frame) for frame in frames]


@pytest.fixture(scope="module")
def shots() -> list[list[Frame]]:
    """Twenty shots of 8 to 27 frames: photographs that the camera passes, and the world."""
    kinds = ("object", "picture", "person", "portrait")
    photographs = ("astronaut", "coffee", "chelsea", "camera")
    found = []
    for number in range(20):
        if number % 2:
            step = 2 + number % 5
            picture = photograph(photographs[number // 2 % 4])
            found.append(pan(picture, 8 + number % 10, step=step))
        else:
            fps = (12.0, 24.0, 30.0)[number % 3]
            found.append(world(kinds[number // 2 % 4], number, 8 + number, fps=fps))
    return found


def beginnings(shots: list[list[Frame]]) -> set[int]:
    return set(np.cumsum([len(shot) for shot in shots])[:-1].tolist())


def test_all_cuts_of_a_film_of_twenty_shots_are_found_and_no_others(shots: list[list[Frame]]) -> None:
    film = [frame for shot in shots for frame in shot]
    assert set(find_cuts(film)) == beginnings(shots)


def test_the_frames_pass_unchanged_in_order_and_three_are_held_at_most(shots: list[list[Frame]]) -> None:
    film = [frame for shot in shots[:3] for frame in shot]
    taken = 0

    def counted() -> Iterator[Frame]:
        nonlocal taken
        for frame in film:
            taken += 1
            yield frame

    for number, (frame, _) in enumerate(marked(counted())):
        assert frame is film[number]
        assert taken <= number + 3
    assert taken == len(film) == number + 1


@pytest.mark.parametrize("kind", ["object", "person", "portrait", "picture"])
def test_fast_things_are_no_cuts(kind: str) -> None:
    for index in range(4):
        assert find_cuts(world(kind, index, 16, fps=8)) == ()


@pytest.mark.parametrize("step", [3, 12, 18])
def test_a_camera_that_moves_fast_or_begins_to_is_no_cut(step: int) -> None:
    moving = pan(photograph("astronaut"), 11, step=step, width=64)
    assert find_cuts(moving) == ()
    assert find_cuts([moving[0]] * 6 + moving) == ()


@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize("level", [255, 128])
def test_a_flash_is_no_cut(length: int, level: int) -> None:
    film = pan(photograph("coffee"), 24, step=3)
    for number in range(12, 12 + length):
        film[number] = np.full_like(film[number], level)
    assert find_cuts(film) == ()


def test_a_shot_of_three_frames_is_a_shot() -> None:
    film = pan(photograph("coffee"), 24, step=3)
    film[12:15] = pan(photograph("astronaut"), 3, step=3)
    assert find_cuts(film) == (12, 15)


def test_light_that_goes_on_and_off_leaves_the_shot_what_it_is() -> None:
    film = pan(photograph("coffee"), 24, step=3)
    dark = [frame // 2 if 8 <= number < 16 else frame for number, frame in enumerate(film)]
    assert find_cuts(dark) == ()


@pytest.mark.parametrize("length", [6, 15, 25])
def test_fades_and_dissolves_are_no_cuts(length: int) -> None:
    one, other = (pan(photograph(name), length + 10, step=3) for name in ("coffee", "astronaut"))
    shares = np.arange(1, length + 1) / length
    out = [(frame * (1 - share)).astype(np.uint8) for frame, share in zip(one[10:], shares, strict=True)]
    back = [(frame * share).astype(np.uint8) for frame, share in zip(other[:length], shares, strict=True)]
    mixed = [
        (a * (1 - share) + b * share).astype(np.uint8)
        for a, b, share in zip(one[10:], other[:length], shares, strict=True)
    ]
    assert find_cuts(one[:10] + out + back + other[length:]) == ()
    assert find_cuts(one[:10] + mixed + other[length:]) == ()


def test_the_first_and_the_last_frame_can_be_shots_of_their_own() -> None:
    one, other = (pan(photograph(name), 8, step=3) for name in ("coffee", "astronaut"))
    assert find_cuts(one[:1] + other) == (1,)
    assert find_cuts(one + other[:1]) == (8,)
    assert find_cuts(one[:2] + other[:2]) == (2,)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_films_of_hardly_any_frames_have_no_cuts(count: int) -> None:
    film = pan(photograph("coffee"), 3, step=3)[:count]
    assert [frame is film[number] for number, (frame, _) in enumerate(marked(film))] == [True] * count
    assert find_cuts(film) == ()


@pytest.mark.skipif(not MEDIA.is_dir(), reason="there are no real clips here")
def test_a_talking_head_that_ends_in_a_title_has_one_cut() -> None:
    with read_video(MEDIA / "talking" / "head-1.mp4") as video:
        assert find_cuts(video) == (269,)


@pytest.mark.skipif(not MEDIA.is_dir(), reason="there are no real clips here")
@pytest.mark.parametrize("seed", range(3))
def test_all_cuts_of_a_film_of_real_shots_are_found_and_one_false_at_most(seed: int) -> None:
    shots = draw_real_shots(seed)
    found = set(find_cuts(frame for shot in shots for frame in shot))
    assert found >= beginnings(shots)
    assert len(found) <= 20


def draw_real_shots(seed: int) -> list[list[Frame]]:
    """Twenty shots of 8 to 29 frames out of seven real clips, next to each other of two."""
    dice = np.random.default_rng(seed)
    names = [
        "clips/walk-720p-24fps.mp4", "talking/head-1.mp4", "talking/head-3.mp4", "clips/camera-1.gif",
        "clips/animatediff-01.gif", "clips/animatediff-03.gif", "poses/densepose-running.mp4",
    ]  # fmt: skip
    clips = []
    for name in names:
        with read_video(MEDIA / name) as video:
            clips.append([letterboxed(frame) for frame in islice(video, 120)])
    shots: list[list[Frame]] = []
    for number in range(20):
        clip = clips[(number * 3 + seed) % len(clips)]
        length = min(int(dice.integers(8, 30)), len(clip))
        start = int(dice.integers(0, len(clip) - length + 1))
        shots.append(clip[start : start + length])
    return shots


def letterboxed(frame: Frame) -> Frame:
    """A frame within 160x90, on black."""
    from PIL import Image

    image = Image.fromarray(frame)
    image.thumbnail((160, 90))
    canvas = Image.new("RGB", (160, 90))
    canvas.paste(image, ((160 - image.width) // 2, (90 - image.height) // 2))
    return np.asarray(canvas)
