"""The U-Net's stage: batches follow from their number, conditions are dropped, masks are of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from itertools import islice, pairwise

import pytest
import torch
from torch import Tensor

from tests.tiny import UNET, autoencoder, tokenizer
from videogen.models.conditioned import ConditionedUNet
from videogen.training import unet
from videogen.training.text import MAX_TOKENS
from videogen.training.unet import KEEP, SHARES, Sample, Samples, UNetStage, draw_masks, pocket_config
from videogen.world import WorldClips, render_clips

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Samples that are not rendered ahead leave torch with one thread."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def samples(**options: int) -> Samples:
    torch.manual_seed(0)
    vae = autoencoder().eval().requires_grad_(False)
    return Samples(vae, tokenizer(), batch_size=4, seed=2, **{"first": 0, "device": "cpu", **options})  # type: ignore[arg-type]


def stage(monkeypatch: pytest.MonkeyPatch, *, workers: int = 0) -> UNetStage:
    """Return the stage with a tiny U-Net."""
    monkeypatch.setattr(unet, "pocket_config", lambda: UNET)
    monkeypatch.setattr(unet, "build_text_encoder", tiny_text_encoder)
    torch.manual_seed(0)
    return UNetStage(autoencoder(), tokenizer(), batch_size=4, workers=workers)


def tiny_text_encoder(vocabulary: int) -> torch.nn.Module:
    from transformers import CLIPTextModel

    from tests.tiny import text_config

    assert vocabulary == len(tokenizer())
    return CLIPTextModel(text_config())


def assert_same(found: Sample, expected: Sample) -> None:
    for each in fields(Sample):
        ours, theirs = getattr(found, each.name), getattr(expected, each.name)
        assert torch.equal(ours, theirs) if isinstance(theirs, Tensor) else ours == theirs, each.name


def test_a_batch_follows_from_its_number() -> None:
    batches = list(islice(iter(samples()), 4))
    assert_same(samples().batch(2), batches[2])
    assert_same(next(iter(samples(first=3))), batches[3])
    for number in numbers_of("person", 5):  # which roll for the field that carries them
        assert_same(samples().batch(number), samples().batch(number))


def test_shapes_are_as_documented_and_every_fourth_batch_is_long() -> None:
    for number, batch in enumerate(islice(iter(samples()), 4)):
        b, t = (2, 16) if number == 3 else (4, 8)
        assert batch.clean.shape == batch.carried.shape == (b, 8, t, 16, 16)
        assert batch.reference.shape == (b, 8, 16, 16)
        assert batch.visibility.shape == (b, 1, t, 16, 16)
        assert batch.pose.shape == (b, 3, t, 64, 64)
        assert batch.tokens.shape == (b, MAX_TOKENS)
        assert batch.fps.shape == (b,)
        assert 0 <= batch.visibility.min() <= batch.visibility.max() <= 1


def numbers_of(kind: str, count: int) -> list[int]:
    kinds = WorldClips(mixture=SHARES, batch_size=1, size=4, num_frames=1, seed=2)
    found = (number for number in range(400) if number % 4 != 3 and kinds.batch(number).kind == kind)
    return list(islice(found, count))


def test_nobody_has_no_pose_and_people_have_one() -> None:
    for kind, there in (("object", False), ("picture", False), ("person", True), ("portrait", True)):
        pose = samples().batch(numbers_of(kind, 1)[0]).pose
        assert (pose.amax() > 0.5) == there, kind


def test_things_are_carried_by_the_true_flow_and_people_mostly_by_their_poses() -> None:
    made = samples()
    for kind, count, least, most in (("object", 3, 1.0, 1.0), ("person", 12, 0.02, 0.6)):
        exact = 0
        for number in numbers_of(kind, count):
            truth = torch.nn.functional.avg_pool3d(made.short.batch(number).visible[:, None], (1, 4, 4))
            exact += torch.equal(made.batch(number).visibility, truth)
        assert least <= exact / count <= most, kind


def test_batches_rendered_ahead_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead, here = stage(monkeypatch, workers=1), stage(monkeypatch, workers=0)
    for found, expected in zip(islice(ahead.batches(5), 2), islice(here.batches(5), 2), strict=True):
        assert_same(found, expected)


def test_the_loss_follows_from_the_step_and_reaches_every_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    made = stage(monkeypatch)
    batch = samples().batch(numbers_of("portrait", 1)[0])
    loss, figures = made.loss(batch, step=1, device=CPU)
    assert figures == {"portrait": loss.item()}
    assert torch.equal(made.loss(batch, step=1, device=CPU)[0], loss)
    assert not torch.equal(made.loss(batch, step=2, device=CPU)[0], loss)
    for step in range(2):
        made.loss(batch, step=step, device=CPU)[0].backward()
    without = {name for name, parameter in made.model.named_parameters() if parameter.grad is None}
    assert {name.rsplit(".", 1)[0] for name in without} == {"denoiser.appearance_encoder.norms.0"}, (
        "the first size has no attention to give tokens to"
    )
    assert all(not parameter.requires_grad for parameter in made.vae.parameters())


def kept(monkeypatch: pytest.MonkeyPatch, kind: str) -> dict[str, float]:
    """Return how often each condition is there, over many clips."""
    made, clips, steps = stage(monkeypatch), 128, 24
    full = torch.ones(clips, 8, 8, 4, 4)
    tokens = torch.full((clips, MAX_TOKENS), 7)
    batch = Sample(
        kind, full, full, full[:, :, 0], full[:, :1], full[:, :3], tokens, torch.full((clips,), 8.0)
    )
    counts = dict.fromkeys(("text", "reference", "field", "pose", "known"), 0.0)
    for step in range(steps):
        read, given = made._drop(batch, full, generator=torch.Generator().manual_seed(step))
        counts["text"] += (read == 7).all(1).sum().item()
        counts["reference"] += given["reference_present"].sum().item()
        counts["field"] += given["visibility"].flatten(1).amax(1).sum().item()
        counts["pose"] += given["pose"].flatten(1).amax(1).sum().item()
        counts["known"] += given["mask"].flatten(1).amax(1).sum().item()
        assert (given["visibility"].flatten(1).amax(1) <= given["reference_present"]).all()
        assert ((read == 7).all(1) | (read == made.empty).all(1)).all()
    return {name: count / (clips * steps) for name, count in counts.items()}


def test_every_condition_is_dropped_as_often_as_said(monkeypatch: pytest.MonkeyPatch) -> None:
    found, told = kept(monkeypatch, "portrait"), 1 - KEEP["words only"]
    assert found["text"] == pytest.approx(KEEP["text"], abs=0.04)
    assert found["reference"] == pytest.approx(KEEP["reference"] * told, abs=0.04)
    assert found["field"] == pytest.approx(KEEP["reference"] * told * KEEP["field"], abs=0.04)
    assert found["pose"] == pytest.approx(KEEP["pose"] * told, abs=0.04)
    assert found["known"] == pytest.approx(KEEP["known"], abs=0.04)


def test_things_are_mostly_made_from_words(monkeypatch: pytest.MonkeyPatch) -> None:
    found = kept(monkeypatch, "object")
    shown = KEEP["reference"] * (1 - KEEP["words only"]) * KEEP["object reference"]
    assert found["reference"] == pytest.approx(shown, abs=0.04)


def masks() -> Tensor:
    return draw_masks(torch.zeros(500, 8, 8, 16, 16), generator=torch.Generator().manual_seed(0))


def test_masks_are_of_every_kind_and_nearly_always_leave_something_to_do() -> None:
    found = masks()
    assert found.shape == (500, 1, 8, 16, 16)
    assert set(found.unique().tolist()) == {0.0, 1.0}
    assert found.flatten(1).amin(1).mean() < 0.03  # both halves are known at times
    whole = found.flatten(3).amin(3) == found.flatten(3).amax(3)
    frames = [tuple(row.flatten(2).amin(2)[0].int().tolist()) for row in found[whole.all(2)[:, 0]]]
    starts = sum(row[0] == 1 and row[-1] == 0 for row in frames)
    ends = sum(row[0] == 0 and row[-1] == 1 for row in frames)
    both = sum(row[0] == 1 and row[-1] == 1 for row in frames)
    inside = sum(row[0] == 0 and row[-1] == 0 and sum(row) == 1 for row in frames)
    boxes = 500 - len(frames)
    assert min(starts, ends, both, inside, boxes) > 40
    for row in frames:
        edges = sum(first != second for first, second in pairwise(row))
        assert edges <= 2


def test_a_box_is_the_same_rectangle_in_every_frame() -> None:
    for row in masks()[:, 0]:
        if row[0].min() == row[0].max() and row.flatten(1).amin(1).equal(row.flatten(1).amax(1)):
            continue
        assert torch.equal(row, row[:1].expand_as(row))
        rows, columns = (row[0] == 0).any(1), (row[0] == 0).any(0)
        assert (row[0] == 0).sum() == rows.sum() * columns.sum()


def test_masks_follow_from_their_generator() -> None:
    assert torch.equal(masks(), masks())


def test_the_true_field_carries_the_reference() -> None:
    clips = render_clips("object", torch.arange(3), num_frames=4)
    field = unet.exact_field(clips)
    carried = unet.warp(clips.reference, field)
    seen = field.visibility[:, None].expand_as(carried) > 0
    assert (carried - clips.video)[seen].square().mean() < 0.002


def test_pocket_is_small_enough_to_ship() -> None:
    with torch.device("meta"):
        denoiser = ConditionedUNet(pocket_config(), latent_channels=8)
    assert 2 * sum(parameter.numel() for parameter in denoiser.parameters()) < 36e6
