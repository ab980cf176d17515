"""Upscaling as a stream: neighbours of the same shot, tiles without seams, bounded memory, exact sizes."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from itertools import islice, pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from videogen.enhance.upscale import Enlargement, plan_enlargement, spans, upscale, windows
from videogen.errors import RequestError
from videogen.models.upscaler import Upscaler, UpscalerConfig
from videogen.types import Frame


class Plain:
    """Twice as large by nearest pixels, of one frame: what a single-image network looks like."""

    scale, frames = 2, 1

    def __call__(self, clip: Tensor, /) -> Tensor:
        return F.interpolate(clip[:, 0], scale_factor=2, mode="nearest")


class Local(Plain):
    """A network that sees 3 frames and 6 pixels around."""

    frames = 3

    def __call__(self, clip: Tensor, /) -> Tensor:
        mixed = clip[:, 1] + 0.3 * (clip[:, 0] - clip[:, 2])
        for _ in range(3):
            mixed = F.avg_pool2d(mixed, 5, 1, 2, count_include_pad=False).sin()
        return F.interpolate(mixed, scale_factor=2, mode="bilinear")


class Recorder(Plain):
    """Remembers the brightness of every frame that it saw, in one window a call."""

    frames = 5

    def __init__(self) -> None:
        self.seen: list[list[int]] = []

    def __call__(self, clip: Tensor, /) -> Tensor:
        self.seen.append([round(float(frame.mean()) * 255) for frame in clip[0]])
        return F.interpolate(clip[:, 2], scale_factor=2, mode="nearest")


def film(count: int, *, height: int = 20, width: int = 24, seed: int = 0) -> list[Frame]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(count)]


def uncut(frames: list[Frame]) -> list[tuple[Frame, bool]]:
    return [(frame, False) for frame in frames]


def test_a_single_image_network_makes_every_frame_twice_as_large() -> None:
    frames = film(3)
    made = list(upscale(uncut(frames), Plain(), scale=2))
    for frame, large in zip(frames, made, strict=True):
        assert np.array_equal(large, frame.repeat(2, 0).repeat(2, 1))


def test_four_times_is_two_passes_and_odd_sizes_are_exact() -> None:
    made = list(upscale(uncut(film(2, height=13, width=17)), Plain(), scale=4))
    assert [frame.shape for frame in made] == [(52, 68, 3)] * 2


def test_neighbours_come_from_the_same_shot_and_its_ends_stand_for_what_is_missing() -> None:
    frames = [np.full((8, 8, 3), 10 * number, np.uint8) for number in range(1, 8)]
    network = Recorder()
    list(upscale([(frame, number == 4) for number, frame in enumerate(frames)], network, scale=2))
    assert network.seen == [
        [10, 10, 10, 20, 30],
        [10, 10, 20, 30, 40],
        [10, 20, 30, 40, 40],
        [20, 30, 40, 40, 40],
        [50, 50, 50, 60, 70],
        [50, 50, 60, 70, 70],
        [50, 60, 70, 70, 70],
    ]


def test_shots_of_one_frame_see_only_themselves() -> None:
    frames = film(3)
    for window, is_cut in windows([(frame, number > 0) for number, frame in enumerate(frames)], reach=2):
        assert all(frame is window[2] for frame in window)
        assert is_cut == (window[2] is not frames[0])


def test_a_second_pass_keeps_the_cuts() -> None:
    frames = [np.full((8, 8, 3), 10 * number, np.uint8) for number in range(1, 5)]
    network = Recorder()
    list(upscale([(frame, number == 2) for number, frame in enumerate(frames)], network, scale=4))
    assert len(network.seen) == 8
    assert not any({10, 20} & set(window) and {30, 40} & set(window) for window in network.seen)


def test_tiles_give_what_the_whole_gives() -> None:
    frames = film(3, height=90, width=131)
    whole = list(upscale(uncut(frames), Local(), scale=2))
    tiled = list(upscale(uncut(frames), Local(), scale=2, tile=64, overlap=32))
    for one, other in zip(whole, tiled, strict=True):
        assert int(np.abs(one.astype(int) - other).max()) <= 1


def test_tiles_without_enough_in_common_would_show() -> None:
    frames = film(1, height=90, width=131)
    whole, tiled = (
        next(iter(upscale(uncut(frames), Local(), scale=2, tile=tile, overlap=0))) for tile in (512, 32)
    )
    assert int(np.abs(whole.astype(int) - tiled).max()) > 1


def test_tiles_of_the_own_network_hardly_differ_from_the_whole() -> None:
    torch.manual_seed(0)
    network = Upscaler(UpscalerConfig(width=8, inner=8, blocks=2)).eval()
    torch.nn.init.normal_(network.head.weight, std=0.05)
    y, x = np.mgrid[:120, :150]
    frames = [
        (127 + 60 * np.sin((x + shift) / 5) + 60 * np.cos(y / 7)).astype(np.uint8)[..., None].repeat(3, 2)
        for shift in (0, 0.6, 1.3)
    ]
    whole = list(upscale(uncut(frames), network, scale=2))
    tiled = list(upscale(uncut(frames), network, scale=2, tile=96, overlap=48))
    for one, other in zip(whole, tiled, strict=True):
        assert float(np.abs(one.astype(int) - other).mean()) < 0.05
        assert int(np.abs(one.astype(int) - other).max()) <= 4


@pytest.mark.parametrize(
    ("length", "tile", "overlap"), [(5, 16, 8), (100, 32, 8), (101, 33, 16), (1000, 64, 31)]
)
def test_tiles_cover_the_side_and_overlap(length: int, tile: int, overlap: int) -> None:
    found = spans(length, tile, overlap)
    assert found[0][0] == 0
    assert found[-1][1] == length
    assert all(end - start <= tile for start, end in found)
    for (_, end), (start, _) in pairwise(found):
        assert end - start >= overlap
        assert start % 4 == 0


def test_tiles_are_alike_so_that_little_is_done_twice() -> None:
    assert spans(640, 512, 32) == [(0, 336), (304, 640)]


def test_few_frames_are_held_however_long_the_film() -> None:
    alive: list[weakref.ref[Frame]] = []
    most = 0

    def endless() -> Iterator[tuple[Frame, bool]]:
        nonlocal most
        number = 0
        while True:
            frame = np.full((8, 8, 3), number % 200, np.uint8)
            alive.append(weakref.ref(frame))
            most = max(most, sum(ref() is not None for ref in alive))
            yield frame, number % 7 == 6
            del frame
            number += 1

    network = Recorder()
    for _ in islice(upscale(endless(), network, scale=2), 100):
        pass
    assert len(alive) <= 103, "more was read ahead than the network sees"
    assert most <= 8


def test_half_precision_stays_near() -> None:
    torch.manual_seed(0)
    network = Upscaler(UpscalerConfig(width=8, inner=8, blocks=1)).eval()
    frames = film(2)
    one, other = (
        next(iter(upscale(uncut(frames), network, scale=2, dtype=kind)))
        for kind in (torch.float32, torch.bfloat16)
    )
    assert float(np.abs(one.astype(int) - other).mean()) < 2


def test_a_size_is_reached_exactly_and_progress_is_told() -> None:
    told: list[int] = []
    made = list(upscale(uncut(film(3)), Plain(), scale=2, size=(36, 30), progress=told.append))
    assert [frame.shape for frame in made] == [(30, 36, 3)] * 3
    assert told == [1, 2, 3]


def test_a_height_is_planned_from_the_next_larger_step() -> None:
    assert plan_enlargement(640, 360, step=2, target=1080) == Enlargement(4, 1920, 1080)
    assert plan_enlargement(640, 360, step=2, target=720) == Enlargement(2, 1280, 720)
    assert plan_enlargement(853, 480, step=4, target=720) == Enlargement(4, 1280, 720)
    assert plan_enlargement(101, 77, step=2, scale=4) == Enlargement(4, 404, 308)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scale": 3}, "--scale is 3"),
        ({"scale": 1}, "--scale is 1"),
        ({"target": 361}, "even number over the video's own 360"),
        ({"target": 360}, "even number over the video's own 360"),
        ({"scale": 64}, "at most 16384"),
        ({}, "either --scale or --height"),
        ({"scale": 2, "target": 720}, "either --scale or --height"),
    ],
)
def test_impossible_enlargements_are_refused(options: dict[str, int], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        plan_enlargement(640, 360, step=2, **options)


def test_impossible_tiles_and_scales_are_refused() -> None:
    for options in ({"scale": 2, "tile": 32, "overlap": 20}, {"scale": 2, "tile": 8}, {"scale": 3}):
        with pytest.raises(RequestError):
            next(iter(upscale(uncut(film(1)), Plain(), **options)))  # type: ignore[arg-type]
