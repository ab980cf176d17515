"""The world tells the truth: flow, keypoints, captions and labels against the pixels themselves."""

from __future__ import annotations

import logging
import time
from dataclasses import fields
from itertools import islice

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from videogen.skeleton import KEYPOINTS
from videogen.world import KINDS, WorldClips, render_clips
from videogen.world.caption import said
from videogen.world.clips import write_script
from videogen.world.figure import COLOUR_PAINTS, COLOURS
from videogen.world.motion import CROSSING
from videogen.world.objects import HELD_OUT
from videogen.world.scene import SCENES, draw_scene
from videogen.world.script import Clips
from videogen.world.shapes import OBJECT_SHAPES

PALETTE = torch.tensor(COLOUR_PAINTS) / 255
LARGE = 192


def assert_same(found: Clips, expected: Clips, rows: list[int]) -> None:
    """Compare clips with the rows of a batch, bit for bit."""
    for field in fields(Clips):
        value, whole = getattr(found, field.name), getattr(expected, field.name)
        if isinstance(whole, Tensor):
            assert torch.equal(value, whole[rows]), field.name
        elif isinstance(whole, list):
            assert value == [whole[row] for row in rows], field.name


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_is_the_same_clip_in_any_batch_and_order(kind: str) -> None:
    batch = render_clips(kind, torch.arange(6), size=32, num_frames=3)
    assert_same(render_clips(kind, torch.tensor([4, 0, 5]), size=32, num_frames=3), batch, [4, 0, 5])
    assert_same(render_clips(kind, torch.tensor([3]), size=32, num_frames=3), batch, [3])


@pytest.mark.parametrize("kind", KINDS)
def test_indices_seeds_and_splits_are_different_clips(kind: str) -> None:
    plain = render_clips(kind, torch.arange(4), size=16, num_frames=2).reference
    assert len(plain.flatten(1).unique(dim=0)) == 4
    for options in ({"seed": 1}, {"held_out": True}):
        other = render_clips(kind, torch.arange(4), size=16, num_frames=2, **options).reference  # type: ignore[arg-type]
        assert ((other - plain).abs().amax((1, 2, 3)) > 0).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_frames", [1, 5])
def test_shapes_and_ranges_are_as_documented(kind: str, num_frames: int) -> None:
    clips = render_clips(kind, torch.arange(3), size=16, num_frames=num_frames)
    assert clips.kind == kind
    assert clips.video.shape == (3, 3, num_frames, 16, 16)
    assert clips.reference.shape == (3, 3, 16, 16)
    assert clips.points.shape == (3, num_frames, KEYPOINTS, 3)
    assert clips.reference_points.shape == (3, KEYPOINTS, 3)
    assert clips.source.shape == (3, num_frames, 16, 16, 2)
    assert clips.visible.shape == (3, num_frames, 16, 16)
    assert clips.fps.shape == (3,)
    assert len(clips.captions) == len(clips.labels) == 3
    for value in (clips.video, clips.reference):
        assert value.min() >= -1
        assert value.max() <= 1
        assert value.dtype == torch.float32
    assert set(clips.visible.unique().tolist()) <= {0.0, 1.0}
    people = kind in ("person", "portrait", "face")
    assert (clips.points[..., 2].sum() > 0) == people


def test_a_rate_is_drawn_or_given() -> None:
    drawn = render_clips("object", torch.arange(400), size=4, num_frames=1).fps
    assert sorted(set(drawn.tolist())) == [4, 8, 12]
    assert 0.4 < (drawn == 8).float().mean() < 0.6
    given = render_clips("object", torch.arange(4), size=4, num_frames=1, fps=25.0).fps
    assert given.tolist() == [25.0] * 4


def test_a_higher_rate_shows_the_same_motion_more_finely() -> None:
    index = torch.arange(4)
    slow = render_clips("picture", index, size=32, num_frames=8, fps=4.0)
    fast = render_clips("picture", index, size=32, num_frames=16, fps=8.0)
    torch.testing.assert_close(fast.video[:, :, ::2], slow.video, rtol=0, atol=1e-3)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        render_clips("landscape", torch.arange(1))


def labels(kind: str, *, held_out: bool) -> list[dict[str, str]]:
    return render_clips(kind, torch.arange(6000), size=4, num_frames=1, held_out=held_out).labels


def test_held_out_things_are_never_seen_in_training_and_always_when_held_out() -> None:
    def triples(*, held_out: bool) -> list[tuple[str, str, str]]:
        found = labels("object", held_out=held_out)
        return [(label["colour"], label["shape"], label["motion"]) for label in found]

    trained = set(triples(held_out=False))
    assert not trained & set(HELD_OUT)
    assert len(trained) > 0.75 * 8 * 12 * 10
    assert set(triples(held_out=True)) == set(HELD_OUT)


def psnr(error: Tensor) -> float:
    """Decibels of a mean squared error on −1…1."""
    return float(-10 * torch.log10(error / 4))


@pytest.mark.parametrize(
    ("kind", "least"), [("object", 31), ("person", 28), ("portrait", 32), ("picture", 45)]
)
def test_the_reference_carried_along_the_flow_is_the_clip_where_it_is_visible(kind: str, least: int) -> None:
    clips = render_clips(kind, torch.arange(12), num_frames=6)
    length = clips.video.shape[2]
    reference = clips.reference[:, None].expand(-1, length, -1, -1, -1).flatten(0, 1)
    grid = clips.source.flatten(0, 1) * 2 - 1
    carried = F.grid_sample(reference, grid, padding_mode="border", align_corners=False)
    error = (carried.unflatten(0, (-1, length)).transpose(1, 2) - clips.video).square().mean(1)
    still = (clips.reference[:, :, None] - clips.video).square().mean(1)
    seen = clips.visible
    assert 0.7 < seen.mean() < 1
    assert psnr((error * seen).sum() / seen.sum()) > least
    assert psnr(still.mean()) < least - 7
    hidden = 1 - seen
    assert (error * hidden).sum() / hidden.sum() > 5 * (error * seen).sum() / seen.sum()


def test_the_reference_is_frame_zero_of_its_own_keypoints() -> None:
    clips = render_clips("person", torch.arange(12), num_frames=4)
    there = (clips.reference_points[:, None] - clips.points)[..., :18, :2].abs().amax((2, 3))
    assert (there > 0.005).float().mean() > 0.9, "another pose"


def moved_pixels(clips: Clips) -> Tensor:
    """Where a thing is that is not where it was in the reference, `b t h w`."""
    size = clips.video.shape[-1]
    axis = (torch.arange(size) + 0.5) / size
    here = torch.stack(torch.broadcast_tensors(axis[None, :], axis[:, None]), -1)
    return (clips.source - here).norm(dim=-1) > 0.5 / size


def test_labels_name_the_colour_of_the_thing() -> None:
    clips = render_clips("object", torch.arange(200), num_frames=2, fps=8.0, truth=True)
    assert clips.mask is not None
    checked = 0
    for row, label in enumerate(clips.labels):
        pixels = ((clips.video[row] + 1) / 2).permute(1, 2, 3, 0)[clips.mask[row] == 1]
        if len(pixels) >= 150 and label["texture"] == "plain" and label["shape"] in OBJECT_SHAPES:
            off = (PALETTE * 0.9 - pixels.median(0).values).norm(dim=1)
            assert COLOURS[int(off.argmin())] == label["colour"], label
            checked += 1
    assert checked > 60


@pytest.mark.parametrize("kind", ["object", "person", "portrait"])
def test_labels_name_the_scene(kind: str) -> None:
    clips = render_clips(kind, torch.arange(150), size=32, num_frames=1)
    column = (clips.video[:, :, 0, :, 0] + 1) / 2  # b c h
    places = render_backgrounds()
    off = torch.stack(
        [(column[:, None, :, end] - places[None, ..., end]).norm(dim=-1) for end in (0, -1)]
    ).sum(0)
    found = [SCENES[int(i) % len(SCENES)] for i in off.argmin(1)]
    assert found == [label["scene"] for label in clips.labels]


class Fixed:
    """Dice that always show the same face."""

    def __init__(self, value: float) -> None:
        self.value = value

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        return torch.full((len(SCENES),), low + (high - low) * self.value)


def render_backgrounds() -> Tensor:
    """The first columns of all scenes in 13 brightnesses, `(13 scenes) 3 32`."""
    scenes = torch.arange(len(SCENES))
    levels = torch.linspace(0, 1, 13).tolist()
    return torch.cat([draw_scene(scenes, Fixed(v), size=32)[..., 0] for v in levels])  # type: ignore[arg-type]


def test_labels_name_the_motion() -> None:
    clips = render_clips("object", torch.arange(300), size=32, num_frames=6, fps=8.0, truth=True)
    assert clips.mask is not None
    thing = (clips.mask == 1).double()
    simple = [label["count"] == "1" and label["camera"] == "still" for label in clips.labels]
    area = thing.sum((2, 3))
    axis = (torch.arange(32) + 0.5) / 32
    x, y = (thing * axis).sum((2, 3)) / area, (thing * axis[:, None]).sum((2, 3)) / area
    still = moved_pixels(clips).flatten(1).sum(1) == 0
    dx, dy, growth = x[:, -1] - x[:, 0], y[:, -1] - y[:, 0], area[:, -1] / area[:, 0]
    truths = {
        "right": (dx > 0.06) & (dy.abs() < 0.03), "left": (dx < -0.06) & (dy.abs() < 0.03),
        "down": (dy > 0.06) & (dx.abs() < 0.03), "up": (dy < -0.06) & (dx.abs() < 0.03),
        "grow": growth > 1.3, "shrink": growth < 1 / 1.3,
        "still": still,
        "spin": (dx.abs() < 0.1) & (dy.abs() < 0.1) & (area.amin(1) > 0),
    }  # fmt: skip
    named = [label["motion"] for label in clips.labels]
    for motion, truth in truths.items():
        rows = [row for row, name in enumerate(named) if name == motion and simple[row]]
        assert len(rows) > 5
        assert truth[rows].float().mean() > 0.9, motion


@pytest.mark.parametrize("kind", ["object", "person", "portrait"])
def test_captions_say_what_the_labels_say(kind: str) -> None:
    script = write_script(kind, torch.arange(500), num_frames=2)
    named = [said(text, label) for text, label in zip(script.captions, script.labels, strict=True)]
    if kind == "object":
        assert all({"colour", "shape"} <= names for names in named)
    else:
        assert all("action" in names for names in named)
    assert 0.75 < sum("scene" in names for names in named) / 500 < 0.95


def test_a_clip_ends_before_a_crossing_does_where_it_can() -> None:
    clips = render_clips("object", torch.arange(400), num_frames=8, size=32, fps=8 / CROSSING)
    going = [
        row for row, label in enumerate(clips.labels) if label["motion"] in ("right", "left", "up", "down")
    ]
    source = clips.source[going]
    steps = (source[:, 1:] - source[:, :-1]).abs().amax((2, 3, 4))
    assert (steps > 0.001).all()


MIXTURE = {"object": 0.5, "person": 0.3, "picture": 0.2}


def test_a_batch_has_its_number_whoever_asks() -> None:
    clips = WorldClips(mixture=MIXTURE, batch_size=2, size=8, num_frames=2, seed=4)
    assert_same(clips.batch(7), next(islice(iter(clips), 7, None)), [0, 1])
    later = WorldClips(mixture=MIXTURE, batch_size=2, size=8, num_frames=2, seed=4, first_batch=7)
    assert_same(next(iter(later)), clips.batch(7), [0, 1])


def test_batches_share_no_clip_and_keep_the_mixture() -> None:
    clips = WorldClips(mixture=MIXTURE, batch_size=2, size=4, num_frames=1)
    batches = [clips.batch(number) for number in range(120)]
    kinds = [batch.kind for batch in batches]
    for kind, share in MIXTURE.items():
        assert abs(kinds.count(kind) / 120 - share) < 0.15
    pictures = [batch.reference for batch in batches if batch.kind == "object"]
    assert len(torch.cat(pictures).flatten(1).unique(dim=0)) == 2 * len(pictures)


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")  # of a machine with one core
def test_workers_share_the_numbers_out() -> None:
    clips = WorldClips(mixture={"object": 1.0}, batch_size=2, size=8, num_frames=1)
    loader = torch.utils.data.DataLoader(clips, batch_size=None, num_workers=2)
    for number, batch in enumerate(islice(loader, 4)):
        assert_same(batch, clips.batch(number), [0, 1])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_rate_of_rendering_is_reported(kind: str, record_property: pytest.FixtureRequest) -> None:
    indices = torch.arange(32)
    render_clips(kind, indices)
    started = time.perf_counter()
    video = render_clips(kind, indices).video
    rate = 32 * video.shape[2] / (time.perf_counter() - started)
    record_property(f"{kind} frames per second", round(rate))  # type: ignore[operator]
    logging.getLogger(__name__).warning("%s: %.0f frames of 64x64 a second", kind, rate)
    assert video.isfinite().all()
