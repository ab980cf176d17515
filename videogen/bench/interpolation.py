"""Frames in between, rebuilt: on real clips that nothing was trained on, and on held-out collages.

Real: the first 61 frames of a clip (the walk at 640 x 360 by area means, the heads as they are); 30 times an
odd frame is rebuilt from its two neighbours. World: collages of held-out photographs and textures whose parts
and camera move, by up to a quarter of the side between the outer frames, at any moment between them. PSNR
and SSIM of uint8 frames, each frame's own, averaged.

The rival is DIS flow (Kroeger et al. 2016; OpenCV, preset medium), found both ways on grey pictures: each
frame is looked up at a point minus its own flow's share of the way to the moment, and both are averaged; the
baseline blends. On the walk that is 41.95 dB and 35.13 dB; 41.92 dB, 0.9905 and 35.16 dB, 0.963 where frames
are decoded without regard to their colour tags.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from videogen.bench.figures import MADE, RIVAL, TRIVIAL, Evaluation
from videogen.bench.metrics import psnr, ssim
from videogen.engine import Engine
from videogen.errors import MissingExtra
from videogen.media.video import read_video
from videogen.types import Frame
from videogen.weights.enhancers import has_enhancer, load_interpolator
from videogen.world.triplets import draw_album, draw_triplets

CLIPS: dict[str, tuple[int, int] | None] = {
    "clips/walk-720p-24fps.mp4": (640, 360),
    "talking/head-1.mp4": None,
    "talking/head-3.mp4": None,
}
"""Real clips in a folder of media, and the width and height to which they are made smaller."""

SIDES = (128, 256)
"""Sides of the world's collages, in pixels."""

_REBUILT = 30
_SEED, _ALBUM = 9071, 64
_SPEED_SIDE, _RUNS = 512, 3
CORES = 2
"""On so many speed is measured."""

Between = Callable[[Frame, Frame, float], Frame]
"""The frame at a moment 0…1 between two."""


@dataclass(frozen=True)
class Triplet:
    """Two frames, uint8 `h w 3`, and the true one at `moment` (0…1) between them."""

    first: Frame
    second: Frame
    truth: Frame
    moment: float = 0.5


def evaluate_interpolation(
    engine: Engine, *, clips: int, media: Path | None = None, progress: Callable[[], None] = lambda: None
) -> Evaluation:
    """Figures of pocket's interpolator, nothing where it has none; `clips` collages of each size.

    `media` is a folder with some of `CLIPS`, each skipped where it is absent.
    """
    found = Evaluation()
    if not has_enhancer("interpolator"):
        return found
    network = load_interpolator().network.to(engine.device)
    methods = _methods(network)
    for path, size in CLIPS.items():
        if media is not None and (media / path).is_file():
            score(found, Path(path).stem, read_triplets(media / path, size=size), methods)
    for side in SIDES:
        name = f"large motion at {side}"
        score(found, name, draw_world(clips, side=side), methods, progress=progress)
    for column, speed in measure_speed(methods).items():
        found.add(f"interpolation: frames of {_SPEED_SIDE}x{_SPEED_SIDE} a second", column, speed)
    return found


def score(
    found: Evaluation,
    name: str,
    triplets: Iterable[Triplet],
    methods: dict[str, Between],
    *,
    progress: Callable[[], None] = lambda: None,
) -> None:
    """Note PSNR and SSIM of every method, by column, on every triplet; `progress` is called after each."""
    for each in triplets:
        for column, between in methods.items():
            made = between(each.first, each.second, each.moment)[None]
            found.add(f"interpolation, {name}: PSNR", column, psnr(made, each.truth[None]))
            found.add(f"interpolation, {name}: SSIM", column, ssim(made, each.truth[None]))
        progress()


def read_triplets(path: Path, *, size: tuple[int, int] | None = None) -> Iterator[Triplet]:
    """The first triplets of a clip, at `size` (width, height) if given; raises MediaError."""
    with read_video(path) as clip:
        frames = iter(_smaller(frame, size) for frame in islice(clip, 2 * _REBUILT + 1))
        first = next(frames, None)
        for truth, second in zip(frames, frames, strict=False):
            if first is not None:
                yield Triplet(first, second, truth)
            first = second


def draw_world(count: int, *, side: int) -> Iterator[Triplet]:
    """The same `count` collages every time, of pictures that training never shows."""
    album = draw_album(0, count=_ALBUM, seed=_SEED, held_out=True)
    for number in range(count):
        drawn = draw_triplets(album, torch.tensor([number]), size=side, seed=_SEED, large=True)
        first, second, truth = (_to_frame(each) for each in (drawn.first, drawn.second, drawn.middle))
        yield Triplet(first, second, truth, float(drawn.time))


def blend(first: Frame, second: Frame, moment: float) -> Frame:
    """Both frames mixed by their nearness."""
    return _rounded((1 - moment) * first.astype(np.float32) + moment * second)


def follow_flow(first: Frame, second: Frame, moment: float) -> Frame:
    """Both frames moved along DIS flow and mixed by their nearness; raises MissingExtra without OpenCV."""
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra("opencv-contrib-python", extra="pose") from error
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (first, second)]
    find: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    y, x = np.mgrid[: first.shape[0], : first.shape[1]].astype(np.float32)
    moved = []
    for frame, pair, share in ((first, grey, moment), (second, grey[::-1], 1 - moment)):
        flow = find.calc(*pair, None) * np.float32(share)
        where = x - flow[..., 0], y - flow[..., 1]
        there = cv2.remap(frame, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        moved.append(np.asarray(there, np.uint8))
    return blend(moved[0], moved[1], moment)


def measure_speed(methods: dict[str, Between]) -> dict[str, float]:
    """Frames a second that learnt and classical methods draw on two cores, at their best of three."""
    drawn = draw_triplets(
        draw_album(0, count=8, seed=_SEED, held_out=True), torch.tensor([0]), size=_SPEED_SIDE, seed=_SEED
    )
    first, second = _to_frame(drawn.first), _to_frame(drawn.second)
    found, threads = {}, torch.get_num_threads()
    try:
        use_cores(CORES)
        for column in (MADE, RIVAL):
            if column in methods:
                runs = [_seconds(methods[column], first, second) for _ in range(1 + _RUNS)]
                found[column] = 1 / min(runs[1:])
    finally:
        use_cores(threads)
    return found


def _methods(network: nn.Module) -> dict[str, Between]:
    """What is compared, by the column of its figures; without OpenCV there is no rival."""
    nothing = np.zeros((32, 32, 3), np.uint8)
    found: dict[str, Between] = {MADE: _by(network), RIVAL: follow_flow, TRIVIAL: blend}
    try:
        follow_flow(nothing, nothing, 0.5)
    except MissingExtra:
        del found[RIVAL]
    return found


def _by(network: nn.Module) -> Between:
    device = next(network.parameters()).device

    @torch.inference_mode()
    def between(first: Frame, second: Frame, moment: float) -> Frame:
        pair = torch.from_numpy(np.stack([first, second])).to(device).permute(0, 3, 1, 2) / 255
        return _to_frame(network(pair[:1], pair[1:], torch.tensor([moment], device=device)))

    return between


def _seconds(between: Between, first: Frame, second: Frame) -> float:
    started = time.perf_counter()
    between(first, second, 0.5)
    return time.perf_counter() - started


def use_cores(count: int) -> None:
    """Let torch and OpenCV compute on so many cores."""
    torch.set_num_threads(count)
    try:
        import cv2
    except ImportError:
        return
    cv2.setNumThreads(count)


def _smaller(frame: Frame, size: tuple[int, int] | None) -> Frame:
    if size is None or size == frame.shape[1::-1]:
        return frame
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BOX))


def _to_frame(picture: Tensor) -> Frame:
    return _rounded((picture[0].permute(1, 2, 0) * 255).cpu().numpy())


def _rounded(values: NDArray[Any]) -> Frame:
    return np.asarray(values.round().clip(0, 255), np.uint8)
